//! Runs one stream that outlives its connections, by the client library: a broken connection delays its texts, but does not end it.
//!
//! Invariant: the schedule is that of every other stream (see `stream`). One task.

use super::{
    stream::{Ending, LEAD, Notes, Plan, StreamRun},
    watch::Watch,
};
use auricle_client::{Event, Failure, Server, Settings, Stream};
use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::time::{Instant, sleep_until};

/// Opens a stream of the native protocol and runs it to its end.
pub(super) async fn run(server: Server, preset: &str, plan: &Plan<'_>, watch: &Watch) -> StreamRun {
    sleep_until(plan.start - LEAD).await;
    let stream = match Stream::open(Settings::new(server, preset)).await {
        Ok(stream) => stream,
        Err(failure) => {
            return StreamRun { end: Some(Ending::Refused(failure.to_string())), ..StreamRun::default() };
        }
    };
    let _open = watch.open();
    let (sent, mut notes) = (AtomicUsize::new(0), Notes::new(plan));
    let mut late = Vec::with_capacity(plan.recording.frames.len());
    let reason = {
        let mut speaking = pin!(speak(&stream, plan, &sent, &mut late));
        let mut patience = pin!(sleep_until(plan.start + plan.recording.length() + plan.patience));
        let mut spoken = false;
        loop {
            let event = tokio::select! {
                biased;
                event = stream.next() => event,
                // What ended the stream comes as its last event, too.
                _ = &mut speaking, if !spoken => {
                    spoken = true;
                    continue;
                }
                () = &mut patience => {
                    break Some(format!("no end within {} s after the end of the audio", plan.patience.as_secs_f64()));
                }
            };
            let now = Instant::now();
            match event {
                Some(Ok(Event::Partial(text))) => notes.partial(now, sent.load(Relaxed), &text.text),
                Some(Ok(Event::Segment(text))) => notes.last(now, sent.load(Relaxed), &text.text),
                Some(Ok(Event::Gap { start, end })) => break Some(format!("audio is lost from {start} s to {end} s")),
                Some(Ok(Event::Done { .. })) => {
                    notes.done(now);
                    break None;
                }
                Some(Ok(_)) => {}
                Some(Err(failure)) => break Some(failure.to_string()),
                None => break Some("the stream ended without its last text".to_owned()),
            }
            watch.message();
        }
    };
    notes.into_run(reason.map(Ending::Failed), late)
}

/// Gives the stream its audio on schedule.
async fn speak(stream: &Stream, plan: &Plan<'_>, sent: &AtomicUsize, late: &mut Vec<f32>) -> Result<(), Failure> {
    let mut due = plan.start;
    for (number, frame) in plan.recording.frames.iter().enumerate() {
        due += plan.recording.frame;
        sleep_until(due).await;
        late.push(due.elapsed().as_secs_f32());
        stream.send(frame.clone())?;
        sent.store(number + 1, Relaxed);
    }
    stream.finish();
    Ok(())
}
