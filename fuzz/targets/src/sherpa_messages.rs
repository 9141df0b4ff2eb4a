//! Reads the frames of a client of sherpa-onnx's offline server, and the results of its servers to the load tool.
//!
//! Checks: of a recording no more bytes are accepted than its header announced; a frame is refused with a one-line
//! error. A result can be written and read again, and then says the same.

use crate::assert_one_line;
use auricle_dialects::sherpa::{
    messages::{FileResult, StepResult},
    upload::Upload,
};

/// The target; see the module.
pub fn sherpa_messages(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        results(text);
    }
    let Some((size, bytes)) = bytes.split_first() else { return };
    let (mut upload, mut audio) = (Upload::default(), 0);
    for frame in bytes.chunks(usize::from(*size).max(1)) {
        match upload.frame(frame) {
            Ok(part) => {
                assert!(part.header <= frame.len());
                audio += frame.len() - part.header;
                assert!(upload.audio().check().is_ok());
                if part.is_last {
                    audio = 0;
                }
            }
            Err(failure) => return assert_one_line(&failure.message),
        }
        assert!(audio <= i32::MAX as usize);
    }
}

fn results(text: &str) {
    if let Ok(result) = serde_json::from_str::<StepResult>(text) {
        let again: StepResult = serde_json::from_str(&result.to_string()).expect("what was written can be read");
        // Times and probabilities are rounded.
        assert_eq!((&again.text, &again.tokens, again.segment), (&result.text, &result.tokens, result.segment));
        assert_eq!((again.is_final, again.is_eof), (result.is_final, result.is_eof));
    }
    if let Ok(result) = serde_json::from_str::<FileResult>(text) {
        let again: FileResult = serde_json::from_str(&result.to_string()).expect("what was written can be read");
        assert_eq!((&again.text, &again.tokens, &again.lang), (&result.text, &result.tokens, &result.lang));
    }
}
