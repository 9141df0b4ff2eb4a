//! Parses the header of a frame of MP3 (MPEG audio layer III) or AAC (ADTS), and the information frame of an MP3 recording.

/// Bit rates in kbit/s: of MPEG 1, and of MPEG 2 and 2.5.
const BITRATES: [[u32; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Sample rates of AAC.
const AAC_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Bytes that identify a frame of either kind.
pub(super) const HEAD: usize = 7;

/// Frames that a decoder adds before the first sample.
const DECODER_DELAY: u32 = 529;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) coding: Coding,
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    /// The size of the whole frame.
    pub(super) bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Version 0 is MPEG 2.5, 2 is MPEG 2, 3 is MPEG 1.
    Mp3 { version: u8 },
    /// The decoder's setup data, and the size of the header, which is not decoded.
    Aac { config: [u8; 2], header: usize },
}

impl Head {
    /// Parses a header of either kind.
    pub(super) fn read(start: &[u8]) -> Option<Self> {
        Self::mp3(start).or_else(|| Self::aac(start))
    }

    fn mp3(start: &[u8]) -> Option<Self> {
        let [0xff, b, c, d, ..] = *start else { return None };
        let (version, layer) = (b >> 3 & 3, b >> 1 & 3);
        if b & 0xe0 != 0xe0 || version == 1 || layer != 1 {
            return None;
        }
        let kilobits = *BITRATES[usize::from(version != 3)].get(usize::from(c >> 4)).filter(|rate| **rate > 0)?;
        let sample_rate = *[44_100, 48_000, 32_000].get(usize::from(c >> 2 & 3))? >> [2, 0, 1, 0][usize::from(version)];
        let padding = usize::from(c >> 1 & 1);
        let bytes = (if version == 3 { 144 } else { 72 } * kilobits * 1_000 / sample_rate) as usize + padding;
        let coding = Coding::Mp3 { version };
        Some(Self { coding, sample_rate, channels: if d >> 6 == 3 { 1 } else { 2 }, bytes })
    }

    /// Only the profile LC, with one block per frame, which is the usual case.
    fn aac(start: &[u8]) -> Option<Self> {
        let [0xff, b, c, d, e, f, g, ..] = *start else { return None };
        if b & 0xf6 != 0xf0 || c >> 6 != 1 || g & 3 != 0 {
            return None;
        }
        let (rate, channels) = (c >> 2 & 15, (c & 1) << 2 | d >> 6);
        let sample_rate = *AAC_RATES.get(usize::from(rate))?;
        let header = if b & 1 == 0 { 9 } else { HEAD };
        let bytes = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let coding = Coding::Aac { config: [2 << 3 | rate >> 1, rate << 7 | channels << 3], header };
        (bytes > header && channels > 0).then_some(Self { coding, sample_rate, channels: channels.into(), bytes })
    }

    /// The number of sample frames.
    pub(super) fn samples(self) -> u64 {
        match self.coding {
            Coding::Mp3 { version: 3 } => 1_152,
            Coding::Mp3 { .. } => 576,
            Coding::Aac { .. } => 1_024,
        }
    }

    /// Whether both frames can belong to the same recording.
    pub(super) fn like(self, other: Self) -> bool {
        let kind = |head: Self| (head.coding, head.sample_rate, head.channels);
        kind(self) == kind(other)
    }

    /// Parses the information frame at the start of a recording, which holds no audio.
    pub(super) fn info(self, frame: &[u8]) -> Option<Info> {
        let Coding::Mp3 { version } = self.coding else { return None };
        let place = match (version, self.channels) {
            (3, 1) | (0 | 2, 2) => 21,
            (3, _) => 36,
            _ => 13,
        };
        let number = |at: usize| frame.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let count = |packets, bytes| Info { packets, bytes, delay: 0, padding: 0 };
        match frame.get(place..place + 4)? {
            b"Xing" | b"Info" => {
                let flags = number(place + 4)?;
                let packets = if flags & 1 == 0 { None } else { number(place + 8) };
                let fields =
                    [(1, 4), (2, 4), (4, 100), (8, 4)].map(|(flag, bytes)| if flags & flag == 0 { 0 } else { bytes });
                let encoder = place + 8 + fields.iter().sum::<usize>();
                let bytes = if flags & 2 == 0 { None } else { number(place + if flags & 1 == 0 { 8 } else { 12 }) };
                let info = count(packets, bytes);
                match (frame.get(encoder..encoder + 4), number(encoder + 20)) {
                    (Some(b"LAME" | b"Lavf" | b"Lavc"), Some(trims)) => Some(Info {
                        delay: (trims >> 12 & 0xfff) + DECODER_DELAY,
                        padding: (trims & 0xfff).saturating_sub(DECODER_DELAY),
                        ..info
                    }),
                    _ => Some(info),
                }
            }
            _ if frame.get(36..40)? == b"VBRI" => Some(count(Some(number(50)?), number(46))),
            _ => None,
        }
    }
}

/// The information about a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Info {
    /// The number of packets that follow.
    pub(super) packets: Option<u32>,
    /// Their size in bytes, with the information frame.
    pub(super) bytes: Option<u32>,
    /// Sample frames that the encoder added at the start.
    pub(super) delay: u32,
    /// Sample frames that the encoder added at the end.
    pub(super) padding: u32,
}
