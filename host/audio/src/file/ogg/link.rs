//! A link of a chained Ogg file: one stream, from its first page to its last.

use super::{
    super::{
        codec::Codec,
        container::Progress,
        error::{Damage, ReadError},
        layout::Layout,
        opus_head::OpusHead,
        stream_info::StreamInfo,
        unsupported::Unsupported,
    },
    page::Page,
};
use auricle_core::Encoding;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS};

/// An Ogg file without a known stream.
pub(super) const OTHER: Unsupported = Unsupported::new("Ogg without Opus, Vorbis or FLAC", "ogg");

/// The largest packet, in bytes.
const MAX_PACKET: usize = 16 << 20;

/// Seconds that may be missing without a report. A block of Vorbis may be nearly half a second at 16 kHz; Opus counts exactly.
const TOLERATED: f64 = 0.6;
const TOLERATED_OPUS: f64 = 0.02;

/// The most frames that are cut off at an end: the longest block. More cannot be padding, so the position is wrong.
const MAX_CUT: i64 = 8_192;

/// The stream that is read.
pub(super) struct Link {
    serial: u32,
    layout: Layout,
    kind: Kind,
    codec: Option<Codec>,
    /// The decoder's setup data. Vorbis: the first and the third packet. FLAC: the block STREAMINFO.
    setup: Vec<u8>,
    /// Opus: bytes of decoded frames still to skip at the start.
    skip: usize,
    /// Header packets so far.
    headers: usize,
    /// Whether its last page was read.
    ended: bool,
    /// The start of an incomplete packet.
    part: Vec<u8>,
    /// The number of the next page; unknown between the headers and the audio.
    sequence: Option<u32>,
    /// The end of the audio so far, by the positions of the pages; unknown at first.
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
    /// Opens a stream by its first page.
    ///
    /// # Errors
    /// The stream is damaged or not supported.
    pub(super) fn begin(page: &Page) -> Result<Self, ReadError> {
        let (packet, _) = page.parts().next().unwrap_or_default();
        let ogg = |what| Err(ReadError::Unsupported(Unsupported::new(what, "ogg")));
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
                    return ogg("Ogg with an unsupported kind of Opus");
                };
                codec = Some(Codec::opus(&head)?);
                skip = usize::from(head.skip) * head.layout().frame_bytes();
                (Kind::Opus, head.layout(), [].as_slice())
            }
            [b'S', b'p', b'e', b'e', b'x', ..] => return ogg("Ogg with Speex"),
            _ => return Err(ReadError::Unsupported(OTHER)),
        };
        Ok(Self {
            serial: page.serial,
            layout,
            kind,
            codec,
            setup: setup.to_vec(),
            skip,
            headers: 1,
            ended: page.last,
            part: Vec::new(),
            sequence: Some(page.sequence.wrapping_add(1)),
            position: None,
            frames: 0,
        })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the stream lacks its end: the last page, or the rest of a packet.
    pub(super) fn unfinished(&self) -> bool {
        !self.ended || !self.part.is_empty()
    }

    /// Decodes a page and appends its frames to `out` and its damage to `damages`. Ignores pages of other streams.
    ///
    /// # Errors
    /// The stream cannot be read further.
    pub(super) fn page(&mut self, page: &Page, out: &mut Vec<u8>, damages: &mut Vec<Damage>) -> Result<(), ReadError> {
        if page.serial != self.serial {
            return Ok(());
        }
        self.ended |= page.last;
        let lost = self.sequence.is_some_and(|next| next != page.sequence);
        if lost {
            damages.push(Damage::MissingPages);
        }
        if lost || !page.continued {
            self.part.clear();
        }
        let mut headless = page.continued && self.part.is_empty();
        for (part, ends) in page.parts() {
            if std::mem::take(&mut headless) {
                continue;
            }
            if self.part.len() + part.len() > MAX_PACKET {
                return Err(ReadError::TooDamaged);
            }
            self.part.extend_from_slice(part);
            if ends {
                let packet = std::mem::take(&mut self.part);
                if let Progress::Damage(damage) = self.packet(&packet, out)? {
                    damages.push(damage);
                }
            }
        }
        // Recorders of broadcasts write the headers first, and then the current audio: the page numbers jump.
        self.sequence = (self.frames > 0 || !out.is_empty()).then(|| page.sequence.wrapping_add(1));
        self.place(page, out, damages);
        let skipped = self.skip.min(out.len());
        out.drain(..skipped);
        self.skip -= skipped;
        Ok(())
    }

    fn packet(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        let nothing = Ok(Progress::Audio(self.layout));
        if let Some(codec) = &mut self.codec {
            let header = packet.is_empty() || self.kind == Kind::Opus && packet.starts_with(b"OpusTags");
            return if header { nothing } else { codec.decode(packet, out) };
        }
        self.headers += 1;
        match self.kind {
            Kind::Vorbis if self.headers == 2 => return nothing,
            Kind::Vorbis => {
                self.setup.extend_from_slice(packet);
                self.codec = Some(Codec::new(CODEC_ID_VORBIS, self.layout, Some(&self.setup))?);
            }
            // Frames begin with 0xff, metadata blocks do not.
            Kind::Flac if packet.first() != Some(&0xff) => {}
            Kind::Flac => {
                let codec = self.codec.insert(Codec::new(CODEC_ID_FLAC, self.layout, Some(&self.setup))?);
                return codec.decode(packet, out);
            }
            // Opus has its codec from the first page.
            Kind::Opus => {}
        }
        nothing
    }

    /// Compares a page's position with its audio: cuts off padding, and reports missing audio.
    fn place(&mut self, page: &Page, out: &mut Vec<u8>, damages: &mut Vec<Damage>) {
        let bytes = self.layout.frame_bytes();
        let here = (out.len() / bytes) as i64;
        let before = self.frames;
        self.frames += here;
        let Some(granule) = page.granule.filter(|_| self.frames > 0) else {
            self.position = self.position.map(|position| position.saturating_add(here));
            return;
        };
        // Frames beyond the page's position; negative if frames are missing.
        let known = self.position.replace(granule);
        let over = match known {
            Some(position) => position.saturating_add(here).saturating_sub(granule),
            None => self.frames.saturating_sub(granule),
        };
        let surplus = if over <= MAX_CUT { over.clamp(0, here) as usize * bytes } else { 0 };
        if page.last {
            out.truncate(out.len() - surplus);
        } else if before == 0 && self.kind != Kind::Opus {
            out.drain(..surplus);
        }
        let missing = over.min(0).unsigned_abs() as f64 / f64::from(self.layout.sample_rate);
        let tolerated = if self.kind == Kind::Opus { TOLERATED_OPUS } else { TOLERATED };
        if known.is_some() && missing > tolerated && damages.is_empty() {
            damages.push(Damage::Missing { seconds: missing });
        }
    }
}
