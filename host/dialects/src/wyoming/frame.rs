//! Wyoming's frames: a line of JSON with the type, then the data as JSON and the payload as bytes, if there are any.
//!
//! Invariants: a frame is read whole or not at all, however its bytes arrive; no more than the largest frame is buffered;
//! parsing never panics. No I/O.

use auricle_core::{
    Failure, FailureCode,
    wording::{ParseError, from_json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of the protocol in frames of the server.
const VERSION: &str = "1.10.2";
/// The longest line. Data that is longer is behind the line.
const LINE_BYTES: usize = 64 << 10;

/// The bytes are not a frame.
#[derive(Debug, thiserror::Error)]
enum FrameError {
    #[error("a line is longer than {LINE_BYTES} bytes: this is not Wyoming")]
    Line,
    #[error("a line is not UTF-8: this is not Wyoming")]
    NoText,
    #[error("the line of an event is {0}")]
    NoEvent(ParseError),
    #[error("the data of the event `{kind}` is {problem}")]
    NoData { kind: String, problem: ParseError },
    #[error("an event of {size} bytes; the limit is {most}: send audio in smaller chunks")]
    Size { size: u64, most: usize },
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        let code = match error {
            FrameError::Size { .. } => FailureCode::TooLarge,
            _ => FailureCode::BadMessage,
        };
        Self::new(code, error)
    }
}

/// One event on the wire.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    /// The type, such as `audio-chunk`.
    pub kind: String,
    /// The fields of the event.
    pub data: Map<String, Value>,
    /// Audio, in some events.
    pub payload: Vec<u8>,
}

/// The line of an event.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_length: Option<u64>,
}

impl Frame {
    /// Creates a frame without payload.
    pub fn new(kind: &str, data: Map<String, Value>) -> Self {
        Self { kind: kind.to_owned(), data, payload: Vec::new() }
    }

    /// Writes the frame as Wyoming's library does, with the data behind the line.
    pub fn encode(&self) -> Vec<u8> {
        let data = if self.data.is_empty() { String::new() } else { Value::Object(self.data.clone()).to_string() };
        let length = |length: usize| (length > 0).then_some(length as u64);
        let line = Line {
            kind: self.kind.clone(),
            version: Some(VERSION.into()),
            data: None,
            data_length: length(data.len()),
            payload_length: length(self.payload.len()),
        };
        // Cannot fail: all keys are strings.
        let line = serde_json::to_string(&line).unwrap_or_default();
        [line.as_bytes(), b"\n", data.as_bytes(), &self.payload].concat()
    }
}

/// Finds frames in bytes as they arrive.
#[derive(Debug)]
pub struct Decoder {
    most: usize,
    buffer: Vec<u8>,
    /// The line of the frame whose data or payload is not complete.
    line: Option<Line>,
}

impl Decoder {
    /// Creates a decoder. `most` is the largest size of data and payload together, in bytes.
    pub fn new(most: usize) -> Self {
        Self { most, buffer: Vec::new(), line: None }
    }

    /// The bytes that were received and are not part of a frame yet. Append to them what arrives.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes the next frame out of the buffer; `None` if it is not complete.
    ///
    /// # Errors
    /// `bad_message` or `too_large`: the rest cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Failure> {
        Ok(self.read()?)
    }

    fn read(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.line.is_none() {
            let Some(end) = self.buffer.iter().take(LINE_BYTES).position(|byte| *byte == b'\n') else {
                return if self.buffer.len() >= LINE_BYTES { Err(FrameError::Line) } else { Ok(None) };
            };
            let text = std::str::from_utf8(&self.buffer[..end]).map_err(|_| FrameError::NoText)?;
            let line: Line = from_json(text).map_err(FrameError::NoEvent)?;
            let size = line.data_length.unwrap_or_default().saturating_add(line.payload_length.unwrap_or_default());
            if size > self.most as u64 {
                return Err(FrameError::Size { size, most: self.most });
            }
            self.buffer.drain(..=end);
            self.line = Some(line);
        }
        // Both fit into `usize`, because their sum is at most `most`.
        let [data, payload] = match &self.line {
            Some(line) => [line.data_length, line.payload_length].map(|length| length.unwrap_or_default() as usize),
            None => return Ok(None),
        };
        if self.buffer.len() < data + payload {
            return Ok(None);
        }
        let Some(Line { kind, data: fields, .. }) = self.line.take() else { return Ok(None) };
        let mut fields = fields.unwrap_or_default();
        if data > 0 {
            let no_data = |problem| FrameError::NoData { kind: kind.clone(), problem };
            let text = std::str::from_utf8(&self.buffer[..data]).map_err(|_| FrameError::NoText)?;
            fields.extend(from_json::<Map<String, Value>>(text).map_err(no_data)?);
        }
        let payload = self.buffer[data..data + payload].to_vec();
        self.buffer.drain(..data + payload.len());
        Ok(Some(Frame { kind, data: fields, payload }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Frame>, Failure> {
        let mut decoder = Decoder::new(1 << 20);
        decoder.buffer().extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_written_as_by_the_library() {
        let frame = Frame::new("transcript", fields(json!({"text": "é"})));
        assert_eq!(
            frame.encode(),
            "{\"type\":\"transcript\",\"version\":\"1.10.2\",\"data_length\":13}\n{\"text\":\"é\"}".as_bytes()
        );
        assert_eq!(Frame::new("describe", Map::new()).encode(), b"{\"type\":\"describe\",\"version\":\"1.10.2\"}\n");
    }

    #[test]
    fn data_may_be_in_the_line_and_behind_it() {
        let text = "{\"type\": \"a\", \"data\": {\"x\": 1, \"y\": 1}, \"data_length\": 8}\n{\"x\": 2}{\"type\":\"b\",\"payload_length\":2}\nhi";
        let frames = decode(text.as_bytes()).unwrap();
        assert_eq!(frames[0], Frame::new("a", fields(json!({"x": 2, "y": 1}))));
        assert_eq!(frames[1], Frame { payload: b"hi".to_vec(), ..Frame::new("b", Map::new()) });
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for (text, code, problem) in [
            ("GET / HTTP/1.1\r\n", FailureCode::BadMessage, "the line of an event is not JSON"),
            ("{}\n", FailureCode::BadMessage, "type"),
            ("{\"type\":\"a\",\"data_length\":-1}\n", FailureCode::BadMessage, "data_length"),
            ("{\"type\":\"a\",\"data_length\":1}\n7", FailureCode::BadMessage, "the data of the event `a` is"),
            (
                "{\"type\":\"a\",\"payload_length\":2000000}\n",
                FailureCode::TooLarge,
                "2000000 bytes; the limit is 1048576",
            ),
        ] {
            let failure = decode(text.as_bytes()).unwrap_err();
            assert!(failure.code == code && failure.message.contains(problem), "{failure}");
            assert!(!failure.message.contains(char::is_control), "{failure:?}");
        }
        assert_eq!(decode(&vec![b' '; LINE_BYTES]).unwrap_err().code, FailureCode::BadMessage);
        assert_eq!(decode(b"\xff\n").unwrap_err().code, FailureCode::BadMessage);
    }

    proptest! {
        #[test]
        fn frames_are_read_however_they_are_cut(
            frames in prop::collection::vec(("[a-z-]{1,9}", prop::collection::btree_map("[a-z]{1,3}", any::<i32>(), 0..3), prop::collection::vec(any::<u8>(), 0..40)), 1..5),
            size in 1..50_usize,
        ) {
            let frames: Vec<Frame> = frames
                .into_iter()
                .map(|(kind, data, payload)| Frame { kind, data: data.into_iter().map(|(key, value)| (key, value.into())).collect(), payload })
                .collect();
            let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            let (mut decoder, mut read) = (Decoder::new(1 << 10), Vec::new());
            for piece in bytes.chunks(size) {
                decoder.buffer().extend_from_slice(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
        }
    }
}
