//! What a stream tells its client, before any protocol: times are samples at the model's rate.

use crate::failure::Failure;
use auricle_plugin_api::Segment;

/// An event of a stream. Segments come in the order of their times, within the audio heard, trimmed and valid UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The processor is ready for audio from time 0 on.
    Ready {
        /// 0, one more after each reset.
        epoch: u32,
    },
    /// Somebody began to speak.
    SpeechStarted(u64),
    /// The unstable text after the last segment.
    Partial(Segment),
    /// Final text.
    Segment(Segment),
    /// The utterance ended.
    Endpoint(u64),
    /// Samples received and not yet worked on; 0 once the stream has caught up.
    Lag(u64),
    /// Audio that no engine has heard, from and to.
    Gap(u64, u64),
    /// Everything up to a flush has been reported; the client's frame count at the flush.
    Flushed(u64),
    /// The stream failed; nothing follows.
    Failed(Failure),
    /// Everything has been reported, up to this sample; nothing follows.
    Done(u64),
}
