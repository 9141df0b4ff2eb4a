//! Prints a stream's events for people or for scripts.
//!
//! Invariant: standard output carries only the transcript (or, as `jsonl`, the server's messages), one line each, or subtitles.
//! Everything else goes to standard error. Control characters from the server are never printed, and this module prints
//! none where standard error is not a terminal. Write errors on standard error are ignored, because it does not carry
//! the result.

use super::{
    session::{End, Observer, Report},
    stream::Event,
};
use auricle_core::{
    native::Text as Spoken,
    subtitles::{SubtitleFormat, Subtitles},
};
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

/// Minimum time between two updates that only change the progress.
const REFRESH: Duration = Duration::from_millis(100);

/// Which outputs are terminals.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether standard output is a terminal.
    pub out: bool,
    /// Returns the width in columns, if standard error is a terminal.
    pub err: Option<fn() -> usize>,
}

impl Screen {
    /// The outputs of this process.
    pub fn of_process() -> Self {
        let width = || usize::from(console::Term::stderr().size().1);
        let err = console::Term::stderr().is_term().then_some(width as fn() -> usize);
        Self { out: console::Term::stdout().is_term(), err }
    }
}

/// The transcript for people: final text line by line, partial text in a status line that is overwritten.
#[derive(Debug)]
pub struct Text<O, E> {
    out: O,
    err: E,
    screen: Screen,
    show_partials: bool,
    /// Length of the audio, and of the part that was sent, in seconds.
    total: Option<f64>,
    sent: f64,
    partial: String,
    /// Width of the status line in columns.
    shown: usize,
    shown_at: Option<Instant>,
}

impl<O: Write, E: Write> Text<O, E> {
    /// Prints text to `out`, everything else to `err`. `total` is the audio's length in seconds, if known.
    /// `show_partials` prints partials line by line where `err` is not a terminal.
    pub fn new(out: O, err: E, screen: Screen, total: Option<f64>, show_partials: bool) -> Self {
        Self { out, err, screen, show_partials, total, sent: 0.0, partial: String::new(), shown: 0, shown_at: None }
    }

    /// Prints the summary, if the stream was opened.
    pub fn finish(&mut self, report: &Report) {
        self.erase();
        summarize(&mut self.err, report);
    }

    fn segment(&mut self, segment: &Spoken) -> io::Result<()> {
        self.partial.clear();
        self.erase();
        let text = printable(&segment.text);
        match self.screen {
            Screen { out: true, err: Some(_) } => writeln!(self.out, "{}", timed(segment, &text))?,
            Screen { err, .. } => {
                writeln!(self.out, "{text}")?;
                if err.is_some() {
                    let _ = writeln!(self.err, "{}", timed(segment, &text));
                }
            }
        }
        self.out.flush()?;
        self.show();
        Ok(())
    }

    fn partial(&mut self, partial: &Spoken) {
        self.partial = printable(&partial.text);
        if self.screen.err.is_some() {
            self.show();
        } else if self.show_partials {
            let _ = writeln!(self.err, "{} ...", timed(partial, &self.partial));
        }
    }

    fn line(&mut self, text: &str) {
        self.erase();
        let _ = writeln!(self.err, "{}", printable(text));
        self.show();
    }

    /// Prints the status line.
    fn show(&mut self) {
        let Some(width) = self.screen.err else { return };
        let progress = match self.total {
            Some(total) => format!("{:.1} / {:.1} s", self.sent, total.max(self.sent)),
            None => format!("{:.1} s", self.sent),
        };
        // The last column stays empty: some terminals start a new line after it.
        let room = width().saturating_sub(1);
        let progress = console::truncate_str(&progress, room, "").into_owned();
        let partial = tail(&self.partial, room.saturating_sub(columns(&progress) + 2));
        let line = if partial.is_empty() { progress } else { format!("{progress}  {partial}") };
        let columns = columns(&line);
        let rest = self.shown.saturating_sub(columns).min(room.saturating_sub(columns));
        let _ = write!(self.err, "\r{line}{:rest$}", "");
        let _ = self.err.flush();
        self.shown = columns;
        self.shown_at = Some(Instant::now());
    }

    /// Clears the status line by overwriting it, which any terminal supports.
    fn erase(&mut self) {
        if let (Some(width), 1..) = (self.screen.err, self.shown) {
            let columns = self.shown.min(width().saturating_sub(1));
            let _ = write!(self.err, "\r{:columns$}\r", "");
            let _ = self.err.flush();
            self.shown = 0;
        }
    }
}

impl<O: Write, E: Write> Observer for Text<O, E> {
    fn message(&mut self, _line: &str, event: Option<&Event>) -> io::Result<()> {
        match event {
            Some(Event::Ready(ready)) if self.screen.err.is_some() => {
                self.line(&format!("preset {}, engine {}, stream {}", ready.preset, ready.backend, ready.stream));
            }
            Some(Event::Warning { message, .. }) => self.line(message),
            Some(Event::Partial(partial)) => self.partial(partial),
            Some(Event::Segment(segment)) => self.segment(segment)?,
            Some(Event::Gap { start, end }) => {
                self.line(&format!("the server lost the audio from {start:.2} s to {end:.2} s"));
            }
            Some(Event::Restarted { time }) => {
                self.line(&format!("the engine reported no text, and was started anew at {time:.2} s"));
            }
            _ => {}
        }
        Ok(())
    }

    fn sent(&mut self, seconds: f64) -> io::Result<()> {
        self.sent = seconds;
        if self.shown_at.is_none_or(|at| at.elapsed() >= REFRESH) {
            self.show();
        }
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        self.line(text);
        Ok(())
    }
}

/// Prints the server's messages unchanged, one per line.
#[derive(Debug)]
pub struct Jsonl<O, E> {
    out: O,
    err: E,
}

impl<O: Write, E: Write> Jsonl<O, E> {
    /// Prints messages to `out`, notices to `err`.
    pub fn new(out: O, err: E) -> Self {
        Self { out, err }
    }

    /// Prints the summary, if the stream was opened.
    pub fn finish(&mut self, report: &Report) {
        summarize(&mut self.err, report);
    }
}

impl<O: Write, E: Write> Observer for Jsonl<O, E> {
    fn message(&mut self, line: &str, _event: Option<&Event>) -> io::Result<()> {
        // In JSON, line breaks only occur as white space between tokens.
        writeln!(self.out, "{}", line.replace(['\r', '\n'], " "))?;
        self.out.flush()
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        let _ = writeln!(self.err, "{}", printable(text));
        Ok(())
    }
}

/// Prints subtitles, as the texts come.
#[derive(Debug)]
pub struct Captions<O, E> {
    out: O,
    err: E,
    subtitles: Subtitles,
    /// Whether the head is printed.
    has_begun: bool,
}

impl<O: Write, E: Write> Captions<O, E> {
    /// Prints subtitles to `out`, notices to `err`.
    pub fn new(out: O, err: E, format: SubtitleFormat) -> Self {
        Self { out, err, subtitles: Subtitles::new(format), has_begun: false }
    }

    /// Prints the summary, if the stream was opened.
    pub fn finish(&mut self, report: &Report) {
        summarize(&mut self.err, report);
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<O: Write, E: Write> Observer for Captions<O, E> {
    fn message(&mut self, _line: &str, event: Option<&Event>) -> io::Result<()> {
        match event {
            // Not again after a reconnect.
            Some(Event::Ready(_)) if !self.has_begun => {
                self.has_begun = true;
                self.print(self.subtitles.head())
            }
            Some(Event::Segment(segment)) => {
                let cues = self.subtitles.add(&Spoken { text: printable(&segment.text), ..segment.clone() });
                self.print(&cues)
            }
            _ => Ok(()),
        }
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        let _ = writeln!(self.err, "{}", printable(text));
        Ok(())
    }
}

fn summarize(err: &mut impl Write, report: &Report) {
    let opened = report.summary.ready_ms.is_some();
    if opened && !matches!(report.end, Err(End::Output(_))) {
        let _ = writeln!(err, "{}", report.summary);
    }
}

/// A text with its start and end time.
fn timed(spoken: &Spoken, text: &str) -> String {
    format!("[{:6.2} - {:6.2}] {text}", spoken.start, spoken.end)
}

/// Replaces control characters, so that the text is one line.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Width on a terminal.
fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The end of a text, at most `room` columns wide.
fn tail(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut taken = 1;
    let start = text.char_indices().rev().take_while(|(_, letter)| {
        taken += columns(letter.encode_utf8(&mut [0; 4]));
        taken <= room
    });
    match start.last() {
        Some((start, _)) => format!("…{}", &text[start..]),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
