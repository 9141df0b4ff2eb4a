//! The messages for one channel's events, or for those of the mix of all channels.
//!
//! Times are of the audio, not of the clock. No I/O.

use super::{messages::ServerMessage, options::Options, request::Request, results::Timeline, utterance::UtteranceGap};
use auricle_core::Event;
use auricle_plugin_api::Segment;
use auricle_session::SessionInfo;

/// The state of a channel.
#[derive(Debug)]
pub(super) struct ChannelResults {
    timeline: Timeline,
    gap: UtteranceGap,
}

impl ChannelResults {
    /// `channel` is its index, and the number of channels.
    pub(super) fn new(request: &Request, channel: [u16; 2]) -> Self {
        let timeline = Timeline::new(&request.id, channel, request.options.language.is_none());
        Self { timeline, gap: UtteranceGap::new(request.options.utterance_end) }
    }

    /// The session is open.
    pub(super) fn open(&mut self, info: &SessionInfo) {
        self.timeline.open(info);
    }

    /// The client asks for the text so far.
    pub(super) fn finalize(&mut self) {
        self.timeline.finalize();
    }

    /// The text of a `Finalize` is complete up to this time in seconds.
    pub(super) fn finalized(&mut self, time: f64) -> ServerMessage {
        self.timeline.finalized(time)
    }

    /// The audio ended at this time in seconds.
    pub(super) fn ended(&mut self, time: f64) -> ServerMessage {
        self.timeline.ended(time)
    }

    /// A result that waits for the next event.
    pub(super) fn held(&self) -> Option<ServerMessage> {
        self.timeline.held()
    }

    /// The audio up to this time in seconds is processed.
    pub(super) fn passed(&mut self, time: f64) -> Vec<ServerMessage> {
        match self.gap.passed(time) {
            Some(last_word) => self.timeline.release().into_iter().chain([self.utterance_end(last_word)]).collect(),
            None => Vec::new(),
        }
    }

    fn utterance_end(&self, last_word_end: f64) -> ServerMessage {
        ServerMessage::UtteranceEnd { channel: self.timeline.channel(), last_word_end }
    }

    fn speech(&mut self, text: &Segment) -> Option<ServerMessage> {
        let start = text.words.first().map_or(text.start, |word| word.start);
        let last_word = self.gap.spoken(self.timeline.time(start))?;
        Some(self.utterance_end(last_word))
    }

    /// The messages for an event. `rate` is that of the client's audio.
    pub(super) fn messages(&mut self, event: &Event, options: &Options, rate: u32) -> Vec<ServerMessage> {
        let mut out = Vec::new();
        match event {
            Event::SpeechStarted(sample) if options.vad_events => {
                out.extend(self.timeline.release());
                let (channel, timestamp) = (self.timeline.channel(), self.timeline.time(*sample));
                out.push(ServerMessage::SpeechStarted { channel, timestamp });
            }
            Event::Partial(text) if !text.text_bytes().is_empty() => {
                out.extend(self.timeline.release());
                out.extend(self.speech(text));
                out.extend(options.interim_results.then(|| self.timeline.partial(text)));
            }
            Event::Segment(text) if !text.text_bytes().is_empty() => {
                out.extend(self.timeline.release());
                out.extend(self.speech(text));
                out.extend(self.timeline.segment(text));
                let end = text.words.last().map_or(text.end, |word| word.end);
                self.gap.settled(self.timeline.time(end));
            }
            Event::Endpoint(sample) => {
                out.extend(self.timeline.endpoint(*sample));
                out.extend(self.passed(self.timeline.time(*sample)));
            }
            Event::Flushed(frames) => out.push(self.timeline.finalized(*frames as f64 / f64::from(rate))),
            // The protocol has no messages for these.
            _ => {}
        }
        out
    }
}
