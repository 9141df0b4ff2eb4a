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

    /// By the first bytes of a file.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let at = |place: usize, bytes: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(bytes));
        let found = match start {
            // Twelve ones, and a layer that MP3 does not have.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => ("an AAC file", "aac"),
            [0xff, second, ..] if second & 0xe6 == 0xe4 => ("an MP2 file", "mp2"),
            [0x0b, 0x77, ..] => ("an AC-3 file", "ac3"),
            [0x30, 0x26, 0xb2, 0x75, ..] => ("a Windows Media file", "wma"),
            _ if at(0, b"ADIF") => ("an AAC file", "aac"),
            _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => ("an AIFF file", "aiff"),
            _ if at(0, b".snd") => ("an AU file", "au"),
            _ if at(0, b"riff\x2e\x91\xcf\x11") => ("a Wave64 file", "w64"),
            _ if at(0, b"caff") => ("a CAF file", "caf"),
            _ if at(0, b"#!AMR") => ("an AMR file", "amr"),
            _ if at(0, b"MAC ") => ("a Monkey's Audio file", "ape"),
            _ if at(0, b"wvpk") => ("a WavPack file", "wv"),
            _ if at(0, b"RIFX") => ("a WAV file in the other byte order", "wav"),
            _ if at(0, b"RIFF") && at(8, b"AVI ") => ("an AVI file", "avi"),
            _ if at(0, b"FLV\x01") => ("a Flash video", "flv"),
            _ if at(0, b"NIST_1A") => ("a NIST SPHERE file", "sph"),
            _ => return None,
        };
        Some(Self::new(found.0, found.1))
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
