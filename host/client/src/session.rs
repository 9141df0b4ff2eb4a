//! One stream from the client's side: sends audio and reads events until `done`.
//!
//! Invariant: when the audio ends, for whatever reason (its end, a read error, Ctrl-C), `finish` is sent and all
//! remaining events are read, so no text is lost. Only a second Ctrl-C, an error of the output, or the server ends the
//! session sooner.
//!
//! Runs in the caller's task. Sending and reading are two futures polled side by side, so a server that does not read
//! for a while cannot delay its own events. In a live stream each piece of audio is due when a microphone would have
//! recorded all of it, counted from the start, so delays do not add up.

pub mod closing;
pub mod connect;
mod end;
mod feed;

pub use end::End;

use super::{
    server::Server,
    source::Source,
    summary::{Meter, Summary},
    url::STREAM_PATH,
};
use auricle_dialects::native::messages::{ClientMessage, Pace, ServerEvent, ServerMessage, Start};
use closing::Closing;
use connect::Connector;
use feed::{Feed, Progress};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::{io, pin::pin};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

/// A stream to run: its audio's destination, preset and options.
#[derive(Debug, Clone)]
pub struct Session {
    /// The server.
    pub server: Server,
    /// Sent in `start`.
    pub preset: String,
    /// Sent in `start`.
    pub options: Map<String, Value>,
    /// Live: audio is sent at the speed of speech. File: as fast as the server accepts it.
    pub pace: Pace,
}

/// Receives everything that happens in a session. An error ends the session.
pub trait Observer {
    /// Called for each message: the line as received, and the parsed message unless its type is unknown.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn message(&mut self, line: &str, message: Option<&ServerMessage>) -> io::Result<()>;

    /// Called when audio is being sent; `_seconds` is the length of the audio sent so far.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn sent(&mut self, _seconds: f64) -> io::Result<()> {
        Ok(())
    }

    /// Called with a notice for the user.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn notice(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Result of a session.
#[derive(Debug)]
pub struct Report {
    /// `Ok` if the server sent `done` after all of the audio.
    pub end: Result<(), End>,
    /// Timings and counts, up to the point where the session ended.
    pub summary: Summary,
}

impl Session {
    /// Streams `source`. The first item of `interrupts` ends the audio, the second the session.
    pub async fn run(
        &self,
        mut source: Source,
        observer: &mut impl Observer,
        interrupts: &mut mpsc::Receiver<()>,
    ) -> Report {
        let mut meter = Meter::new();
        let end = self.drive(&mut source, observer, interrupts, &mut meter).await;
        Report { end, summary: meter.summary() }
    }

    async fn drive(
        &self,
        source: &mut Source,
        observer: &mut impl Observer,
        interrupts: &mut mpsc::Receiver<()>,
        meter: &mut Meter,
    ) -> Result<(), End> {
        let start = ClientMessage::Start(self.start(source));
        let connector = Connector::new(&self.server, STREAM_PATH)?;
        let (sink, mut incoming) = tokio::select! {
            socket = connector.open() => socket?.split(),
            Some(()) = interrupts.recv() => return Err(End::Interrupted),
        };
        let (ready, stop) = (Notify::new(), Notify::new());
        let (sender, mut progress) = mpsc::channel(1);
        let feed = Feed { live: self.pace == Pace::Live, ready: &ready, stop: &stop, progress: sender };
        let mut feeding = pin!(feed.run(start, sink, source));
        let (mut fed, mut unread) = (false, None);
        let (mut begun, mut interrupted) = (false, false);
        let mut closing = Closing::default();
        loop {
            tokio::select! {
                // In this order, so that the meter counts audio before the events that it led to.
                biased;
                Some(progress) = progress.recv() => match progress {
                    Progress::Begun => {
                        begun = true;
                        meter.begin();
                    }
                    Progress::Sending(seconds) => {
                        meter.sent(seconds);
                        observer.sent(seconds).map_err(End::Output)?;
                    }
                    Progress::Damage(what) => {
                        meter.damage();
                        observer.notice(&what).map_err(End::Output)?;
                    }
                    Progress::Warning(text) => observer.notice(&text).map_err(End::Output)?,
                    Progress::Ended(at) => meter.audio_ended(at),
                },
                Some(()) = interrupts.recv() => {
                    if interrupted || !begun {
                        return Err(End::Interrupted);
                    }
                    interrupted = true;
                    stop.notify_one();
                    observer.notice("interrupted: waiting for the remaining text (Ctrl-C again quits)").map_err(End::Output)?;
                }
                result = &mut feeding, if !fed && !closing.has_ended() => {
                    fed = true;
                    match result {
                        Ok(error) => unread = error,
                        // Do not stop yet: the server's reason may still arrive.
                        Err(error) => closing.failed(&error),
                    }
                }
                message = incoming.next() => match message {
                    None => break,
                    Some(Err(error)) => {
                        closing.failed(&error);
                        break;
                    }
                    Some(Ok(Message::Close(frame))) => closing.close(frame.as_ref()),
                    Some(Ok(Message::Text(line))) => {
                        let message = closing.line(&line);
                        if let Some(ServerMessage { event, .. }) = &message {
                            meter.event(event);
                            if matches!(event, ServerEvent::Ready(_)) {
                                ready.notify_one();
                            }
                        }
                        observer.message(&line, message.as_ref()).map_err(End::Output)?;
                    }
                    Some(Ok(_)) => {}
                },
                () = sleep_until(closing.deadline.unwrap_or_else(Instant::now)), if closing.has_ended() => break,
            }
        }
        closing.result()?;
        match (unread, meter.damaged()) {
            (Some(error), _) => Err(End::Source(error)),
            (None, 0) => Ok(()),
            (None, parts) => Err(End::Damaged { parts }),
        }
    }

    fn start(&self, source: &Source) -> Start {
        let audio = source.format();
        Start {
            preset: self.preset.clone(),
            options: self.options.clone(),
            format: audio.encoding,
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            channel: audio.channel,
            pace: self.pace,
        }
    }
}

#[cfg(test)]
mod tests;
