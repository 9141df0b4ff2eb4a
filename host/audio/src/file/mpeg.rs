//! MP3, and AAC in ADTS: a sequence of packets without a container.
//!
//! Invariant: every packet is decoded, even if there are other bytes between them. Several recordings in one file are read one
//! after the other; each begins with an information packet (Xing, VBRI). The padding that an encoder has added before and after a
//! recording is cut off, at the end only if the recording has exactly the stated number of packets: more packets are more audio.
//! A file that ends within a packet, or before the stated number of packets, is reported.

mod frame;

use super::{
    codec::Codec,
    container::{Container, Progress},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
    tags,
};
use auricle_core::Encoding;
use frame::{Coding, HEAD, Head, Info};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3};

/// Bytes that are searched for the first packet: enough for the rest of a cut packet at the start, but not so many that programs
/// and pictures are mistaken for recordings.
const JUNK: u64 = 4_096;

/// Packets like the first that must follow it, unless the file ends before.
const CONFIRMING: usize = 2;

/// Bytes between packets that are not reported.
const TOLERATED: u64 = 64;
/// Bytes after the last packet that are not reported: the rest of a packet, an unknown tag.
const TOLERATED_AFTER: u64 = 2_048;

/// Reads MP3 or AAC packets.
pub(super) struct Mpeg {
    input: Input,
    first: Head,
    recording: Recording,
    /// The last packet, if it ended right here.
    follows: Option<Head>,
    /// Bytes since the last packet.
    junk: u64,
    /// The same without the zeros at their end.
    nonzero: u64,
    /// The file ends within a packet.
    cut_off: bool,
    damage: Option<Damage>,
}

/// One recording.
struct Recording {
    head: Head,
    codec: Codec,
    info: Info,
    packets: u32,
    /// Bytes of all packets so far, with the information packet.
    bytes: u64,
    /// Bytes still to cut off at the start.
    skip: usize,
    /// Decoded frames that are held back, because they may be padding at the end.
    held: Vec<u8>,
}

/// The result of [`Mpeg::next`].
enum Next {
    Packet(Head),
    /// So many bytes that are not a packet were skipped.
    Junk(u64),
    End,
}

impl Mpeg {
    /// Finds the first packet near here; returns the number of bytes before it.
    pub(super) fn begins(input: &mut Input) -> Option<u64> {
        // Usually it is right here; then only a few bytes are read, in case the input is a slow pipe.
        if let Some(head) = Head::read(input.peek(HEAD)) {
            let mut bytes = head.bytes + HEAD;
            for _ in 1..=CONFIRMING {
                let seen = input.peek(bytes);
                bytes += seen.get(bytes - HEAD..).and_then(Head::read).map_or(0, |next| next.bytes);
            }
            if confirmed(input.peek(bytes), head, CONFIRMING) {
                return Some(0);
            }
        }
        let seen = input.peek(JUNK as usize + (CONFIRMING + 1) * 2_900);
        let most = seen.len().min(JUNK as usize);
        (0..most)
            .find(|place| Head::read(&seen[*place..]).is_some_and(|head| confirmed(&seen[*place..], head, CONFIRMING)))
            .map(|place| place as u64)
    }

    /// Reads from the first packet, which is next in the input.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        let first = Head::read(input.peek(HEAD)).ok_or(ReadError::Unrecognized)?;
        let info = first.info(input.peek(first.bytes));
        if info.is_some() {
            input.skip(first.bytes as u64);
        }
        let recording = Recording::new(first, info.unwrap_or_default())?;
        Ok(Self { input, first, recording, follows: Some(first), junk: 0, nonzero: 0, cut_off: false, damage: None })
    }

    /// Finds the next packet; it stays in the input.
    fn next(&mut self) -> Next {
        loop {
            if tags::skip(&mut self.input) {
                continue;
            }
            self.cut_off |= self.follows.is_some_and(|last| ends_within_packet(&mut self.input, last));
            let &[byte, _, _, _] = self.input.peek(4) else {
                let rest = self.input.skip_all();
                let junk = if rest > 0 { self.junk + rest } else { self.nonzero };
                (self.junk, self.nonzero) = (0, 0);
                return if junk > TOLERATED_AFTER { Next::Junk(junk) } else { Next::End };
            };
            if let Some(head) = Head::read(self.input.peek(HEAD)) {
                let seen = self.input.peek(head.bytes + 32);
                let known = self.follows.is_some_and(|last| last.like(head)) && seen.len() >= head.bytes;
                if known || confirmed(seen, head, 1) {
                    let junk = std::mem::take(&mut self.junk);
                    self.nonzero = 0;
                    self.follows = Some(head);
                    return if junk > TOLERATED { Next::Junk(junk) } else { Next::Packet(head) };
                }
            }
            self.follows = None;
            self.input.skip(1);
            self.junk += 1;
            if byte != 0 {
                self.nonzero = self.junk;
            }
        }
    }

    /// Ends a recording and begins the next one.
    fn next_recording(&mut self, head: Head, info: Info, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        let next = Recording::new(head, info)?;
        let last = std::mem::replace(&mut self.recording, next);
        let layout = last.layout();
        self.damage = last.end(out);
        Ok(Progress::Audio(layout))
    }
}

impl Container for Mpeg {
    fn layout(&self) -> Layout {
        layout(self.first)
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        let Info { packets, delay, padding, .. } = self.recording.info;
        Some((u64::from(packets?) * self.first.samples()).saturating_sub(u64::from(delay + padding)))
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Progress::Damage(damage));
        }
        let head = match self.next() {
            Next::Packet(head) => head,
            Next::Junk(bytes) => return Ok(Progress::Damage(Damage::Unknown { bytes })),
            Next::End => {
                self.input.end()?;
                let Recording { head, info, packets, .. } = self.recording;
                let ended = packets == 0 && info == Info::default();
                if ended {
                    return Ok(Progress::End);
                }
                let last = self.next_recording(head, Info::default(), out)?;
                self.damage = self.damage.take().or(self.cut_off.then_some(Damage::CutOff));
                return Ok(last);
            }
        };
        let frame = self.input.peek(head.bytes);
        if let Some(info) = head.info(frame) {
            self.input.skip(head.bytes as u64);
            return self.next_recording(head, info, out);
        }
        if !head.like(self.recording.head) {
            return self.next_recording(head, Info::default(), out);
        }
        let got = self.recording.decode(frame, out)?;
        self.input.skip(head.bytes as u64);
        Ok(got)
    }
}

impl Recording {
    fn new(head: Head, info: Info) -> Result<Self, ReadError> {
        let layout = layout(head);
        let codec = match head.coding {
            Coding::Mp3 { .. } => Codec::new(CODEC_ID_MP3, layout, None)?,
            Coding::Aac { config, .. } => Codec::new(CODEC_ID_AAC, layout, Some(&config))?,
        };
        let bytes = if info == Info::default() { 0 } else { head.bytes as u64 };
        let skip = info.delay as usize * layout.frame_bytes();
        Ok(Self { head, codec, info, packets: 0, bytes, skip, held: Vec::new() })
    }

    fn layout(&self) -> Layout {
        layout(self.head)
    }

    fn decode(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        self.packets += 1;
        self.bytes += frame.len() as u64;
        let coded = match self.head.coding {
            Coding::Mp3 { .. } => frame,
            Coding::Aac { header, .. } => frame.get(header..).unwrap_or_default(),
        };
        let got = self.codec.decode(coded, &mut self.held)?;
        let skipped = self.skip.min(self.held.len());
        self.held.drain(..skipped);
        self.skip -= skipped;
        let padding = self.info.padding as usize * self.layout().frame_bytes();
        out.extend(self.held.drain(..self.held.len().saturating_sub(padding)));
        Ok(got)
    }

    /// Returns the frames that were held back, unless they are padding; reports missing packets.
    fn end(self, out: &mut Vec<u8>) -> Option<Damage> {
        let Some(packets) = self.info.packets else {
            out.extend(self.held);
            return None;
        };
        if packets != self.packets {
            out.extend(self.held);
        }
        // Some encoders also count the information packet, so one or two missing packets count only if bytes are missing, too.
        let missing = packets.saturating_sub(self.packets);
        let seconds = (u64::from(missing) * self.head.samples()) as f64 / f64::from(self.head.sample_rate);
        let too_short = self.info.bytes.is_some_and(|stated| u64::from(stated) > self.bytes);
        (missing > 2 || missing > 0 && too_short).then_some(Damage::Missing { seconds })
    }
}

/// Whether the input ends within a packet like the last one.
fn ends_within_packet(input: &mut Input, last: Head) -> bool {
    let start = input.peek(HEAD);
    match Head::read(start) {
        Some(head) => last.like(head) && input.peek(head.bytes).len() < head.bytes,
        None => start.len() < HEAD && matches!(start, [0xff] | [0xff, 0xe0..=0xff, ..]),
    }
}

fn layout(head: Head) -> Layout {
    Layout { encoding: Encoding::F32le, sample_rate: head.sample_rate, channels: head.channels }
}

/// Whether a packet is followed by so many packets like it, or by a tag or the end.
fn confirmed(seen: &[u8], head: Head, packets: usize) -> bool {
    let mut place = head.bytes;
    for _ in 0..packets {
        match seen.get(place..) {
            None => return false,
            Some(rest) if rest.len() < HEAD || tags::length(rest).is_some() => return true,
            Some(rest) => match Head::read(rest).filter(|next| next.like(head)) {
                Some(next) => place += next.bytes,
                None => return false,
            },
        }
    }
    true
}
