//! MP3, and AAC as broadcasts have it (ADTS): a row of packets without a container around it.
//!
//! Invariant: every packet is decoded, whatever stands between them. Recordings joined one behind the other, each with a packet
//! that tells of it, are heard one behind the other. What an encoder has put before and behind a recording is cut off, at its
//! end only where the recording has as many packets as it says: more packets are more audio.

mod frame;

use super::{
    codec::Codec,
    container::{Container, Got},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
    tags,
};
use auricle_core::Encoding;
use frame::{Coding, HEAD, Head, Info};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3};

/// How far into a file its first packet is looked for: far enough for the rest of one at the start, not so far that programs
/// and pictures are taken for recordings.
const JUNK: u64 = 4_096;

/// So many packets like the first must follow it, where there are so many.
const SURE: usize = 2;

/// Bytes between packets that may be anything.
const UNSAID: u64 = 64;
/// And behind the last: the rest of a packet, a tag that is not known.
const UNSAID_BEHIND: u64 = 2_048;

/// MP3 being read.
pub(super) struct Mpeg {
    input: Input,
    first: Head,
    recording: Recording,
    /// The last packet ended right here.
    follows: Option<Head>,
    /// Bytes since then that belong to no packet.
    junk: u64,
    /// Of those, the ones up to the last that is not zero.
    used: u64,
    damage: Option<Damage>,
}

/// One recording.
struct Recording {
    head: Head,
    codec: Codec,
    info: Info,
    packets: u32,
    /// Still to be cut off at the start, in bytes.
    skip: usize,
    /// Decoded and not yet given away, since it may be what is cut off at the end.
    held: Vec<u8>,
}

/// What comes next.
enum Next {
    Packet(Head),
    /// So many bytes that belong to no packet were passed over.
    Junk(u64),
    End,
}

impl Mpeg {
    /// Whether such packets begin near here, and so how many bytes on.
    pub(super) fn begins(input: &mut Input) -> Option<u64> {
        // Mostly right here: a pipe need not bring more than that.
        if let Some(head) = Head::read(input.peek(HEAD)) {
            let mut bytes = head.bytes + HEAD;
            for _ in 1..=SURE {
                let seen = input.peek(bytes);
                bytes += seen.get(bytes - HEAD..).and_then(Head::read).map_or(0, |next| next.bytes);
            }
            if sure(input.peek(bytes), head, SURE) {
                return Some(0);
            }
        }
        let seen = input.peek(JUNK as usize + (SURE + 1) * 2_900);
        let most = seen.len().min(JUNK as usize);
        (0..most)
            .find(|place| Head::read(&seen[*place..]).is_some_and(|head| sure(&seen[*place..], head, SURE)))
            .map(|place| place as u64)
    }

    /// Reads on from the first packet, which is next.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        let first = Head::read(input.peek(HEAD)).ok_or(ReadError::Unknown)?;
        let info = first.info(input.peek(first.bytes));
        if info.is_some() {
            input.skip(first.bytes as u64);
        }
        let recording = Recording::new(first, info.unwrap_or_default())?;
        Ok(Self { input, first, recording, follows: Some(first), junk: 0, used: 0, damage: None })
    }

    /// Goes on to the next packet, and leaves it there.
    fn next(&mut self) -> Next {
        loop {
            if tags::pass(&mut self.input) {
                continue;
            }
            let &[byte, _, _, _] = self.input.peek(4) else {
                let rest = self.input.skip_all();
                let junk = if rest > 0 { self.junk + rest } else { self.used };
                (self.junk, self.used) = (0, 0);
                return if junk > UNSAID_BEHIND { Next::Junk(junk) } else { Next::End };
            };
            if let Some(head) = Head::read(self.input.peek(HEAD)) {
                let seen = self.input.peek(head.bytes + 32);
                let known = self.follows.is_some_and(|last| last.like(head)) && seen.len() >= head.bytes;
                if known || sure(seen, head, 1) {
                    let junk = std::mem::take(&mut self.junk);
                    self.used = 0;
                    self.follows = Some(head);
                    return if junk > UNSAID { Next::Junk(junk) } else { Next::Packet(head) };
                }
            }
            self.follows = None;
            self.input.skip(1);
            self.junk += 1;
            if byte != 0 {
                self.used = self.junk;
            }
        }
    }

    /// Ends a recording, and begins another.
    fn renew(&mut self, head: Head, info: Info, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        let next = Recording::new(head, info)?;
        let last = std::mem::replace(&mut self.recording, next);
        let layout = last.layout();
        self.damage = last.end(out);
        Ok(Got::Audio(layout))
    }
}

impl Container for Mpeg {
    fn layout(&self) -> Layout {
        layout(self.first)
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        let Info { packets, delay, padding } = self.recording.info;
        Some((u64::from(packets?) * self.first.samples()).saturating_sub(u64::from(delay + padding)))
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Got::Damage(damage));
        }
        let head = match self.next() {
            Next::Packet(head) => head,
            Next::Junk(bytes) => return Ok(Got::Damage(Damage::Unknown { bytes })),
            Next::End => {
                self.input.end()?;
                let Recording { head, info, packets, .. } = self.recording;
                let ended = packets == 0 && info == Info::default();
                return if ended { Ok(Got::End) } else { self.renew(head, Info::default(), out) };
            }
        };
        let frame = self.input.peek(head.bytes);
        if let Some(info) = head.info(frame) {
            self.input.skip(head.bytes as u64);
            return self.renew(head, info, out);
        }
        if !head.like(self.recording.head) {
            return self.renew(head, Info::default(), out);
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
        let skip = info.delay as usize * layout.frame_bytes();
        Ok(Self { head, codec, info, packets: 0, skip, held: Vec::new() })
    }

    fn layout(&self) -> Layout {
        layout(self.head)
    }

    fn decode(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<Got, ReadError> {
        self.packets += 1;
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

    /// Gives away what was held back, unless it is padding; tells what is missing.
    fn end(self, out: &mut Vec<u8>) -> Option<Damage> {
        let Some(packets) = self.info.packets else {
            out.extend(self.held);
            return None;
        };
        if packets != self.packets {
            out.extend(self.held);
        }
        // Some encoders count the packet that tells of it.
        let missing = packets.saturating_sub(self.packets);
        let seconds = (u64::from(missing) * self.head.samples()) as f64 / f64::from(self.head.sample_rate);
        (missing > 2).then_some(Damage::Missing { seconds })
    }
}

fn layout(head: Head) -> Layout {
    Layout { encoding: Encoding::F32le, sample_rate: head.sample_rate, channels: head.channels }
}

/// Whether so many packets like this one follow, or a tag, or the end.
fn sure(seen: &[u8], head: Head, packets: usize) -> bool {
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
