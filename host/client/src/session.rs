//! `auricle stream`: reads audio, gives it to a [`Stream`], and tells an observer everything that happens.
//!
//! Invariant: when the audio ends, for whatever reason (its end, a read error, Ctrl-C), the stream is finished and all
//! remaining events are read, so no text is lost. Only a second Ctrl-C, an error of the output, or the server ends the
//! session sooner.
//!
//! Runs in the caller's task. Sending and reading are two futures polled side by side. In a live stream each piece of audio is
//! due when a microphone would have recorded all of it, counted from the start, so delays do not add up.

mod end;
mod feed;

pub use end::End;

use super::{
    server::Server,
    source::{Source, SourceError},
    stream::{Event, Message, Settings, Stream},
    summary::{Meter, Summary},
};
use auricle_core::native::{Pace, Text};
use feed::{Feed, Progress};
use serde_json::{Map, Value};
use std::{io, pin::pin, time::Duration};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Bytes;

/// A stream to run: its audio's destination, preset and options.
#[derive(Debug, Clone)]
pub struct Session {
    /// The server.
    pub server: Server,
    /// Sent in `start`.
    pub preset: String,
    /// Sent in `start`.
    pub options: Map<String, Value>,
    /// Whether each channel has a transcript.
    pub multichannel: bool,
    /// Live: audio is sent at the speed of speech. File: as fast as the server accepts it.
    pub pace: Pace,
    /// How long to try to connect again after the connection was lost; zero: not at all.
    pub reconnect: Duration,
}

/// Receives everything that happens in a session. An error ends the session.
pub trait Observer {
    /// Called for each message: the line as received, and its event unless its type is unknown. If each channel has a transcript, the
    /// event's text begins with the number of the channel.
    ///
    /// # Errors
    /// Ends the session with [`End::Output`].
    fn message(&mut self, line: &str, event: Option<&Event>) -> io::Result<()>;

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
        let stream = Stream::connect(self.settings(source))?;
        let stop = Notify::new();
        let (sender, mut progress) = mpsc::channel(1);
        let feed = Feed { live: self.pace == Pace::Live, stop: &stop, progress: sender };
        let mut feeding = pin!(self.feed(&stream, feed, source));
        let (mut fed, mut unread) = (false, None);
        let (mut begun, mut interrupted) = (false, false);
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
                error = &mut feeding, if !fed => {
                    fed = true;
                    unread = error;
                }
                message = stream.next_message() => match message {
                    None => break,
                    Some(Err(failure)) => return Err(failure.into()),
                    Some(Ok(message)) => tell(observer, meter, &message).map_err(End::Output)?,
                },
            }
        }
        match (unread, meter.damaged()) {
            (Some(error), _) => Err(End::Source(error)),
            (None, 0) => Ok(()),
            (None, parts) => Err(End::Damaged { parts }),
        }
    }

    /// Sends all of the audio. Returns the source's error if it ended with one.
    async fn feed(&self, stream: &Stream, feed: Feed<'_>, source: &mut Source) -> Option<SourceError> {
        // Why it is not ready is told to the reader.
        stream.ready().await.ok()?;
        let is_file = self.pace == Pace::File;
        let send = async |bytes: Bytes| {
            let sent = stream.send(bytes).is_ok();
            if sent && is_file {
                stream.drained().await;
            }
            sent
        };
        let unread = feed.run(source, send).await;
        stream.finish();
        unread
    }

    fn settings(&self, source: &Source) -> Settings {
        Settings {
            options: self.options.clone(),
            audio: source.format(),
            multichannel: self.multichannel,
            pace: self.pace,
            give_up: self.reconnect,
            ..Settings::new(self.server.clone(), self.preset.clone())
        }
    }
}

/// Tells what a message says.
fn tell(observer: &mut impl Observer, meter: &mut Meter, message: &Message) -> io::Result<()> {
    if let Some(event) = &message.event {
        meter.event(event);
    }
    match (&message.line, &message.event) {
        (Some(line), Some(Event::Segment(text))) => {
            observer.message(line, Some(&Event::Segment(labelled(text, message.channel))))
        }
        (Some(line), Some(Event::Partial(text))) => {
            observer.message(line, Some(&Event::Partial(labelled(text, message.channel))))
        }
        (Some(line), event) => observer.message(line, event.as_ref()),
        (None, Some(Event::Lost { failure, retry_in })) => {
            observer.notice(&format!("{failure}; trying again in {:.1} s", retry_in.as_secs_f64()))
        }
        (None, Some(Event::Resumed { start, .. })) => {
            observer.notice(&format!("connected again; the audio from {start:.2} s on was sent again"))
        }
        (None, Some(Event::Gap { start, end })) => observer.notice(&format!(
            "the audio from {start:.2} s to {end:.2} s is lost: the connection was away for too long"
        )),
        (None, _) => Ok(()),
    }
}

/// A text that begins with the number of its channel, if it has one.
fn labelled(text: &Text, channel: Option<u16>) -> Text {
    let mut text = text.clone();
    if let Some(channel) = channel {
        let first = text.words.first_mut().map(|word| &mut word.text);
        [Some(&mut text.text), first].into_iter().flatten().for_each(|text| *text = format!("{channel}: {text}"));
    }
    text
}

#[cfg(test)]
mod tests;
