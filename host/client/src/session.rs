//! One stream from a client's side: audio out, events in, until `done`.
//!
//! Invariant: whatever ends the audio (its end, an unreadable file, Ctrl-C), `finish` is sent and the events are read to
//! the last, so no words are lost; only a second Ctrl-C, an output that cannot be written, or the server ends it sooner.
//!
//! Runs in the caller's task: sending and reading are two futures polled side by side, so a server that does not read
//! for a while cannot keep its events from being heard. In a live stream the n-th piece of audio is due when a
//! microphone would have it whole, counted from the start, so delays do not add up.

pub mod connect;
mod end;
mod feed;
pub mod heard;

pub use end::End;

use super::{
    source::Source,
    summary::{Meter, Summary},
};
use auricle_dialects::native::messages::{ClientMessage, Pace, ServerEvent, ServerMessage, Start};
use connect::Connector;
use feed::{Feed, News};
use futures_util::StreamExt;
use heard::Heard;
use serde_json::{Map, Value};
use std::{io, path::PathBuf, pin::pin};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

/// What to stream to where.
#[derive(Debug, Clone)]
pub struct Session {
    /// `ws://host:port/v1/stream`, or `wss://`.
    pub url: String,
    /// To be shown, where the server asks for one.
    pub key: Option<String>,
    /// The file of the authorities to trust instead of the public ones.
    pub authorities: Option<PathBuf>,
    /// As in `start`.
    pub preset: String,
    /// As in `start`.
    pub options: Map<String, Value>,
    /// Live: the audio is sent at the speed of speech. File: as fast as the server takes it.
    pub pace: Pace,
}

/// Hears of everything that happens in a session. An error ends the session.
pub trait Observer {
    /// A message came: the line as it was on the wire, and what it says unless this client does not know its type.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn message(&mut self, line: &str, message: Option<&ServerMessage>) -> io::Result<()>;

    /// So many seconds of audio have been sent, the last of them just now.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn sent(&mut self, _seconds: f64) -> io::Result<()> {
        Ok(())
    }

    /// Something to tell the user.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn notice(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
}

/// How a session went.
#[derive(Debug)]
pub struct Report {
    /// `Ok` where the server said `done` after all of the audio.
    pub end: Result<(), End>,
    /// What it took, up to wherever it went.
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
        let connector = Connector::new(&self.url, self.key.as_deref(), self.authorities.as_deref())?;
        let (sink, mut incoming) = tokio::select! {
            socket = connector.open() => socket?.split(),
            Some(()) = interrupts.recv() => return Err(End::Interrupted),
        };
        let (ready, stop) = (Notify::new(), Notify::new());
        let (tell, mut told) = mpsc::channel(1);
        let feed = Feed { live: self.pace == Pace::Live, ready: &ready, stop: &stop, tell };
        let mut feeding = pin!(feed.run(start, sink, source));
        let (mut fed, mut unread) = (false, None);
        let (mut begun, mut interrupted) = (false, false);
        let mut heard = Heard::default();
        loop {
            tokio::select! {
                // In this order, so that the meter hears of the audio before it hears of what the audio led to.
                biased;
                Some(news) = told.recv() => match news {
                    News::Begun => {
                        begun = true;
                        meter.begin();
                    }
                    News::Sending(seconds) => {
                        meter.sent(seconds);
                        observer.sent(seconds).map_err(End::Output)?;
                    }
                    News::Damage(what) => {
                        meter.damage();
                        observer.notice(&what).map_err(End::Output)?;
                    }
                    News::Ended(at) => meter.audio_ended(at),
                },
                Some(()) = interrupts.recv() => {
                    if interrupted || !begun {
                        return Err(End::Interrupted);
                    }
                    interrupted = true;
                    stop.notify_one();
                    observer.notice("interrupted: waiting for the last words (again to quit)").map_err(End::Output)?;
                }
                result = &mut feeding, if !fed && !heard.all() => {
                    fed = true;
                    match result {
                        Ok(error) => unread = error,
                        // Not yet the end: the server's reason may still be on its way.
                        Err(error) => heard.broke(&error),
                    }
                }
                message = incoming.next() => match message {
                    None => break,
                    Some(Err(error)) => {
                        heard.broke(&error);
                        break;
                    }
                    Some(Ok(Message::Close(frame))) => heard.close(frame.as_ref()),
                    Some(Ok(Message::Text(line))) => {
                        let message = heard.line(&line);
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
                () = sleep_until(heard.deadline.unwrap_or_else(Instant::now)), if heard.all() => break,
            }
        }
        heard.end()?;
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
