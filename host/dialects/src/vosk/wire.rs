//! vosk's JSON format: each key on its own line, ` : ` after it, lists on one line, numbers with six decimals.
//!
//! Scripts search answers for strings such as `"partial" : ""`, so the spacing is part of the protocol.

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use std::io::{self, Write};

/// Writes `value` as vosk does. Keys must be declared in alphabetical order, because vosk sorts them.
pub(super) fn write(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Layout::default()))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Tracks the depth; a list counts too, although it is written on one line.
#[derive(Default)]
struct Layout {
    depth: usize,
}

impl Layout {
    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        write!(writer, "\n{:width$}", "", width = 2 * self.depth)
    }
}

impl Formatter for Layout {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value:.6}")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        self.line(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Alternative, ServerMessage, Word};

    #[test]
    fn answers_look_as_vosk_writes_them() {
        let partial = ServerMessage::Partial { partial: "on \"é\"".into() };
        assert_eq!(partial.to_string(), "{\n  \"partial\" : \"on \\\"é\\\"\"\n}");
        let word = |word: &str, start, end| Word { conf: Some(1.0), end, start, word: word.into() };
        let result = vec![word("one", 0.09, 0.9), word("two", 0.9, 12.345_678_9)];
        let message = ServerMessage::Final { result, text: "one two".into() };
        let expected = r#"{
  "result" : [{
      "conf" : 1.000000,
      "end" : 0.900000,
      "start" : 0.090000,
      "word" : "one"
    }, {
      "conf" : 1.000000,
      "end" : 12.345679,
      "start" : 0.900000,
      "word" : "two"
    }],
  "text" : "one two"
}"#;
        assert_eq!(message.to_string(), expected);
        let result = vec![Word { conf: None, end: 0.75, start: 0.42, word: "one".into() }];
        let alternatives = vec![Alternative { confidence: 234.474_503, result, text: "one".into() }];
        let expected = r#"{
  "alternatives" : [{
      "confidence" : 234.474503,
      "result" : [{
          "end" : 0.750000,
          "start" : 0.420000,
          "word" : "one"
        }],
      "text" : "one"
    }]
}"#;
        assert_eq!(ServerMessage::Alternatives { alternatives }.to_string(), expected);
    }
}
