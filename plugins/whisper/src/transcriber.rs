//! A stream's audio to words: the window is encoded, decoded until a decode is good, and converted to passages and
//! words.
//!
//! Invariant: the words of a buffer depend only on the buffer, the prompt, the stream's options and, if the language is
//! detected, the language so far. Threads: one at a time.

use crate::{
    alignment,
    decoding::{self, Decoded, Draft, Manner, Prompt},
    fallback::{Fallback, Verdict},
    language::Language,
    listening::Listening,
    model::Whisper,
    network::Audio,
    passages::{self, Spoken},
    rules::Rules,
    timing::Timing,
    window::Window,
};
use auricle_plugin_api::{Config, Error};
use auricle_plugin_kit::online::{Buffer, Passage, Request, TimedWord, Transcriber, Transcript};
use std::sync::Arc;

/// Maximum number of decodes of a buffer, for a model that ends early each time.
const MOST_DECODES: usize = 8;
/// Audio that is shorter is not decoded again, in seconds.
const LEAST_AGAIN: f64 = 0.5;

/// A stream's options.
struct Options {
    /// The language's token, if it was selected.
    language: Option<u32>,
    /// The languages that may be detected; any if there are none.
    languages: Vec<u32>,
    translate: bool,
    /// Given to the model before the text of the stream.
    prompt: String,
    fallback: Fallback,
    beams: usize,
    repetitions: usize,
}

/// A stream.
pub struct Listener {
    model: Arc<Whisper>,
    options: Options,
    rules: Rules,
    listening: Listening,
    language: Language,
    window: Window,
    /// The tokens of the last decode.
    draft: Vec<u32>,
}

impl Listener {
    pub(crate) fn new(model: Arc<Whisper>, options: &Config) -> Result<Self, Error> {
        let vocabulary = &model.vocabulary;
        let token = |field: &str, tag: &str| match tag {
            tag if vocabulary.languages.is_empty() && tag.starts_with("en") => Ok(None),
            tag => vocabulary.language(tag).map(Some).ok_or_else(|| {
                let known: Vec<&str> = vocabulary.languages.iter().map(|(tag, _)| tag.as_str()).collect();
                let known = if known.is_empty() { "en only".to_owned() } else { known.join(", ") };
                Error::config(field, format!("the model does not know `{tag}`; it knows {known}"))
            }),
        };
        let tag: String = options.get("lan")?;
        let language = if tag == "auto" { None } else { token("lan", &tag)? };
        let languages: Vec<String> = options.get("languages")?;
        let languages = languages.iter().filter_map(|tag| token("languages", tag).transpose());
        let languages = languages.collect::<Result<Vec<_>, _>>()?;
        let translate = options.get::<String>("task")? == "translate";
        if translate && vocabulary.languages.is_empty() {
            return Err(Error::config("task", "the model knows English only and cannot translate"));
        }
        let hotwords: Vec<String> = options.get("hotwords")?;
        let prompt = [options.get::<String>("prompt")?, hotwords.join(", ")];
        let prompt = prompt.iter().filter(|part| !part.trim().is_empty()).map(|part| part.trim()).collect::<Vec<_>>();
        let (beams, repetitions) = (options.get("beam_size")?, options.get("max_repetitions")?);
        let (prompt, fallback) = (prompt.join(" "), Fallback::new(options)?);
        Ok(Self {
            options: Options { language, languages, translate, prompt, fallback, beams, repetitions },
            rules: Rules::new(&model.settings, vocabulary, true),
            listening: Listening::new(Arc::clone(&model.features)),
            language: Language::default(),
            window: Window::new(model.settings.config.num_mel_bins, model.frames()),
            draft: Vec::new(),
            model,
        })
    }

    /// The tokens before the first decoded one.
    fn prompt(&self, text: &str, language: Option<u32>) -> Result<Prompt, Error> {
        let vocabulary = &self.model.vocabulary;
        let mut tokens = Vec::new();
        // The earlier text takes at most half of the room; its end is the most important part.
        let room = self.model.settings.config.max_target_positions / 2 - 1;
        let chosen = self.options.prompt.trim();
        let text = [chosen, text.trim()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        if let Some(before) = vocabulary.before.filter(|_| !text.is_empty()) {
            let earlier = vocabulary.encode(&format!(" {text}"))?;
            tokens.push(before);
            tokens.extend(&earlier[earlier.len().saturating_sub(room)..]);
        }
        let start = tokens.len();
        tokens.push(vocabulary.start);
        if !vocabulary.languages.is_empty() {
            tokens.extend(language);
            tokens.extend(if self.options.translate { vocabulary.translate } else { vocabulary.transcribe });
        }
        Ok(Prompt { tokens, start })
    }

    /// Detects the language of the stream from a window with `seconds` of audio.
    fn detect(&mut self, audio: &Audio, seconds: f64) -> Result<Option<u32>, Error> {
        let vocabulary = &self.model.vocabulary;
        if vocabulary.languages.is_empty() {
            return Ok(None);
        }
        let mut decode = self.model.network.begin(audio, &[vocabulary.start], &[0], 1)?;
        let logits = decode.logits(0)?;
        let logit = |token: u32| logits.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let (may_be, tokens) = (&self.options.languages, vocabulary.languages.iter().map(|(_, token)| *token));
        let tokens = tokens.filter(|token| may_be.is_empty() || may_be.contains(token));
        let logits: Vec<_> = tokens.map(|token| (token, logit(token))).collect();
        Ok(self.language.update(&logits, seconds))
    }

    /// Decodes a window at increasing temperatures until the text is good; the last one is used in any case. `None` if
    /// there is no speech, or the call was cancelled.
    fn decode(
        &self,
        audio: &Audio,
        prompt: &Prompt,
        request: Request<'_>,
        timing: &mut Timing,
    ) -> Result<Option<Decoded>, Error> {
        let model = &*self.model;
        let positions = model.settings.config.max_target_positions;
        let manner = Manner {
            rules: &self.rules,
            end: model.vocabulary.end,
            no_speech: model.vocabulary.no_speech,
            most: positions.saturating_sub(prompt.tokens.len()).min(positions / 2),
            beams: self.options.beams,
            repetitions: self.options.repetitions,
            draft: Draft::new(&self.draft),
            cancelled: &|| request.cancelled(),
        };
        let mut last = None;
        for (attempt, temperature) in self.options.fallback.temperatures.iter().enumerate() {
            let decoded =
                decoding::decode(&model.network, audio, prompt, &manner, *temperature, attempt as u64, timing)?;
            if request.cancelled() {
                return Ok(None);
            }
            let text = model.vocabulary.decode(&decoded.tokens)?;
            match self.options.fallback.judge(&decoded, &text) {
                Verdict::Good => return Ok(Some(decoded)),
                Verdict::Silence => return Ok(None),
                Verdict::Bad => last = Some(decoded),
            }
        }
        Ok(last)
    }

    /// The time at which each token ends, in seconds of the window, from the attention; `None` if the model has none.
    /// `length` is that of the audio in the window, in seconds.
    fn token_ends(
        &self,
        audio: &Audio,
        prompt: &Prompt,
        decoded: &Decoded,
        length: f64,
    ) -> Result<Option<Vec<f64>>, Error> {
        let network = &self.model.network;
        if !network.attends() || decoded.tokens.is_empty() {
            return Ok(None);
        }
        let tokens = [prompt.tokens.as_slice(), &decoded.tokens].concat();
        let frames = ((length / alignment::FRAME) as usize).max(1);
        let attention = network.attention(audio, &tokens, prompt.tokens.len(), frames)?;
        let ends = alignment::token_ends(&attention, self.model.settings.config.median_filter_width);
        Ok((ends.len() == decoded.tokens.len()).then_some(ends))
    }

    /// A passage's words, `offset` seconds after the start of the buffer.
    fn words(
        &self,
        decoded: &Decoded,
        spoken: &Spoken,
        token_ends: Option<&[f64]>,
        language: Option<&str>,
        offset: f64,
    ) -> Result<Passage, Error> {
        let range = spoken.tokens.clone();
        let text: Vec<u32> = decoded.tokens[range.clone()].to_vec();
        let pieces = passages::words(&text, &self.model.vocabulary, language)?;
        let times = match token_ends {
            Some(ends) => passages::aligned(&pieces, range.start, ends),
            None => passages::spread(&pieces, spoken.start, spoken.end),
        };
        let mut at = range.start;
        let mut words = Vec::with_capacity(pieces.len());
        for (piece, (start, end)) in pieces.iter().zip(times) {
            let logprobs = &decoded.logprobs[at..at + piece.tokens];
            at += piece.tokens;
            let probability = (logprobs.iter().sum::<f32>() / piece.tokens.max(1) as f32).exp();
            let mut word = TimedWord::new(start + offset, end + offset, piece.text.as_str());
            word.probability = Some(probability);
            words.push(word);
        }
        Ok(Passage { end: spoken.end + offset, no_speech: decoded.no_speech.unwrap_or(0.0), words })
    }
}

impl Transcriber for Listener {
    fn transcribe(&mut self, audio: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error> {
        self.listening.follow(audio);
        let (lead, length) = (self.listening.lead(audio), self.listening.seconds());
        self.listening.features(&mut self.window);
        let (mut passages, mut language) = (Vec::new(), self.options.language);
        let mut from = 0.0;
        for _ in 0..MOST_DECODES {
            let mut timing = Timing::begin();
            let encoded = self.model.network.encode(&self.window)?;
            timing.encoded();
            if language.is_none() {
                language = self.detect(&encoded, length - from)?;
            }
            let tag = language.and_then(|token| self.model.vocabulary.tag(token));
            let prompt = self.prompt(request.prompt, language)?;
            let decoded = self.decode(&encoded, &prompt, request, &mut timing)?;
            let Some(decoded) = decoded else {
                timing.log(0.0);
                break;
            };
            let (spoken, again) = passages::passages(&decoded.tokens, &self.model.vocabulary, length - from);
            let aligned = std::time::Instant::now();
            let token_ends = self.token_ends(&encoded, &prompt, &decoded, length - from)?;
            timing.log(aligned.elapsed().as_secs_f64());
            if from == 0.0 {
                self.draft.clone_from(&decoded.tokens);
            }
            for spoken in &spoken {
                passages.push(self.words(&decoded, spoken, token_ends.as_deref(), tag, from - lead)?);
            }
            from += again;
            if again <= 0.0 || length - from < LEAST_AGAIN {
                break;
            }
            // A timestamp step is two frames of features.
            self.window.move_on((again * 100.0).round() as usize);
        }
        let language = language.and_then(|token| self.model.vocabulary.tag(token)).map(str::to_owned);
        Ok(Transcript { passages, language })
    }

    fn begin(&mut self) {
        self.language = Language::default();
        self.draft.clear();
    }

    fn separator(&self) -> &str {
        ""
    }
}
