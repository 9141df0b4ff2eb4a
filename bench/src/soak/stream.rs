//! A stream in real time: sends a frame every tenth of a second, and reads in between.

use super::talk::{Leaving, Talk};
use crate::{Done, host::client::Client};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_millis(100);
/// s16le at 16 kHz.
const FRAME_BYTES: usize = 3_200;
/// Time limit after the last frame.
const END_LIMIT: Duration = Duration::from_secs(60);

/// The result of a stream.
#[derive(Default)]
pub(super) struct TalkResult {
    pub(super) texts: Vec<String>,
    /// Delays from the end of a segment in the audio to its arrival, in milliseconds.
    pub(super) delays: Vec<f64>,
    /// Length of the audio sent.
    pub(super) seconds: f64,
    /// `done`, the code of an error, or empty if the client disconnected.
    pub(super) end: String,
    /// Whether all clients were asked to stop.
    pub(super) cut_short: bool,
}

/// Runs a talk to its end.
pub(super) fn talk(address: &str, talk: &Talk, random: &mut fastrand::Rng, stop: &AtomicBool) -> Done<TalkResult> {
    let mut client = Client::open_with(address, talk.preset, "live", &talk.options)?;
    let (mut result, begun) = (TalkResult::default(), Instant::now());
    let frames = talk.audio.chunks(FRAME_BYTES);
    let leaves_after = match talk.leaving {
        Leaving::Vanishes => random.usize(1..frames.len()),
        Leaving::Finishes => frames.len(),
    };
    for (n, frame) in frames.enumerate().take(leaves_after) {
        if stop.load(Ordering::Relaxed) {
            result.cut_short = true;
            return Ok(result);
        }
        client.send_audio(frame)?;
        result.seconds += frame.len() as f64 / 32_000.0;
        listen(&mut client, &mut result, begun, begun + PERIOD * (n as u32 + 1))?;
        if !result.end.is_empty() {
            return Ok(result);
        }
    }
    if talk.leaving == Leaving::Finishes {
        client.say_finish()?;
        listen(&mut client, &mut result, begun, Instant::now() + END_LIMIT)?;
        if result.end.is_empty() {
            return Err("no end came".into());
        }
    }
    Ok(result)
}

/// Reads events until that time, or until the end of the stream.
fn listen(client: &mut Client, result: &mut TalkResult, begun: Instant, until: Instant) -> Done {
    while let Some(event) = client.next_before(until)? {
        match event["type"].as_str() {
            Some("segment") => {
                result.texts.push(event["text"].as_str().unwrap_or_default().to_owned());
                let end = Duration::from_secs_f64(event["end"].as_f64().unwrap_or_default());
                // The frame with the segment's last sample was sent at the start of its tenth of a second.
                let frame = end.as_millis().saturating_sub(1) / PERIOD.as_millis();
                let sent = begun + PERIOD * frame as u32;
                result.delays.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            Some("done") => result.end = "done".into(),
            Some("error") => result.end = event["code"].as_str().unwrap_or_default().to_owned(),
            _ => {}
        }
        if !result.end.is_empty() {
            break;
        }
    }
    Ok(())
}
