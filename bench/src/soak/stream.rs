//! One stream in real time: a frame every tenth of a second, and reading in between.

use super::talk::{Leaving, Talk};
use crate::{Done, host::client::Client};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_millis(100);
/// s16le at 16 kHz.
const FRAME_BYTES: usize = 3_200;
/// After the last frame.
const END_LIMIT: Duration = Duration::from_secs(60);

/// What came of a stream.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) texts: Vec<String>,
    /// From a segment's end in the audio to its coming, in milliseconds.
    pub(super) delays: Vec<f64>,
    /// Of audio sent.
    pub(super) seconds: f64,
    /// `done`, the code of an error, or nothing where it was left.
    pub(super) end: String,
    /// All clients were told to stop.
    pub(super) cut_short: bool,
}

/// Talks, and hears to the end.
pub(super) fn talk(address: &str, talk: &Talk, random: &mut fastrand::Rng, stop: &AtomicBool) -> Done<Heard> {
    let mut client = Client::open_with(address, talk.preset, "live", &talk.options)?;
    let (mut heard, begun) = (Heard::default(), Instant::now());
    let frames = talk.audio.chunks(FRAME_BYTES);
    let leaves_after = match talk.leaving {
        Leaving::Vanishes => random.usize(1..frames.len()),
        Leaving::Finishes => frames.len(),
    };
    for (n, frame) in frames.enumerate().take(leaves_after) {
        if stop.load(Ordering::Relaxed) {
            heard.cut_short = true;
            return Ok(heard);
        }
        client.send_audio(frame)?;
        heard.seconds += frame.len() as f64 / 32_000.0;
        listen(&mut client, &mut heard, begun, begun + PERIOD * (n as u32 + 1))?;
        if !heard.end.is_empty() {
            return Ok(heard);
        }
    }
    if talk.leaving == Leaving::Finishes {
        client.say_finish()?;
        listen(&mut client, &mut heard, begun, Instant::now() + END_LIMIT)?;
        if heard.end.is_empty() {
            return Err("no end came".into());
        }
    }
    Ok(heard)
}

/// Hears what comes until then, or until the stream's end.
fn listen(client: &mut Client, heard: &mut Heard, begun: Instant, until: Instant) -> Done {
    while let Some(event) = client.next_before(until)? {
        match event["type"].as_str() {
            Some("segment") => {
                heard.texts.push(event["text"].as_str().unwrap_or_default().to_owned());
                let end = Duration::from_secs_f64(event["end"].as_f64().unwrap_or_default());
                // The frame with the segment's last sample was sent at the beginning of its tenth of a second.
                let frame = end.as_millis().saturating_sub(1) / PERIOD.as_millis();
                let sent = begun + PERIOD * frame as u32;
                heard.delays.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            Some("done") => heard.end = "done".into(),
            Some("error") => heard.end = event["code"].as_str().unwrap_or_default().to_owned(),
            _ => {}
        }
        if !heard.end.is_empty() {
            break;
        }
    }
    Ok(())
}
