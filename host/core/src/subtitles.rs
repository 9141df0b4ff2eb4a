//! Subtitles: SubRip (`srt`) and WebVTT (`vtt`), made of final texts.
//!
//! Invariant: the cues of a text depend on that text only, so they can be written while the speech goes on. How a text is cut
//! is in `cue`.

mod cue;

use crate::native::Text;
use cue::{Cue, cues};
use std::fmt::Write;

/// A format of subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtitleFormat {
    /// SubRip.
    Srt,
    /// WebVTT.
    Vtt,
}

impl SubtitleFormat {
    /// The extension of the files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }

    /// The file for these texts.
    pub fn file(self, texts: &[Text]) -> String {
        let mut subtitles = Subtitles::new(self);
        let mut file = subtitles.head().to_owned();
        texts.iter().for_each(|text| file.push_str(&subtitles.add(text)));
        file
    }
}

/// A file of subtitles that is written text by text.
#[derive(Debug)]
pub struct Subtitles {
    format: SubtitleFormat,
    /// Cues so far.
    cues: usize,
}

impl Subtitles {
    /// A file without cues.
    pub fn new(format: SubtitleFormat) -> Self {
        Self { format, cues: 0 }
    }

    /// What is before the first cue.
    pub fn head(&self) -> &'static str {
        match self.format {
            SubtitleFormat::Srt => "",
            SubtitleFormat::Vtt => "WEBVTT\n\n",
        }
    }

    /// The cues of the next text.
    pub fn add(&mut self, text: &Text) -> String {
        let mut file = String::new();
        for Cue { start, end, lines } in cues(text) {
            self.cues += 1;
            let number = self.cues;
            // Writing to a string cannot fail.
            let _ = match self.format {
                SubtitleFormat::Srt => {
                    write!(file, "{number}\n{} --> {}\n{lines}\n\n", time(start, ','), time(end, ','))
                }
                SubtitleFormat::Vtt => {
                    write!(file, "{} --> {}\n{}\n\n", time(start, '.'), time(end, '.'), escaped(&lines))
                }
            };
        }
        file
    }
}

/// `00:01:02,345`.
fn time(seconds: f64, point: char) -> String {
    let milliseconds = (seconds * 1000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Replaces the characters that WebVTT would read as markup.
fn escaped(lines: &str) -> String {
    lines.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_a_cue_each() {
        let text = |start, end, text: &str| Text::plain(start, end, text);
        let texts = [text(0.0, 1.4995, "four  seven\n\none"), text(3_725.0, 3_726.0, "a < b --> c & d")];
        let expected = "1\n00:00:00,000 --> 00:00:01,500\nfour seven one\n\n\
                        2\n01:02:05,000 --> 01:02:06,000\na < b --> c & d\n\n";
        assert_eq!(SubtitleFormat::Srt.file(&texts), expected);
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nfour seven one\n\n\
                        01:02:05.000 --> 01:02:06.000\na &lt; b --&gt; c &amp; d\n\n";
        assert_eq!(SubtitleFormat::Vtt.file(&texts), expected);
    }

    #[test]
    fn no_speech_is_no_cue() {
        let silence = [Text::plain(0.0, 1.0, " \n")];
        for texts in [&[][..], &silence] {
            assert_eq!(SubtitleFormat::Srt.file(texts), "");
            assert_eq!(SubtitleFormat::Vtt.file(texts), "WEBVTT\n\n");
        }
    }
}
