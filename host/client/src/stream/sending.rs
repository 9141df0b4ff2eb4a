//! What a stream has to send, and how far each connection has taken it.
//!
//! Invariant: audio after the last final text is kept until its text is final, and longer if a server that stores how far the stream
//! is would need it; within a limit. A connection that begins a new
//! stream on the server begins with that audio; one that resumes the server's stream, with what the server does not have.
//! Commands keep their place in the audio, and are sent again until they are answered.
//!
//! Positions are bytes of audio since the start or the last reset.

use super::{kept_audio::KeptAudio, server_stream::ServerStream, settings::Settings};
use auricle_core::{
    AudioFormat,
    native::{ClientMessage, Heard, Pace, Ready, Resumed, ServerEvent, Start},
};
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::Bytes;

/// Bytes of one message; the server limits its size.
const MESSAGE_BYTES: usize = 32_768;
/// Seconds of live audio that the network may be behind before the connection is taken for dead.
const STALLED_SECONDS: u64 = 10;
/// Bytes that wait to be sent, from which on `is_drained` is false.
const ENOUGH_BYTES: u64 = 64 * 1024;

/// A message for the server.
#[derive(Debug, PartialEq)]
pub(super) enum Outgoing {
    Command(ClientMessage),
    Audio(Bytes),
}

/// A message that has its place in the audio.
#[derive(Debug)]
struct Command {
    message: ClientMessage,
    position: u64,
}

/// A connection: where it begins, and what it has taken.
#[derive(Debug)]
struct Connection {
    is_started: bool,
    /// Whether the server has not said yet what it has of the stream that is resumed.
    is_resuming: bool,
    /// Position where the server's stream begins, and of the next byte to send.
    origin: u64,
    sent: u64,
    commands_sent: usize,
    /// Bytes that may wait before it is taken for dead.
    allowed: u64,
    resets_sent: u32,
    resets_answered: u32,
}

/// Audio and commands on their way to the server.
#[derive(Debug)]
pub(super) struct Sending {
    start: Start,
    audio: AudioFormat,
    /// Bytes of audio that are kept; `None` if there is no limit.
    keep: Option<u64>,
    bytes_per_second: u64,
    kept: KeptAudio,
    /// The beginning of a frame whose rest was not given yet.
    rest: Vec<u8>,
    /// Flushes that were not answered, a reset that was not sent, and the end.
    commands: VecDeque<Command>,
    /// Position up to which the text is final.
    text_end: u64,
    /// If each channel has a transcript: up to which second the text of each is final.
    text_ends: Vec<f64>,
    connection: Option<Connection>,
    /// The stream on the server, if it can be resumed.
    server_stream: Option<ServerStream>,
}

impl Sending {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            start: settings.start(),
            audio: settings.audio,
            keep: settings.keep_bytes(),
            bytes_per_second: settings.bytes_per_second(),
            kept: KeptAudio::default(),
            rest: Vec::new(),
            commands: VecDeque::new(),
            text_end: 0,
            text_ends: vec![0.0; if settings.multichannel { settings.audio.channels.into() } else { 0 }],
            connection: None,
            server_stream: None,
        }
    }

    /// Seconds of audio given since the start or the last reset.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds_at(self.kept.end())
    }

    /// Where the connection begins: frames, and seconds.
    pub(super) fn origin(&self) -> (u64, f64) {
        let origin = self.connection.as_ref().map_or(0, |connection| connection.origin);
        (origin / self.audio.frame_bytes() as u64, self.seconds_at(origin))
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Where the next byte to send is, in seconds.
    pub(super) fn sent_seconds(&self) -> f64 {
        self.connection.as_ref().map_or(0.0, |connection| self.seconds_at(connection.sent))
    }

    /// From the last final text to what the server has, in seconds: text of it may be lost.
    pub(super) fn unheard(&self, resumed: &Resumed) -> (f64, f64) {
        let origin = self.server_stream.as_ref().map_or(0, |server_stream| server_stream.origin);
        let end = origin + resumed.received * self.audio.frame_bytes() as u64;
        (self.seconds_at(self.text_end), self.seconds_at(end))
    }

    /// Whether the network has taken most of what was given.
    pub(super) fn is_drained(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| self.kept.end() - connection.sent < ENOUGH_BYTES)
    }

    /// Whether the network has taken nothing for so long that the connection must be dead.
    pub(super) fn is_stalled(&self) -> bool {
        let behind = |connection: &Connection| self.kept.end() - connection.sent > connection.allowed;
        self.start.pace == Pace::Live && self.connection.as_ref().is_some_and(behind)
    }

    /// Takes audio, in pieces of any size.
    pub(super) fn push(&mut self, audio: Bytes) {
        let frame = self.audio.frame_bytes();
        let mut whole = audio;
        if !self.rest.is_empty() {
            let mut joined = std::mem::take(&mut self.rest);
            joined.extend_from_slice(&whole);
            whole = joined.into();
        }
        self.rest = whole.split_off(whole.len() - whole.len() % frame).to_vec();
        self.kept.push(whole);
        let oldest = self.keep.map_or(0, |limit| self.kept.end().saturating_sub(limit));
        let oldest = oldest - oldest % frame as u64;
        self.kept.release(self.connection.as_ref().map_or(oldest, |connection| oldest.min(connection.sent)));
    }

    /// Takes a command, whose place is here.
    pub(super) fn command(&mut self, message: ClientMessage) {
        self.commands.push_back(Command { message, position: self.kept.end() });
    }

    /// Forgets everything. The server must do so too, if it has something.
    pub(super) fn reset(&mut self) {
        self.kept = KeptAudio::default();
        self.rest.clear();
        self.commands.clear();
        self.text_end = 0;
        self.text_ends.fill(0.0);
        match &mut self.connection {
            Some(connection) => {
                (connection.origin, connection.sent, connection.commands_sent) = (0, 0, 0);
                if connection.is_resuming {
                    self.begins_again();
                } else if connection.is_started {
                    self.command(ClientMessage::Reset);
                }
            }
            None => self.server_stream = None,
        }
        if let Some(server_stream) = &mut self.server_stream {
            server_stream.origin = 0;
            server_stream.durable = server_stream.durable.map(|_| 0);
        }
    }

    /// The server's stream is not resumed: the next connection begins a new one.
    pub(super) fn begins_again(&mut self) {
        self.server_stream = None;
    }

    /// Whether the connection resumes the server's stream, and the server has not answered yet.
    pub(super) fn is_resuming(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_resuming)
    }

    /// A connection is open. It resumes the server's stream, or begins one with the audio whose text is not final.
    pub(super) fn connected(&mut self) {
        // Only the connection before needed them.
        self.commands.retain(|command| command.message != ClientMessage::Reset);
        let begin = self.text_end.max(self.kept.start());
        let origin = self.server_stream.as_ref().map_or(begin, |server_stream| server_stream.origin);
        self.connection = Some(Connection {
            is_started: false,
            is_resuming: self.server_stream.is_some(),
            origin,
            sent: begin,
            commands_sent: 0,
            allowed: self.kept.end() - begin + STALLED_SECONDS * self.bytes_per_second,
            resets_sent: 0,
            resets_answered: 0,
        });
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        if self.is_resetting() {
            // The server may not have heard of the reset.
            self.server_stream = None;
        }
        self.connection = None;
    }

    /// The server has opened the stream.
    pub(super) fn opened(&mut self, ready: &Ready) {
        let Some(connection) = &mut self.connection else { return };
        connection.resets_answered = ready.epoch;
        if self.server_stream.is_none() {
            self.server_stream = ServerStream::new(ready, connection.origin);
        }
    }

    /// The server has resumed its stream. Returns whether what it lacks is still kept.
    pub(super) fn resumed(&mut self, resumed: &Resumed) -> bool {
        let position =
            |server_stream: &ServerStream| server_stream.origin + resumed.received * self.audio.frame_bytes() as u64;
        let (Some(connection), Some(server_stream)) = (&mut self.connection, &mut self.server_stream) else {
            return false;
        };
        let sent = position(server_stream);
        server_stream.token.clone_from(&resumed.resume.token);
        if sent < self.kept.start() || sent > self.kept.end() {
            return false;
        }
        let flushes = self.commands.iter().take_while(|command| command.message == ClientMessage::Flush).count();
        let answered = resumed.flushes.saturating_sub(server_stream.told.flushes) as usize;
        (connection.is_resuming, connection.sent) = (false, sent);
        connection.commands_sent = answered.min(flushes) + usize::from(resumed.finished);
        (connection.resets_sent, connection.resets_answered) = (resumed.epoch, resumed.epoch);
        true
    }

    /// A message with this number came. Returns whether it is new.
    pub(super) fn arrived(&mut self, seq: u64) -> bool {
        self.server_stream.as_mut().is_none_or(|server_stream| server_stream.arrived(seq))
    }

    /// Counts a message that is new.
    pub(super) fn note(&mut self, event: &ServerEvent) {
        if let Some(server_stream) = &mut self.server_stream {
            server_stream.note(event);
        }
    }

    /// The server has told what it has of the audio.
    pub(super) fn heard(&mut self, heard: &Heard) {
        let Some(server_stream) = &mut self.server_stream else { return };
        if server_stream.durable.is_none() || server_stream.told.epoch != heard.epoch {
            return;
        }
        server_stream.want_ack();
        let from = match heard.survives {
            Some(_) => server_stream.origin + heard.durable * self.audio.frame_bytes() as u64,
            // It does not store it now.
            None => self.text_end,
        };
        server_stream.durable = server_stream.durable.max(Some(from));
        self.release();
    }

    /// The next message for the server, if there is one now.
    pub(super) fn next(&mut self) -> Option<Outgoing> {
        let connection = self.connection.as_mut()?;
        if !connection.is_started {
            (connection.is_started, connection.is_resuming) = (true, self.server_stream.is_some());
            return Some(Outgoing::Command(match &self.server_stream {
                Some(server_stream) => ClientMessage::Resume(server_stream.resume()),
                None => ClientMessage::Start(self.start.clone()),
            }));
        }
        if connection.is_resuming {
            return None;
        }
        if let Some(ack) = self.server_stream.as_mut().and_then(ServerStream::take_ack) {
            return Some(Outgoing::Command(ClientMessage::Ack(ack)));
        }
        let command = self.commands.get(connection.commands_sent);
        let end = command.map_or(self.kept.end(), |command| command.position);
        if connection.sent < end {
            let piece = self.kept.read(connection.sent, end, MESSAGE_BYTES);
            connection.sent += piece.len() as u64;
            return Some(Outgoing::Audio(piece));
        }
        let message = command?.message.clone();
        if message == ClientMessage::Reset {
            self.commands.remove(connection.commands_sent);
            connection.resets_sent += 1;
        } else {
            connection.commands_sent += 1;
        }
        Some(Outgoing::Command(message))
    }

    /// Whether the server still answers about what a reset discarded.
    pub(super) fn is_resetting(&self) -> bool {
        self.commands.iter().any(|command| command.message == ClientMessage::Reset)
            || self.connection.as_ref().is_some_and(|connection| connection.resets_answered < connection.resets_sent)
    }

    /// A flush was answered.
    pub(super) fn flushed(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let is_flush = |command: &Command| command.message == ClientMessage::Flush;
        if connection.commands_sent > 0 && self.commands.front().is_some_and(is_flush) {
            connection.commands_sent -= 1;
            if let Some(Command { position, .. }) = self.commands.pop_front() {
                self.reached(position);
            }
        }
    }

    /// Whether the text of a channel was final up to this second before.
    pub(super) fn has_text(&self, channel: Option<u16>, seconds: f64) -> bool {
        channel.and_then(|channel| self.text_ends.get(usize::from(channel))).is_some_and(|end| seconds <= *end)
    }

    /// The text, or that of a channel, is final up to this second.
    pub(super) fn text_reached(&mut self, channel: Option<u16>, seconds: f64) {
        let mut seconds = seconds;
        if let Some(end) = channel.and_then(|channel| self.text_ends.get_mut(usize::from(channel))) {
            *end = end.max(seconds);
            // The audio is needed until the text of all channels is final.
            seconds = self.text_ends.iter().copied().fold(f64::INFINITY, f64::min);
        }
        let frames = (seconds * f64::from(self.audio.sample_rate)).round() as u64;
        self.reached(frames * self.audio.frame_bytes() as u64);
    }

    /// Audio that fell out between the last text and this connection, in seconds. Told once.
    pub(super) fn take_gap(&mut self) -> Option<(f64, f64)> {
        let origin = self.connection.as_ref()?.origin;
        let gap = (self.seconds_at(self.text_end), self.seconds_at(origin));
        if origin <= self.text_end {
            return None;
        }
        self.text_end = origin;
        Some(gap)
    }

    fn reached(&mut self, position: u64) {
        let sent = self.connection.as_ref().map_or(0, |connection| connection.sent);
        self.text_end = self.text_end.max(position.min(sent));
        self.release();
    }

    /// Lets go of the audio that is not needed any more.
    fn release(&mut self) {
        let durable = self.server_stream.as_ref().and_then(|server_stream| server_stream.durable);
        self.kept.release(durable.map_or(self.text_end, |durable| durable.min(self.text_end)));
    }

    fn seconds_at(&self, position: u64) -> f64 {
        position as f64 / self.bytes_per_second as f64
    }
}
