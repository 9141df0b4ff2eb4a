//! Restores a restart point of a streaming engine on `plugin-kit`, and processes audio after it.
//!
//! Checks: it is refused with a one-line error, or the stream continues: segments are in order, words are within them, and another
//! processor accepts the reported restart points.

use crate::{assert_one_line, input::Input};
use auricle_plugin_api::{Error, Segment};
use auricle_plugin_kit::{
    online::{Buffer, OnlineProcessor, Report, Request, Settings, TimedWord, Transcriber, Transcript, Vac},
    vad::Energy,
};

/// Samples per byte of the input.
const STRETCH: usize = 800;
const TEXTS: [&str; 4] = ["so", "is it.", "\u{4e00}", ""];

/// The target; see the module.
pub fn online_restarts(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (gated, sample, length) = (input.u8() & 1 == 1, input.u48(), input.u16());
    let state = input.bytes(usize::from(length));
    let audio: Vec<f32> = input.bytes(400).iter().flat_map(|byte| [f32::from(*byte) / 255.0; STRETCH]).collect();
    let settings = Settings { min_chunk_size: 0.5, buffer_trimming_sec: 3.0, ..Settings::default() };
    let mut told = Answer::new(gated, settings, sample);
    let outcome = if gated {
        let mut vac = Vac::new(Loudness, &settings, Energy::default());
        vac.restore(sample, state).and_then(|()| {
            vac.insert_audio_chunk(&audio);
            vac.process_iter(&mut told)?;
            vac.finish(&mut told)
        })
    } else {
        let mut online = OnlineProcessor::new(Loudness, &settings);
        online.restore(sample, state).and_then(|()| {
            online.insert_audio_chunk(&audio);
            online.process_iter(&mut told)?;
            online.finish(&mut told)
        })
    };
    if let Err(error) = outcome {
        assert_one_line(&error.message);
    }
}

/// Recognizes a word in each half second, by its first sample.
struct Loudness;

impl Transcriber for Loudness {
    fn transcribe(&mut self, audio: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
        let word = |(number, half): (usize, &[f32])| {
            let (start, loud) = (number as f64 / 2.0, (half[0] * 255.0) as usize);
            // Some are as long as the half second, some end after the audio.
            let end = start + if loud.is_multiple_of(13) { f64::INFINITY } else { 0.5 };
            TimedWord::new(start, end, TEXTS[loud % TEXTS.len()])
        };
        Ok(audio.chunks(8_000).enumerate().map(word).collect::<Vec<_>>().into())
    }
}

/// Checks the reported events.
struct Answer {
    gated: bool,
    settings: Settings,
    /// The start of the audio.
    sample: u64,
    /// The end of the last segment.
    end: u64,
}

impl Answer {
    fn new(gated: bool, settings: Settings, sample: u64) -> Self {
        Self { gated, settings, sample, end: 0 }
    }

    fn check(&self, segment: &Segment) {
        assert!(segment.start >= self.end && segment.end >= segment.start, "{segment:?} after {}", self.end);
        let within = |word: &auricle_plugin_api::Word| (segment.start..=segment.end).contains(&word.start);
        assert!(segment.words.iter().all(within), "{segment:?}");
        assert!(segment.words.is_sorted_by(|one, next| one.end <= next.start), "{segment:?}");
    }
}

impl Report for Answer {
    fn partial(&mut self, segment: &Segment) {
        self.check(segment);
    }

    fn segment(&mut self, segment: &Segment) {
        self.check(segment);
        self.end = segment.end;
    }

    fn speech_started(&mut self, sample: u64) {
        assert!(sample >= self.sample, "{sample}");
    }

    fn endpoint(&mut self, sample: u64) {
        assert!(sample >= self.end, "{sample}");
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        assert!(sample >= self.sample, "{sample} lies before {}", self.sample);
        let taken = if self.gated {
            Vac::new(Loudness, &self.settings, Energy::default()).restore(sample, state)
        } else {
            OnlineProcessor::new(Loudness, &self.settings).restore(sample, state)
        };
        taken.expect("a restart point that was told is taken");
    }

    fn cancelled(&self) -> bool {
        false
    }
}
