//! Files that are known and not read, by their name and what converts them.

use std::fmt;

/// A kind of audio that is known and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    what: &'static str,
    /// What names of such files end in.
    extension: &'static str,
}

impl Foreign {
    pub(super) const fn new(what: &'static str, extension: &'static str) -> Self {
        Self { what, extension }
    }

    /// In a WAV file, by its format tag.
    pub(super) fn in_wav(tag: u16) -> Self {
        let what = match tag {
            0x02 => "a WAV file of Microsoft ADPCM",
            0x11 => "a WAV file of IMA ADPCM",
            0x14 | 0x40 | 0x42 => "a WAV file of G.723",
            0x31 => "a WAV file of GSM 6.10",
            0x45 | 0x64 => "a WAV file of G.726",
            0x50 => "a WAV file of MPEG audio",
            0x55 => "a WAV file of MP3",
            0x65 | 0x28f => "a WAV file of G.722",
            0x83 => "a WAV file of G.729",
            0xff | 0x1600..=0x1602 | 0x1610 => "a WAV file of AAC",
            0x160..=0x163 => "a WAV file of Windows Media Audio",
            _ => "a WAV file of a coding that is not known here",
        };
        Self::new(what, "wav")
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, extension } = self;
        write!(f, "{what}; convert it first: `ffmpeg -i in.{extension} -ar 16000 -ac 1 out.wav`")
    }
}
