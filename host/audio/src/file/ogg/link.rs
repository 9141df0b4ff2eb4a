//! One stream of an Ogg file, from its first page to its last.

use super::{
    super::{
        codec::Codec,
        container::Got,
        error::{Damage, ReadError},
        foreign::Foreign,
        layout::Layout,
        opus_head::OpusHead,
        stream_info::StreamInfo,
    },
    page::Page,
};
use auricle_core::Encoding;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS};

/// What an Ogg file is called that has nothing known in it.
pub(super) const OTHER: Foreign = Foreign::new("an Ogg file of another kind than Opus, Vorbis or FLAC", "ogg");

/// A packet may not be longer.
const LONGEST: usize = 16 << 20;

/// Seconds that may be missing by the positions of pages before anything is said: a block of Vorbis is nearly half a second at
/// 16 kHz. Opus counts exactly.
const UNSAID: f64 = 0.6;
const UNSAID_OPUS: f64 = 0.02;

/// Most frames that are cut off at an end: the longest block. More is no padding, but a position that cannot be right.
const MOST_CUT: i64 = 8_192;

/// A stream.
pub(super) struct Link {
    serial: u32,
    layout: Layout,
    kind: Kind,
    codec: Option<Codec>,
    /// Vorbis: its first and its third packet, which the decoder wants. FLAC: its description.
    setup: Vec<u8>,
    /// Opus: bytes of frames still to be left out at the start.
    skip: usize,
    /// Packets of words seen so far.
    headers: usize,
    /// The start of a packet whose end has not come yet.
    part: Vec<u8>,
    /// Packets of words and audio follow one another; of the audio the next page.
    sequence: Option<u32>,
    /// Where the audio so far ends, on the scale of the pages; unknown at first.
    position: Option<i64>,
    /// Frames of audio so far.
    frames: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vorbis,
    Flac,
    Opus,
}

impl Link {
    /// By its first page.
    ///
    /// # Errors
    /// Another kind of stream.
    pub(super) fn begin(page: &Page) -> Result<Self, ReadError> {
        let (packet, _) = page.parts().next().unwrap_or_default();
        let ogg = |what| Err(ReadError::Foreign(Foreign::new(what, "ogg")));
        let (mut codec, mut skip) = (None, 0);
        let (kind, layout, setup) = match packet {
            [1, b'v', b'o', b'r', b'b', b'i', b's', _, _, _, _, channels, a, b, c, d, ..] => {
                let (encoding, sample_rate) = (Encoding::F32le, u32::from_le_bytes([*a, *b, *c, *d]));
                (Kind::Vorbis, Layout { encoding, sample_rate, channels: (*channels).into() }, packet)
            }
            [0x7f, b'F', b'L', b'A', b'C', ..] => {
                let info = packet.get(17..).and_then(StreamInfo::read).ok_or(ReadError::AllDamaged)?;
                (Kind::Flac, info.layout, packet.get(17..51).unwrap_or_default())
            }
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => {
                let Some(head) = OpusHead::read(packet) else {
                    return ogg("an Ogg file of a kind of Opus that is not known here");
                };
                codec = Some(Codec::opus(&head)?);
                skip = usize::from(head.skip) * head.layout().frame_bytes();
                (Kind::Opus, head.layout(), [].as_slice())
            }
            [b'S', b'p', b'e', b'e', b'x', ..] => return ogg("an Ogg file of Speex"),
            _ => return Err(ReadError::Foreign(OTHER)),
        };
        Ok(Self {
            serial: page.serial,
            layout,
            kind,
            codec,
            setup: setup.to_vec(),
            skip,
            headers: 1,
            part: Vec::new(),
            sequence: Some(page.sequence.wrapping_add(1)),
            position: None,
            frames: 0,
        })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether a packet has begun and not ended.
    pub(super) fn unfinished(&self) -> bool {
        !self.part.is_empty()
    }

    /// Appends to `out` what a page of this stream holds, and to `damages` what it does not.
    ///
    /// # Errors
    /// The stream cannot be read further.
    pub(super) fn page(&mut self, page: &Page, out: &mut Vec<u8>, damages: &mut Vec<Damage>) -> Result<(), ReadError> {
        if page.serial != self.serial {
            return Ok(());
        }
        let lost = self.sequence.is_some_and(|next| next != page.sequence);
        if lost {
            damages.push(Damage::Pages);
        }
        if lost || !page.continued {
            self.part.clear();
        }
        let mut headless = page.continued && self.part.is_empty();
        for (part, ends) in page.parts() {
            if std::mem::take(&mut headless) {
                continue;
            }
            if self.part.len() + part.len() > LONGEST {
                return Err(ReadError::Hopeless);
            }
            self.part.extend_from_slice(part);
            if ends {
                let packet = std::mem::take(&mut self.part);
                if let Got::Damage(damage) = self.packet(&packet, out)? {
                    damages.push(damage);
                }
            }
        }
        // Recorders of broadcasts write the words of a stream and then what is on: the numbers jump.
        self.sequence = (self.frames > 0 || !out.is_empty()).then(|| page.sequence.wrapping_add(1));
        self.place(page, out, damages);
        let skipped = self.skip.min(out.len());
        out.drain(..skipped);
        self.skip -= skipped;
        Ok(())
    }

    fn packet(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<Got, ReadError> {
        let nothing = Ok(Got::Audio(self.layout));
        if let Some(codec) = &mut self.codec {
            let words = packet.is_empty() || self.kind == Kind::Opus && packet.starts_with(b"OpusTags");
            return if words { nothing } else { codec.decode(packet, out) };
        }
        self.headers += 1;
        match self.kind {
            Kind::Vorbis if self.headers == 2 => return nothing,
            Kind::Vorbis => {
                self.setup.extend_from_slice(packet);
                self.codec = Some(Codec::new(CODEC_ID_VORBIS, self.layout, Some(&self.setup))?);
            }
            // Frames begin with ones, other words do not.
            Kind::Flac if packet.first() != Some(&0xff) => {}
            Kind::Flac => {
                let codec = self.codec.insert(Codec::new(CODEC_ID_FLAC, self.layout, Some(&self.setup))?);
                return codec.decode(packet, out);
            }
            // Its codec is there from the beginning.
            Kind::Opus => {}
        }
        nothing
    }

    /// Compares a page's position with the audio in it.
    fn place(&mut self, page: &Page, out: &mut Vec<u8>, damages: &mut Vec<Damage>) {
        let bytes = self.layout.frame_bytes();
        let here = (out.len() / bytes) as i64;
        let before = self.frames;
        self.frames += here;
        let Some(granule) = page.granule.filter(|_| self.frames > 0) else {
            self.position = self.position.map(|position| position.saturating_add(here));
            return;
        };
        // Frames that are here and have no place.
        let known = self.position.replace(granule);
        let over = match known {
            Some(position) => position.saturating_add(here).saturating_sub(granule),
            None => self.frames.saturating_sub(granule),
        };
        let surplus = if over <= MOST_CUT { over.clamp(0, here) as usize * bytes } else { 0 };
        if page.last {
            out.truncate(out.len() - surplus);
        } else if before == 0 && self.kind != Kind::Opus {
            out.drain(..surplus);
        }
        let missing = over.min(0).unsigned_abs() as f64 / f64::from(self.layout.sample_rate);
        let unsaid = if self.kind == Kind::Opus { UNSAID_OPUS } else { UNSAID };
        if known.is_some() && missing > unsaid && damages.is_empty() {
            damages.push(Damage::Missing { seconds: missing });
        }
    }
}
