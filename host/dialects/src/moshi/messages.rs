//! The messages of moshi-server's protocol: maps in MessagePack, one in each binary message.
//!
//! Source: moshi-server 0.6.4, `asr`, and the script `stt_from_file_rust_server.py` of its makers.

use auricle_core::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A message of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// Another stream begins.
    Init,
    /// Samples.
    Audio(Vec<f32>),
    /// A piece of a file of Ogg with Opus.
    OggOpus(Vec<u8>),
    /// To be sent back when all audio before is transcribed.
    Marker(i64),
}

/// The fields of all messages. Read at once, because there are many samples.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<i64>,
    #[serde(default)]
    pcm: Option<Vec<f32>>,
    #[serde(default)]
    data: Option<ByteBuf>,
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not MessagePack, or not a message of the protocol.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong = |problem: &str| Failure::new(FailureCode::BadMessage, format!("not a message of moshi: {problem}"));
        let Fields { kind, id, pcm, data } =
            rmp_serde::from_slice(bytes).map_err(|problem| wrong(&problem.to_string()))?;
        let missing = |field: &str| wrong(&format!("`{kind}` without `{field}`"));
        match &*kind {
            "Init" => Ok(Self::Init),
            "Audio" => Ok(Self::Audio(pcm.ok_or_else(|| missing("pcm"))?)),
            "OggOpus" => Ok(Self::OggOpus(data.ok_or_else(|| missing("data"))?.into_vec())),
            "Marker" => Ok(Self::Marker(id.ok_or_else(|| missing("id"))?)),
            _ => Err(wrong(&format!("`type` is `{kind}`, but must be Init, Audio, OggOpus or Marker"))),
        }
    }
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    /// A stream begins.
    Ready,
    /// A word.
    Word {
        /// As in the text.
        text: String,
        /// In seconds.
        start_time: f64,
    },
    /// The word before has ended.
    EndWord {
        /// In seconds.
        stop_time: f64,
    },
    /// So much audio is processed.
    Step {
        /// The number of 80 ms.
        step_idx: u64,
        /// How likely a pause is, of half a second to three.
        prs: [f32; 4],
        /// Samples that wait.
        buffered_pcm: u64,
    },
    /// All audio before the client's marker is transcribed.
    Marker {
        /// The client's.
        id: i64,
    },
    /// The connection ends.
    Error {
        /// Why.
        message: String,
    },
}

impl ServerMessage {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Of these types every value can be written.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn packed(message: &serde_json::Value) -> Vec<u8> {
        rmp_serde::to_vec(message).unwrap()
    }

    #[test]
    fn the_messages_of_clients_are_read() {
        for (message, expected) in [
            (json!({"type": "Init"}), ClientMessage::Init),
            (
                json!({"pcm": [0.5, 0, -1], "type": "Audio", "more": {"a": []}}),
                ClientMessage::Audio(vec![0.5, 0.0, -1.0]),
            ),
            (json!({"type": "OggOpus", "data": [1, 2]}), ClientMessage::OggOpus(vec![1, 2])),
            (json!({"type": "Marker", "id": -3}), ClientMessage::Marker(-3)),
        ] {
            assert_eq!(ClientMessage::parse(&packed(&message)), Ok(expected), "{message}");
        }
        // As Python writes bytes.
        let bytes = b"\x82\xa4type\xa7OggOpus\xa4data\xc4\x02\x01\x02";
        assert_eq!(ClientMessage::parse(bytes), Ok(ClientMessage::OggOpus(vec![1, 2])));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (bytes, problem) in [
            (packed(&json!({"type": "Audio"})), "`Audio` without `pcm`"),
            (packed(&json!({"type": "Marker"})), "`Marker` without `id`"),
            (packed(&json!({"type": "End"})), "`type` is `End`, but must be Init, Audio, OggOpus or Marker"),
            (packed(&json!({"id": 1})), "missing field `type`"),
            (packed(&json!("Init")), ""),
            (Vec::new(), ""),
        ] {
            let failure = ClientMessage::parse(&bytes).unwrap_err();
            assert!(failure.message.contains(problem) && failure.code == FailureCode::BadMessage, "{failure}");
        }
    }

    #[test]
    fn messages_look_as_those_of_moshi() {
        let look = |message: ServerMessage| rmp_serde::from_slice::<serde_json::Value>(&message.encode()).unwrap();
        assert_eq!(look(ServerMessage::Ready), json!({"type": "Ready"}));
        let word = ServerMessage::Word { text: "one".into(), start_time: 0.5 };
        assert_eq!(look(word), json!({"type": "Word", "text": "one", "start_time": 0.5}));
        let step = ServerMessage::Step { step_idx: 2, prs: [1.0; 4], buffered_pcm: 0 };
        let expected = json!({"type": "Step", "step_idx": 2, "prs": [1.0, 1.0, 1.0, 1.0], "buffered_pcm": 0});
        assert_eq!(look(step), expected);
    }
}
