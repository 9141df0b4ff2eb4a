//! The engine's end of a stream: receives audio from the server and reports events to it.
//!
//! Invariant: the recognizer gets blocks of 100 ms, regardless of the chunks. Threads: one at a time, not always the
//! same.

use crate::{
    endpointer::BLOCK,
    model::Lent,
    recognizer::{Event, Recognizer, TimedWord},
};
use auricle_plugin_api::{AsrProcessor, Error, Segment, Sink, Word};

/// One stream.
pub struct Processor {
    recognizer: Recognizer<Lent>,
    /// Samples not processed yet.
    pending: Vec<i16>,
}

impl Processor {
    pub(crate) fn new(recognizer: Recognizer<Lent>) -> Self {
        Self { recognizer, pending: Vec::with_capacity(BLOCK) }
    }

    fn process(&mut self, sink: &mut Sink<'_>, last: bool) -> Result<(), Error> {
        let mut events = Vec::new();
        let mut result = Ok(());
        let whole = if last { self.pending.len() } else { self.pending.len() / BLOCK * BLOCK };
        for block in self.pending[..whole].chunks(BLOCK) {
            result = result.and_then(|()| self.recognizer.process(block, &mut events));
        }
        self.pending.drain(..whole);
        if last {
            result = result.and_then(|()| self.recognizer.finish(&mut events));
        }
        events.iter().for_each(|event| report(event, sink));
        result
    }
}

impl AsrProcessor for Processor {
    fn init(&mut self, offset: u64) -> Result<(), Error> {
        self.pending.clear();
        self.recognizer.begin(offset)
    }

    fn insert_audio_chunk(&mut self, samples: &[f32]) -> Result<(), Error> {
        // A value out of range becomes the nearest sample.
        self.pending.extend(samples.iter().map(|sample| (sample * 32_768.0).round() as i16));
        Ok(())
    }

    fn process_iter(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process(sink, false)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.process(sink, true)
    }

    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), Error> {
        self.pending.clear();
        self.recognizer.restore(sample, state)
    }
}

fn report(event: &Event, sink: &mut Sink<'_>) {
    match event {
        Event::SpeechStarted(sample) => sink.speech_started(*sample),
        Event::Partial(words) => sink.partial(&segment(words)),
        Event::Segment(words) => {
            // The mean of the words' confidences: the expected share of correct words.
            let confidence = words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32;
            let timed = words
                .iter()
                .map(|word| Word::new(word.start, word.end, word.text.as_str()).confidence(word.confidence));
            sink.segment(&segment(words).confidence(confidence).words(timed.collect()));
        }
        Event::Endpoint(sample) => sink.endpoint(*sample),
        Event::RestartPoint(sample, state) => sink.restart_point(*sample, state),
    }
}

fn segment(words: &[TimedWord]) -> Segment {
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let start = words.first().map_or(0, |word| word.start);
    let end = words.last().map_or(start, |word| word.end);
    Segment::new(start, end, text.join(" "))
}
