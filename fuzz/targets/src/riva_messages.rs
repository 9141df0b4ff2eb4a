//! Reads the messages of a Riva client, and what they ask for.
//!
//! Checks: a message that is read can be written and read again, and is unchanged then; what it asks for is read or refused with a
//! one-line error, and so is its audio.

use crate::assert_one_line;
use auricle_dialects::riva::{
    messages::{RecognizeRequest, StreamingRecognizeRequest, StreamingRequest},
    options::Options,
};
use prost::Message;

/// The target; see the module.
pub fn riva_messages(bytes: &[u8]) {
    if let Ok(request) = RecognizeRequest::decode(bytes) {
        let again = RecognizeRequest::decode(request.encode_to_vec().as_slice()).expect("what was written can be read");
        assert_eq!(again.encode_to_vec(), request.encode_to_vec());
        match Options::read(request.config.unwrap_or_default()) {
            Ok(options) => {
                if let Err(failure) = options.raw_format(&request.audio) {
                    assert_one_line(&failure.message);
                }
            }
            Err(failure) => assert_one_line(&failure.message),
        }
    }
    if let Ok(request) = StreamingRecognizeRequest::decode(bytes) {
        let written = request.encode_to_vec();
        let again = StreamingRecognizeRequest::decode(written.as_slice()).expect("what was written can be read");
        assert_eq!(again.encode_to_vec(), written);
        if let Some(StreamingRequest::StreamingConfig(config)) = request.streaming_request
            && let Err(failure) = Options::read(config.config.unwrap_or_default())
        {
            assert_one_line(&failure.message);
        }
    }
}
