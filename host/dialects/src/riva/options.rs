//! What a client asks of a recognition, checked.
//!
//! What would change the text and cannot be done is refused. What has no effect is noted.

use super::{
    messages::{AudioEncoding, RecognitionConfig},
    settings::RivaSettings,
};
use crate::{
    fields::{KEYTERMS, LANGUAGE},
    preset::{default_preset, named_preset},
};
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode, Pace};
use auricle_session::{Admitted, SessionRequest};
use serde_json::Map;

/// The dialect's name.
pub(super) const NAME: &str = "riva";

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    model: Option<String>,
    language: Option<String>,
    phrases: Vec<String>,
    /// The format of audio without a header; `None` if there must be a header.
    pub(super) raw: Option<AudioFormat>,
    /// Whether results have words.
    pub(super) words: bool,
    /// Whether each channel has a transcript.
    pub(super) per_channel: bool,
    /// The fields without effect.
    pub(super) ignored: Vec<&'static str>,
}

impl Options {
    /// Reads the settings.
    ///
    /// # Errors
    /// A field is out of range, or cannot be served.
    pub fn read(config: RecognitionConfig) -> Result<Self, Failure> {
        if config.profanity_filter {
            return Err(unable("`profanity_filter`"));
        }
        if config.diarization_config.is_some_and(|speakers| speakers.enable_speaker_diarization) {
            return Err(unable("`diarization_config`"));
        }
        let ignored = [
            ("max_alternatives", config.max_alternatives > 1),
            ("enable_automatic_punctuation", config.enable_automatic_punctuation),
            ("verbatim_transcripts", config.verbatim_transcripts),
            ("custom_configuration", !config.custom_configuration.is_empty()),
            ("endpointing_config", config.endpointing_config.is_some()),
        ];
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Self {
            raw: raw(&config)?,
            model: some(config.model),
            language: some(config.language_code),
            phrases: config.speech_contexts.into_iter().flat_map(|context| context.phrases).collect(),
            words: config.enable_word_time_offsets,
            per_channel: config.enable_separate_recognition_per_channel,
            ignored: ignored.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect(),
        })
    }

    /// The format of audio that begins with these bytes, if it has no header.
    ///
    /// # Errors
    /// It has none, and its rate is not stated.
    pub fn raw_format(&self, audio: &[u8]) -> Result<Option<AudioFormat>, Failure> {
        let Some(format) = self.raw else { return Ok(None) };
        if [b"RIFF", b"fLaC", b"OggS"].iter().any(|mark| audio.starts_with(*mark)) {
            return Ok(None);
        }
        format.check().map_err(|error| {
            let message = format!("`sample_rate_hertz` or `audio_channel_count` of audio without a header: {error}");
            Failure::new(FailureCode::InvalidOption, message)
        })?;
        Ok(Some(format))
    }

    /// The session for it.
    ///
    /// # Errors
    /// There is no such model, or it does not take what is asked for.
    pub(super) fn session(
        &self,
        audio: AudioFormat,
        pace: Pace,
        settings: &RivaSettings,
        admitted: &Admitted,
    ) -> Result<SessionRequest, Failure> {
        let (sessions, caller) = (admitted.sessions(), admitted.caller());
        let preset = match &self.model {
            Some(model) => named_preset(model, sessions, caller)?,
            None => default_preset(settings.preset.as_ref(), NAME, "set `model`, or ", admitted)?,
        };
        caller.check_preset(&preset)?;
        let mut options = Map::new();
        if let Some(language) = &self.language {
            options.insert(LANGUAGE.to_owned(), language.as_str().into());
        }
        if !self.phrases.is_empty() {
            if !sessions.opens(&preset, KEYTERMS) {
                let message = format!("`speech_contexts` needs a preset that opens `{KEYTERMS}`; `{preset}` does not");
                return Err(Failure::new(FailureCode::ForbiddenField, message));
            }
            options.insert(KEYTERMS.to_owned(), self.phrases.clone().into());
        }
        let multichannel = self.per_channel;
        Ok(SessionRequest { preset, options, audio, multichannel, pace })
    }
}

/// The format of audio without a header, whose ranges are not checked yet.
fn raw(config: &RecognitionConfig) -> Result<Option<AudioFormat>, Failure> {
    let encoding = match AudioEncoding::try_from(config.encoding) {
        Ok(AudioEncoding::Unspecified | AudioEncoding::LinearPcm) => Encoding::S16le,
        Ok(AudioEncoding::Mulaw) => Encoding::Mulaw,
        Ok(AudioEncoding::Alaw) => Encoding::Alaw,
        Ok(AudioEncoding::Flac | AudioEncoding::OggOpus) => return Ok(None),
        Err(_) => {
            let message = format!(
                "`encoding` {} is unknown: LINEAR_PCM (1), FLAC (2), MULAW (3), OGGOPUS (4) and ALAW (20) are known",
                config.encoding
            );
            return Err(Failure::new(FailureCode::InvalidOption, message));
        }
    };
    // What is out of range here is out of range there.
    let sample_rate = u32::try_from(config.sample_rate_hertz).unwrap_or(0);
    let channels = u16::try_from(config.audio_channel_count).unwrap_or(u16::MAX).max(1);
    Ok(Some(AudioFormat { encoding, sample_rate, channels, channel: None }))
}

fn unable(field: &str) -> Failure {
    Failure::new(FailureCode::InvalidOption, format!("{field}: this server cannot do it; leave it out"))
}

#[cfg(test)]
mod tests {
    use super::{super::messages::*, *};

    #[test]
    fn a_header_wins_over_the_stated_format() {
        let config = RecognitionConfig { sample_rate_hertz: 8_000, audio_channel_count: 2, ..Default::default() };
        let options = Options::read(config).unwrap();
        let stated = AudioFormat { sample_rate: 8_000, channels: 2, ..AudioFormat::default() };
        assert_eq!(options.raw_format(b"\0\0\0\0"), Ok(Some(stated)));
        assert_eq!(options.raw_format(b"RIFF...."), Ok(None));
        let unstated = Options::read(RecognitionConfig::default()).unwrap();
        assert_eq!(unstated.raw_format(b"RIFF...."), Ok(None));
        assert!(unstated.raw_format(b"\0\0").unwrap_err().message.contains("sample_rate_hertz"));
        let flac = RecognitionConfig { encoding: AudioEncoding::Flac as i32, ..Default::default() };
        assert_eq!(Options::read(flac).unwrap().raw_format(b"\0\0"), Ok(None));
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_what_has_no_effect_is_noted() {
        let refused = |config| Options::read(config).unwrap_err();
        let speakers = Some(SpeakerDiarizationConfig { enable_speaker_diarization: true });
        for (config, field) in [
            (RecognitionConfig { profanity_filter: true, ..Default::default() }, "profanity_filter"),
            (RecognitionConfig { diarization_config: speakers, ..Default::default() }, "diarization_config"),
            (RecognitionConfig { encoding: 99, ..Default::default() }, "encoding"),
        ] {
            let failure = refused(config);
            assert!(failure.code == FailureCode::InvalidOption && failure.message.contains(field), "{failure}");
        }
        let config = RecognitionConfig {
            max_alternatives: 3,
            endpointing_config: Some(Present {}),
            diarization_config: Some(SpeakerDiarizationConfig::default()),
            ..Default::default()
        };
        assert_eq!(Options::read(config).unwrap().ignored, ["max_alternatives", "endpointing_config"]);
    }
}
