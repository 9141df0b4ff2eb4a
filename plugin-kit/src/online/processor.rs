//! A stream: the buffer, its decodes, and its cuts.
//!
//! Invariants: the buffer is decoded once for each chunk of audio, counted from the start of the stream, so that events
//! do not depend on how the audio arrived; a decode has at most `MOST_SECONDS` of audio; only audio whose words are
//! final, or that has no words, is cut off. Threads: one at a time.

use super::{
    agreement::Agreement,
    report::{Context, Report, Reporter},
    restart::State,
    seam::{self, Seam},
    segments,
    settings::{Limits, Settings},
    transcript::{Buffer, Request, SAMPLE_RATE, Transcriber, place},
    trim,
};
use auricle_plugin_api::Error;

/// If a hypothesis has no word of the speech after a pause, and there are so many samples of it, the model overlooks it.
const OVERLOOKED: u64 = SAMPLE_RATE as u64;

/// Streams audio through a model that can only transcribe a buffer.
pub struct OnlineProcessor<T> {
    pub(super) transcriber: T,
    pub(super) limits: Limits,
    /// Aligns hypotheses; a test uses the rule of the policy's authors.
    pub(super) seam: Seam,
    pub(super) agreement: Agreement,
    reporter: Reporter,
    language: Option<String>,
    /// Inserted audio that is not a whole chunk yet.
    pending: Vec<f32>,
    pub(super) buffer: Vec<f32>,
    /// The first sample of the buffer in the stream.
    pub(super) base: u64,
    /// Whether the buffer has grown since the last decode.
    grown: bool,
    /// Whether the last restart point is outdated.
    moved: bool,
    /// Where speech goes on after a pause in the buffer, until one of its words is final.
    resumed: Option<u64>,
}

impl<T: Transcriber> OnlineProcessor<T> {
    /// Creates a stream that starts at sample 0.
    pub fn new(transcriber: T, settings: &Settings) -> Self {
        Self::with_limits(transcriber, Limits::new(settings, settings.chunk_samples() as usize))
    }

    pub(super) fn with_limits(transcriber: T, limits: Limits) -> Self {
        Self {
            transcriber,
            limits,
            seam: seam::by_text,
            agreement: Agreement::default(),
            reporter: Reporter::default(),
            language: None,
            pending: Vec::new(),
            buffer: Vec::new(),
            base: 0,
            grown: false,
            moved: true,
            resumed: None,
        }
    }

    /// Discards all state and restarts at sample `offset`.
    pub fn init(&mut self, offset: u64) {
        self.reporter = Reporter::new(offset);
        self.transcriber.begin();
        self.agreement = Agreement::default();
        self.begin(offset, 0);
    }

    /// Like [`init`](Self::init), but text that was reported stays reported, even if its audio is processed again, and
    /// is the prompt if its last word is at most `context` samples before.
    pub(super) fn begin(&mut self, offset: u64, context: u64) {
        self.agreement.restart(offset.max(self.reporter.reported), context);
        self.pending.clear();
        self.buffer.clear();
        (self.base, self.grown, self.moved, self.resumed) = (offset, false, true, None);
    }

    /// Speech goes on at `sample` after a pause, in the same buffer. If words before it are not final, nothing is cut off there.
    pub(super) fn resumes_at(&mut self, sample: u64) {
        self.resumed = self.agreement.left.is_empty().then_some(sample);
    }

    /// Adds any amount of audio: mono, 16 kHz.
    pub fn insert_audio_chunk(&mut self, samples: &[f32]) {
        self.pending.extend_from_slice(samples);
    }

    /// Decodes once for each whole chunk that was inserted, and reports final and unstable text.
    ///
    /// # Errors
    /// The transcriber's error.
    pub fn process_iter(&mut self, report: &mut impl Report) -> Result<(), Error> {
        self.whole_chunks(report)?;
        self.report_restart(report)
    }

    /// Ends the audio: after a last decode all text is final.
    ///
    /// # Errors
    /// The transcriber's error.
    pub fn finish(&mut self, report: &mut impl Report) -> Result<(), Error> {
        self.whole_chunks(report)?;
        let rest = std::mem::take(&mut self.pending);
        self.push(&rest);
        self.flush(report)?;
        self.release();
        self.report_restart(report)
    }

    /// Continues from a restart point of another processor; the audio from `sample` on follows.
    ///
    /// # Errors
    /// `state` is not from [`Report::restart_point`].
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.resume(sample, State::decode(state, sample, false)?);
        Ok(())
    }

    pub(super) fn resume(&mut self, sample: u64, state: State) {
        self.begin(sample, 0);
        self.reporter = Reporter::new(state.reported);
        self.agreement = state.agreement;
        self.agreement.cut(sample);
    }

    /// The final state, once after each change or if `due`, and the first sample that is still needed.
    pub(super) fn restart(&mut self, due: bool) -> Option<(u64, State)> {
        let state = || State { agreement: self.agreement.clone(), reported: self.reporter.reported, voice: None };
        (std::mem::take(&mut self.moved) || due).then(|| (self.base, state()))
    }

    fn report_restart(&mut self, report: &mut impl Report) -> Result<(), Error> {
        if let Some((sample, state)) = self.restart(false) {
            report.restart_point(sample, &state.encode()?);
        }
        Ok(())
    }

    fn whole_chunks(&mut self, report: &mut impl Report) -> Result<(), Error> {
        while self.pending.len() >= self.limits.chunk {
            self.buffer.extend(self.pending.drain(..self.limits.chunk));
            self.grown = true;
            self.iterate(report)?;
        }
        Ok(())
    }

    /// Adds audio to the buffer.
    pub(super) fn push(&mut self, samples: &[f32]) {
        self.buffer.extend_from_slice(samples);
        self.grown |= !samples.is_empty();
    }

    /// Decodes the buffer, reports, and cuts it.
    pub(super) fn iterate(&mut self, report: &mut impl Report) -> Result<(), Error> {
        if let Some(committed) = self.step(report)? {
            self.report(committed > 0, false, report);
        }
        Ok(())
    }

    /// Returns the number of words that became final: the last of the history. They stay there until they are reported.
    pub(super) fn step(&mut self, report: &impl Report) -> Result<Option<usize>, Error> {
        let Some((mut committed, ends)) = self.decode(report)? else { return Ok(None) };
        committed += self.agreement.commit_ended(self.end().saturating_sub(self.limits.settle));
        self.trim(committed > 0, &ends);
        Ok(Some(committed + self.force()))
    }

    /// Does a last decode if there is new audio. Afterwards all text is final; the audio may be continued.
    pub(super) fn flush(&mut self, report: &mut impl Report) -> Result<(), Error> {
        let mut committed = self.decode(report)?.map_or(0, |(committed, _)| committed);
        if report.cancelled() {
            return Ok(());
        }
        committed += self.agreement.commit_before(u64::MAX);
        self.report(committed > 0, true, report);
        Ok(())
    }

    /// Does a last decode if there is new audio. Afterwards text is final up to the first doubtful word. Returns whether all of
    /// it is.
    pub(super) fn settle(&mut self, report: &mut impl Report) -> Result<bool, Error> {
        let mut committed = self.decode(report)?.map_or(0, |(committed, _)| committed);
        if report.cancelled() {
            return Ok(true);
        }
        committed += self.agreement.commit_sure();
        let all = self.agreement.left.is_empty();
        self.report(committed > 0, all, report);
        Ok(all)
    }

    /// Drops the audio, whose text is final.
    pub(super) fn release(&mut self) {
        self.cut(self.end());
        // The silence may last for hours.
        self.buffer.shrink_to(0);
        self.agreement.forget(self.base);
    }

    /// Whether there is audio whose words help to recognise what follows.
    pub(super) fn has_words(&self) -> bool {
        !self.buffer.is_empty() && !self.agreement.history.is_empty()
    }

    /// Returns the number of words that became final, and the ends of the model's passages; `None` if there is nothing
    /// to decode or the call was cancelled.
    fn decode(&mut self, report: &impl Report) -> Result<Option<(usize, Vec<u64>)>, Error> {
        // After a restart the buffer may contain only audio whose words are final.
        if !self.grown || self.end() <= self.agreement.last || report.cancelled() {
            return Ok(None);
        }
        let prompt = self.agreement.prompt(self.base, self.transcriber.separator());
        let audio = Buffer { samples: &self.buffer, start: self.base };
        let cancelled = || report.cancelled();
        let transcript = self.transcriber.transcribe(audio, Request::new(&prompt, &cancelled));
        if cancelled() {
            return Ok(None);
        }
        let placed = place(transcript?, self.base, self.buffer.len());
        self.grown = false;
        self.language = placed.language;
        let mut committed = self.agreement.process(placed.words, self.seam);
        if let Some(margin) = self.limits.margin {
            committed += self.agreement.commit_attended(self.end().saturating_sub(margin));
        }
        if committed > 0 {
            self.resumed = None;
        } else if let Some(resumed) = self.resumed.filter(|_| self.agreement.left.is_empty()) {
            // Models may end with the sentence before the pause. Without it they hear the next one.
            if self.end() >= resumed + OVERLOOKED {
                self.resumed = None;
                // The hypothesis may have spread the last words over what it did not hear.
                self.agreement.last = self.agreement.last.min(resumed);
                self.cut(resumed);
                self.grown = true;
                return self.decode(report);
            }
        }
        Ok(Some((committed, placed.ends)))
    }

    /// Cuts a long buffer according to the settings.
    fn trim(&mut self, committed: bool, ends: &[u64]) {
        if committed && self.buffer.len() > self.limits.sentence {
            trim::at_sentence(&self.agreement.history).into_iter().for_each(|time| self.cut(time));
        }
        if self.buffer.len() > self.limits.passage && !self.agreement.history.is_empty() {
            trim::at_passage(ends, self.agreement.last).into_iter().for_each(|time| self.cut(time));
        }
    }

    /// Cuts a buffer that would become too long: after the last committed word, or otherwise in its middle; then the
    /// words before that become final without agreement. Returns their number.
    fn force(&mut self) -> usize {
        let most = self.limits.force;
        if self.buffer.len() > most {
            self.cut(self.agreement.last);
        }
        if self.buffer.len() <= most {
            return 0;
        }
        let middle = self.end() - most as u64 / 2;
        let committed = self.agreement.commit_before(middle);
        self.cut(self.agreement.last.max(middle));
        committed
    }

    /// Drops the audio before `time`. The cut never moves back, nor beyond the audio.
    fn cut(&mut self, time: u64) {
        let time = time.min(self.end());
        if time < self.base {
            return;
        }
        self.agreement.cut(time);
        self.buffer.drain(..(time - self.base) as usize);
        self.moved |= time > self.base;
        self.base = time;
    }

    /// Reports committed words that make whole segments, or all of them if these are the `last` ones, and the rest as
    /// partial.
    pub(super) fn report(&mut self, committed: bool, last: bool, report: &mut impl Report) {
        let (end, separator) = (self.end(), self.transcriber.separator());
        let context = Context { separator, language: self.language.as_deref(), end };
        let agreement = &mut self.agreement;
        self.moved |= committed;
        while let Some(count) = segments::first(agreement.unreported(), &agreement.left, end, last) {
            self.reporter.segment(&agreement.unreported()[..count], context, report);
            agreement.reported(count);
            self.moved = true;
        }
        self.reporter.partial(&[agreement.unreported(), &agreement.left].concat(), context, report);
        agreement.forget(self.base);
    }

    /// One past the last sample of the buffer.
    pub(super) fn end(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// End of the last segment.
    pub(super) fn reported(&self) -> u64 {
        self.reporter.reported
    }
}
