//! The voice activity controller: only speech is decoded, and the end of speech ends the utterance.
//!
//! Audio is processed in pieces of 40 ms, counted from the start of the stream. A start of speech restarts the online
//! processor a little before that place; an end of speech finishes it. If the model was unsure of a word, that happens a
//! second later, because such words often become others when the sentence goes on. In between it decodes whenever more
//! than a chunk of new audio has arrived. Invariants: silence causes no decode and no words; the last second of silence is
//! kept, because speech may start in it; an utterance begins no earlier than the end of the previous one's audio.
//! Threads: one at a time.

use super::{
    processor::OnlineProcessor,
    report::Report,
    restart::State,
    settings::{Limits, Settings},
    transcript::{SAMPLE_RATE, Transcriber},
};
use crate::vad::{Change, Gate, Vad};
use auricle_plugin_api::Error;

/// Number of samples in a piece.
pub const VAC_CHUNK: u32 = SAMPLE_RATE / 25;
/// Number of samples of silence that are kept. After a shorter pause the utterance goes on in the same buffer.
const KEPT: usize = 2 * SAMPLE_RATE as usize;
/// If an utterance begins this many samples after the last word, or fewer, the model is told the words before it.
const CONTEXT: u64 = 10 * SAMPLE_RATE as u64;
/// Number of samples before the start of speech that are decoded with it: models miss the first word without them.
const LEAD: u64 = SAMPLE_RATE as u64 * 6 / 10;

/// If the model is unsure of the last words, they become final this many samples after the end of speech, unless speech goes on.
const HOLD: u64 = SAMPLE_RATE as u64;

/// Streams the speech in audio through a model that can only transcribe a buffer.
pub struct Vac<T, V> {
    pub(super) online: OnlineProcessor<T>,
    gate: Gate<V>,
    /// [`LEAD`], or zero in a test: the lead of the policy's authors.
    pub(super) lead: u64,
    /// Inserted audio that is not a whole piece yet.
    pending: Vec<f32>,
    /// Processed audio that the online processor has not received.
    kept: Vec<f32>,
    /// The first sample of `kept` in the stream.
    kept_at: u64,
    /// Whether there is speech.
    voice: bool,
    /// Number of samples that the online processor has received since its last decode.
    given: usize,
    /// The last restart point.
    restart_at: u64,
    /// The end of speech after which words are not final yet.
    held: Option<u64>,
}

impl<T: Transcriber, V: Vad> Vac<T, V> {
    /// Creates a stream that starts at sample 0.
    pub fn new(transcriber: T, settings: &Settings, vad: V) -> Self {
        // A decode may be one piece late.
        let limits = Limits::new(settings, (settings.chunk_samples() + VAC_CHUNK) as usize);
        let mut vac = Self {
            online: OnlineProcessor::with_limits(transcriber, limits),
            gate: Gate::new(vad),
            lead: LEAD,
            pending: Vec::new(),
            kept: Vec::new(),
            kept_at: 0,
            voice: false,
            given: 0,
            restart_at: 0,
            held: None,
        };
        vac.init(0);
        vac
    }

    /// Discards all state and restarts at sample `offset`.
    pub fn init(&mut self, offset: u64) {
        self.online.init(offset);
        self.place(offset, None);
    }

    /// `voice` is whether there is speech already, and a sample before which it does not end.
    fn place(&mut self, offset: u64, voice: Option<u64>) {
        self.gate.init(offset, voice);
        self.pending.clear();
        self.kept.clear();
        self.held = None;
        (self.kept_at, self.voice, self.given, self.restart_at) = (offset, voice.is_some(), 0, offset);
    }

    /// Adds any amount of audio: mono, 16 kHz.
    pub fn insert_audio_chunk(&mut self, samples: &[f32]) {
        self.pending.extend_from_slice(samples);
    }

    /// Processes each whole piece that was inserted, decodes speech, and reports.
    ///
    /// # Errors
    /// The transcriber's or the detector's error.
    pub fn process_iter(&mut self, report: &mut impl Report) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        let mut pieces = pending.chunks_exact(VAC_CHUNK as usize);
        for piece in &mut pieces {
            self.process(piece, report)?;
        }
        self.pending = pieces.remainder().to_vec();
        self.report_restart(report)
    }

    /// Ends the audio: if there is speech, all text is final after a last decode.
    ///
    /// # Errors
    /// The transcriber's or the detector's error.
    pub fn finish(&mut self, report: &mut impl Report) -> Result<(), Error> {
        self.process_iter(report)?;
        let rest = std::mem::take(&mut self.pending);
        self.process(&rest, report)?;
        if std::mem::take(&mut self.voice) || self.held.take().is_some() {
            self.online.flush(report)?;
        }
        self.online.release();
        self.report_restart(report)
    }

    /// Continues from a restart point of another processor; the audio from `sample` on follows.
    ///
    /// # Errors
    /// `state` is not from [`Report::restart_point`].
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        let state = State::decode(state, sample, true)?;
        self.place(sample, (state.voice == Some(true)).then_some(state.agreement.last));
        self.online.resume(sample, state);
        Ok(())
    }

    /// Processes a piece.
    fn process(&mut self, piece: &[f32], report: &mut impl Report) -> Result<(), Error> {
        let change = self.gate.process(piece)?;
        self.kept.extend_from_slice(piece);
        if let Some(speech) = change.start.map(|start| start.max(self.kept_at)) {
            if self.held.take().is_some() {
                self.voice = true;
            } else {
                self.begin(speech);
                report.speech_started(speech);
            }
        }
        if self.voice {
            self.give(change);
        } else if let Some(end) = self.held {
            if self.kept_at + self.kept.len() as u64 >= end + HOLD {
                self.held = None;
                self.online.flush(report)?;
                self.end(end, report);
            }
        } else if let Some(surplus) = self.kept.len().checked_sub(KEPT) {
            self.online.release();
            self.kept.drain(..surplus);
            self.kept_at += surplus as u64;
        }
        match change.end {
            Some(end) if std::mem::take(&mut self.voice) => {
                self.given = 0;
                if self.online.settle(report)? {
                    self.end(end, report);
                } else {
                    self.held = Some(end);
                }
            }
            _ if self.given > self.online.limits.chunk => {
                self.given = 0;
                self.online.iterate(report)?;
            }
            _ => (),
        }
        Ok(())
    }

    /// Ends an utterance whose text is final.
    fn end(&mut self, end: u64, report: &mut impl Report) {
        if !self.online.has_words() {
            self.online.release();
        }
        report.endpoint(end.max(self.online.reported()));
    }

    /// Begins an utterance: after a short pause in the audio of the last one, otherwise a little before the speech.
    fn begin(&mut self, speech: u64) {
        self.voice = true;
        let start = speech.saturating_sub(self.lead).max(self.kept_at);
        if self.online.end() == self.kept_at && self.online.has_words() {
            self.online.resumes_at(start);
            return;
        }
        self.online.begin(start, CONTEXT);
        self.kept.drain(..((start - self.kept_at) as usize).min(self.kept.len()));
        self.kept_at = start;
    }

    /// Passes the kept audio to the online processor, up to the end of the speech.
    fn give(&mut self, change: Change) {
        let end = change.end.unwrap_or(u64::MAX);
        let count = (end.saturating_sub(self.kept_at)).min(self.kept.len() as u64) as usize;
        self.online.push(&self.kept[..count]);
        self.kept.drain(..count);
        self.kept_at += count as u64;
        self.given += count;
    }

    /// Reports a restart point after each change, and every two seconds of silence.
    fn report_restart(&mut self, report: &mut impl Report) -> Result<(), Error> {
        let open = self.voice || self.held.is_some();
        let waited = !open && self.kept_at >= self.restart_at + KEPT as u64;
        let changed = self.online.restart(waited);
        if let Some((sample, state)) = changed {
            let sample = if open { sample } else { self.kept_at };
            if sample < self.restart_at {
                // An utterance goes on after a short pause. The server has dropped its audio before the last point,
                // which is still good.
                return Ok(());
            }
            self.restart_at = sample;
            report.restart_point(sample, &State { voice: Some(open), ..state }.encode()?);
        }
        Ok(())
    }
}
