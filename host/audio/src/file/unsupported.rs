//! Known kinds of audio files that are not supported, with a command that converts them.

use std::fmt;

/// A kind of audio that is known but not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    name: &'static str,
    /// The usual extension of such files.
    extension: &'static str,
}

impl Unsupported {
    pub(super) const fn new(name: &'static str, extension: &'static str) -> Self {
        Self { name, extension }
    }

    /// Identifies a file by its first bytes.
    pub(super) fn identify(start: &[u8]) -> Option<Self> {
        let at = |place: usize, bytes: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(bytes));
        let found = match start {
            // Twelve set bits, and a layer that MP3 does not have.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => ("AAC of an unsupported profile or channel layout", "aac"),
            [0xff, second, ..] if second & 0xe6 == 0xe4 => ("MP2", "mp2"),
            [0x0b, 0x77, ..] => ("AC-3", "ac3"),
            [0x30, 0x26, 0xb2, 0x75, ..] => ("Windows Media", "wma"),
            _ if at(0, b"ADIF") => ("AAC in ADIF", "aac"),
            _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => ("AIFF", "aiff"),
            _ if at(0, b".snd") => ("AU", "au"),
            _ if at(0, b"riff\x2e\x91\xcf\x11") => ("Wave64", "w64"),
            _ if at(0, b"caff") => ("CAF", "caf"),
            _ if at(0, b"#!AMR") => ("AMR", "amr"),
            _ if at(0, b"MAC ") => ("Monkey's Audio", "ape"),
            _ if at(0, b"wvpk") => ("WavPack", "wv"),
            _ if at(0, b"RIFX") => ("WAV in big-endian byte order (RIFX)", "wav"),
            _ if at(0, b"RIFF") && at(8, b"AVI ") => ("AVI", "avi"),
            _ if at(0, b"FLV\x01") => ("Flash video", "flv"),
            _ if at(0, b"NIST_1A") => ("NIST SPHERE", "sph"),
            _ => return None,
        };
        Some(Self::new(found.0, found.1))
    }

    /// The codec of a WAV file, by its format tag.
    pub(super) fn in_wav(tag: u16) -> Self {
        let name = match tag {
            0x02 => "WAV with Microsoft ADPCM",
            0x11 => "WAV with IMA ADPCM",
            0x14 | 0x40 | 0x42 => "WAV with G.723",
            0x31 => "WAV with GSM 6.10",
            0x45 | 0x64 => "WAV with G.726",
            0x50 => "WAV with MPEG audio",
            0x55 => "WAV with MP3",
            0x65 | 0x28f => "WAV with G.722",
            0x83 => "WAV with G.729",
            0xff | 0x1600..=0x1602 | 0x1610 => "WAV with AAC",
            0x160..=0x163 => "WAV with Windows Media Audio",
            _ => "WAV with an unknown codec",
        };
        Self::new(name, "wav")
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, extension } = self;
        write!(f, "unsupported format: {name}; convert it first: `ffmpeg -i in.{extension} -ar 16000 -ac 1 out.wav`")
    }
}
