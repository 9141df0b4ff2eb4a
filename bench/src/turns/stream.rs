//! A stream of utterances at the speed of speech, and when its turns ended.

use super::recipe::{RATE, Utterance};
use crate::Done;
use auricle_plugin_test::audio;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep_until;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Samples of a frame, and its length.
const FRAME: usize = 320;
const FRAME_LENGTH: Duration = Duration::from_millis(20);
/// A turn that is not over after so much quiet was missed, in seconds.
const MOST: f64 = 2.0;

/// What became of an utterance.
#[derive(Default)]
pub(super) struct Outcome {
    /// From the end of speech to the end of the turn; `None` if it was missed.
    pub(super) delay_ms: Option<f64>,
    /// Ends of turns before the end of speech.
    pub(super) early: usize,
}

/// Sends utterances one after another.
pub(super) async fn send(address: String, preset: &'static str, all: Vec<Arc<Utterance>>) -> Done<Vec<Outcome>> {
    let (socket, _) = connect_async(format!("ws://{address}/v1/stream")).await?;
    let (mut sender, mut receiver) = socket.split();
    let start = json!({"type": "start", "preset": preset, "format": "s16le", "sample_rate": RATE});
    sender.send(Message::text(start.to_string())).await?;
    wait_for(&mut receiver, "ready").await?;
    let samples: Vec<i16> = all.iter().flat_map(|utterance| utterance.samples.iter().copied()).collect();
    let begun = Instant::now();
    let (mut frames, mut sent) = (samples.chunks(FRAME), 0u32);
    let mut ends = Vec::new();
    loop {
        let due = begun + FRAME_LENGTH * (sent + 1);
        tokio::select! {
            () = sleep_until(due.into()) => {
                let Some(frame) = frames.next() else { break };
                sent += 1;
                sender.send(Message::binary(audio::bytes(frame))).await?;
            }
            message = receiver.next() => {
                let Message::Text(text) = message.ok_or("the server ended the stream")?? else { continue };
                if serde_json::from_str::<Value>(&text)?["type"] == "turn_ended" {
                    ends.push(begun.elapsed().as_secs_f64());
                }
            }
        }
    }
    sender.send(Message::text(json!({"type": "finish"}).to_string())).await?;
    wait_for(&mut receiver, "done").await?;
    Ok(outcomes(&all, &ends))
}

/// Reads messages up to one of this type.
async fn wait_for<S>(receiver: &mut S, kind: &str) -> Done
where
    S: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    loop {
        let Message::Text(text) = receiver.next().await.ok_or("the server ended the stream")?? else { continue };
        let message: Value = serde_json::from_str(&text)?;
        if message["type"] == "error" {
            return Err(text.as_str().into());
        }
        if message["type"] == kind {
            return Ok(());
        }
    }
}

/// Which ends of turns, in seconds since the start, are those of which utterance.
fn outcomes(all: &[Arc<Utterance>], ends: &[f64]) -> Vec<Outcome> {
    let mut begin = 0.0;
    let outcome = |utterance: &Arc<Utterance>| {
        let (end, next) = (begin + utterance.end as f64 / RATE as f64, begin + utterance.seconds());
        let early = ends.iter().filter(|time| (begin..end).contains(time)).count();
        let over = ends.iter().find(|time| (end..next).contains(time)).map(|time| time - end);
        begin = next;
        Outcome { delay_ms: over.filter(|delay| *delay <= MOST).map(|delay| delay * 1000.0), early }
    };
    all.iter().map(outcome).collect()
}
