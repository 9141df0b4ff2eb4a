//! `POST /evaluate_model`: the word and character errors of a file whose text is known.

use super::{
    answer,
    listen::{Received, field},
};
use auricle_core::{
    Failure, FailureCode,
    normalizer::Normalizer,
    word_errors::{Errors, align},
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// The largest number of pairs of characters that are compared: some seconds of work.
const MAX_PAIRS: usize = 1 << 30;

/// What a request asks for.
pub(super) struct Evaluation {
    reference: String,
    normalizer: Normalizer,
}

impl Evaluation {
    /// Reads the fields of a request.
    ///
    /// # Errors
    /// One of them is missing or invalid.
    pub(super) fn read(fields: &[(String, String)]) -> Result<Self, Failure> {
        // As jiwer compares, which the original server uses.
        let normalizer = field(fields, "normalizer").map_or(Ok(Normalizer::None), str::parse);
        let normalizer = normalizer
            .map_err(|problem| Failure::new(FailureCode::InvalidOption, format!("`normalizer` {problem}")))?;
        let reference = field(fields, "reference").unwrap_or_default();
        if normalizer.words(reference).is_empty() {
            let message = "`reference` has no words: send the text that is said in the file";
            return Err(Failure::new(FailureCode::BadMessage, message));
        }
        Ok(Self { reference: reference.to_owned(), normalizer })
    }

    /// Answers with the errors of a request's file.
    pub(super) async fn answer(self, received: Received) -> Response {
        let mut hearing = match received.listen().await {
            Ok(hearing) => hearing,
            Err(failure) => return answer::error(&failure),
        };
        if let Err(failure) = hearing.finish().await {
            return answer::error(&failure);
        }
        let (text, problems) = (hearing.transcript.text(), hearing.transcript.problems());
        // It may take seconds.
        match spawn_blocking(move || self.compare(&text, &problems)).await {
            Ok(result) => Json(result).into_response(),
            // A panic is already logged.
            Err(_) => answer::error(&Failure::new(FailureCode::EngineError, "the texts could not be compared")),
        }
    }

    /// The response, with the names of both versions of the original server.
    fn compare(&self, transcript: &str, warnings: &[String]) -> Value {
        let [said, recognized] = [&self.reference, transcript].map(|text| self.normalizer.words(text));
        let words = Errors::of(&align(&said, &recognized)).rate();
        let [said, recognized] = [said, recognized].map(|words| words.join(" ").chars().collect::<Vec<_>>());
        let is_short = said.len().saturating_mul(recognized.len()) <= MAX_PAIRS;
        let characters = is_short.then(|| Errors::of(&align(&said, &recognized)).rate());
        json!({
            "reference": self.reference,
            "transcript": transcript,
            "hypothesis": transcript,
            "word_error_rate": words,
            "wer": words,
            "char_error_rate": characters,
            "cer": characters,
            "normalizer": self.normalizer.name(),
            "warnings": warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Evaluation, Failure> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Evaluation::read(&fields)
    }

    #[test]
    fn texts_are_compared_as_asked_for() {
        for (normalizer, rate) in [(None, 0.5), (Some("basic"), 0.0)] {
            let fields: Vec<_> = normalizer.iter().map(|name| ("normalizer", *name)).collect();
            let evaluation = read(&[&[("reference", "One two")], &fields[..]].concat()).unwrap();
            let result = evaluation.compare("one two", &[]);
            assert_eq!((&result["wer"], &result["word_error_rate"]), (&json!(rate), &json!(rate)));
            assert_eq!(result["cer"], json!(rate / 3.5));
        }
    }

    #[test]
    fn what_is_missing_or_invalid_is_named() {
        for (fields, problem) in [
            (&[][..], "`reference` has no words"),
            (&[("reference", "!"), ("normalizer", "basic")], "`reference` has no words"),
            (&[("reference", "a"), ("normalizer", "x")], "`normalizer` must be one of `none`"),
        ] {
            let failure = read(fields).err().unwrap();
            assert!(failure.message.contains(problem), "{failure}");
        }
    }
}
