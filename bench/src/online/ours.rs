//! Auricle's side: the plugin file, opened as by the server, in this process.
//!
//! Words that are final begin the partial until their segment is complete. Invariant: a word is final with the second
//! consecutive report that contains it, as the policy decides, or with its segment, unless it changes later.

use super::{BEAM, CHUNK, FinalWord, PIECE, Results, Side, TRIM};
use crate::{Done, plugin::cpu, recording::RATE};
use auricle_plugin_api::Error;
use auricle_plugin_test::{Recording, StubHost, TestEngine, TestModel};
use serde_json::json;

pub(super) fn open(engine: &TestEngine, host: &StubHost, samples: Vec<f32>, temperatures: &[f64]) -> Done<Side> {
    let fields = json!({
        "model": "fast-int8",
        "threads": 1,
        "lan": "en",
        "vac": true,
        "vad": "silero",
        "min_chunk_size": CHUNK,
        "buffer_trimming_sec": TRIM,
        "beam_size": BEAM,
        "temperature": temperatures,
    });
    let (model, host) = (engine.try_load(fields).map_err(|problem| problem.to_string())?, host.clone());
    let run = move || run(&model, &host, &samples).map_err(|problem| problem.to_string().into());
    Ok(Side::new("Auricle int8", run))
}

fn run(model: &TestModel, host: &StubHost, samples: &[f32]) -> Result<Results, Error> {
    host.take_log();
    let mut processor = model.loaded().processor(model.config())?;
    processor.init(0)?;
    let mut results = Results { cpu: 0.0, decodes: 0, words: Vec::new() };
    let (mut clock, mut inserted) = (0.0f64, 0);
    let mut text = Text::default();
    let mut pieces = samples.chunks(PIECE);
    loop {
        let piece = pieces.next();
        inserted += piece.map_or(0, <[f32]>::len);
        let mut reported = Recording::default();
        let begun = cpu();
        match piece {
            Some(piece) => {
                processor.insert_audio_chunk(piece)?;
                processor.process_iter(&mut reported)?;
            }
            None => processor.finish(&mut reported)?,
        }
        let cost = cpu() - begun;
        results.cpu += cost;
        // A buffer is decoded once per piece, even if it has several windows.
        results.decodes += usize::from(host.take_log().iter().any(|line| line.message.contains("decoded")));
        clock = clock.max(inserted as f64 / RATE) + cost;
        text.update(&reported, clock);
        if piece.is_none() {
            break;
        }
    }
    results.words = text.words.into_iter().map(|(word, _)| word).collect();
    Ok(results)
}

/// The text so far.
#[derive(Default)]
struct Text {
    /// Each word, and whether it is final already.
    words: Vec<(FinalWord, bool)>,
    /// Number of words in segments.
    done: usize,
}

impl Text {
    /// Adds what was reported at the time `now`.
    fn update(&mut self, reported: &Recording, now: f64) {
        for word in reported.words() {
            self.set(self.done, &word.text(), true, now);
            self.done += 1;
        }
        let partial = reported.partials.last().map_or(&[][..], |partial| &partial.words);
        for (place, word) in partial.iter().enumerate() {
            self.set(self.done + place, &word.text(), false, now);
        }
        if !reported.segments.is_empty() || !reported.partials.is_empty() {
            self.words.truncate(self.done + partial.len());
        }
    }

    fn set(&mut self, place: usize, text: &str, segment: bool, now: f64) {
        let new = |certain| (FinalWord { text: text.into(), at: now }, certain);
        match self.words.get_mut(place) {
            Some((word, certain)) if word.text == text && *certain => (),
            Some(entry) => *entry = new(segment || entry.0.text == text),
            None => self.words.push(new(segment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::{Segment, Word};

    #[test]
    fn a_word_is_final_when_it_is_confirmed() {
        let words = |text: &str| {
            let mut segment = Segment::new(0, 0, text);
            segment.words = text.split_whitespace().map(|word| Word::new(0, 0, word)).collect();
            vec![segment]
        };
        let mut text = Text::default();
        let reports = [("", "so it"), ("", "so is"), ("", "so is this"), ("so is", "this"), ("this what", "")];
        for (second, (segment, partial)) in reports.into_iter().enumerate() {
            let segments = if segment.is_empty() { Vec::new() } else { words(segment) };
            text.update(&Recording { segments, partials: words(partial), ..Recording::default() }, second as f64);
        }
        let finals: Vec<_> = text.words.iter().map(|(word, _)| (word.text.as_str(), word.at)).collect();
        assert_eq!(finals, [("so", 1.0), ("is", 2.0), ("this", 3.0), ("what", 4.0)]);
    }
}
