//! Pages of an Ogg stream.

use super::super::{input::Input, tags};

/// The size of the fixed part of a page's header.
const HEADER: usize = 27;

/// After so many broken pages in a row, reading stops, because each costs a checksum of the whole page.
const MAX_BROKEN: u32 = 1_000;

/// The checksum of each byte.
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    /// Whether its first packet began on an earlier page.
    pub(super) continued: bool,
    /// Whether it is the first page of its stream.
    pub(super) first: bool,
    /// Whether it is the last page of its stream.
    pub(super) last: bool,
    /// The position of the last frame of the packets that end here; absent in the files of some encoders.
    pub(super) granule: Option<i64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
}

/// The result of [`Page::next`].
#[derive(Debug)]
pub(super) enum Next {
    /// An intact page. Missing pages before it show in its sequence number.
    Page(Page),
    /// The end, and whether bytes before it were not a page: the end is damaged or cut off.
    End(bool),
}

impl Page {
    /// Finds the next intact page.
    pub(super) fn next(input: &mut Input) -> Next {
        let (mut damaged, mut broken) = (false, 0);
        loop {
            let header = input.peek(HEADER);
            if header.len() < HEADER {
                return Next::End(input.skip_all() > 0 || damaged);
            }
            let lacing = usize::from(header[HEADER - 1]);
            if header.starts_with(b"OggS\0") {
                let header = input.peek(HEADER + lacing);
                let body: usize = header.iter().skip(HEADER).map(|size| usize::from(*size)).sum();
                let page = input.peek(HEADER + lacing + body);
                if page.len() == HEADER + lacing + body && is_intact(page) {
                    let page = Self::read(page, lacing);
                    input.skip((HEADER + lacing + body) as u64);
                    return Next::Page(page);
                }
                broken += 1;
                if broken > MAX_BROKEN {
                    return Next::End(input.skip_all() > 0);
                }
            }
            if !tags::skip(input) {
                damaged |= input.peek(1) != [0];
                input.skip(1);
            }
        }
    }

    fn read(page: &[u8], lacing: usize) -> Self {
        let number = |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        let granule = i64::from(number(6)) | i64::from(number(10)) << 32;
        let (header, body) = page.split_at(HEADER + lacing);
        Self {
            continued: page[5] & 1 != 0,
            first: page[5] & 2 != 0,
            last: page[5] & 4 != 0,
            granule: (granule >= 0).then_some(granule),
            serial: number(14),
            sequence: number(18),
            lacing: header[HEADER..].to_vec(),
            body: body.to_vec(),
        }
    }

    /// The packets and parts of packets, each with whether it ends here.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut place = 0;
        self.lacing.split_inclusive(|size| *size < 255).map(move |sizes| {
            let start = place;
            place += sizes.iter().map(|size| usize::from(*size)).sum::<usize>();
            (&self.body[start..place], sizes.last().is_some_and(|size| *size < 255))
        })
    }
}

/// Verifies the checksum: a 32-bit CRC over the page with a checksum of 0.
fn is_intact(page: &[u8]) -> bool {
    let byte = |crc: u32, byte: u8| crc << 8 ^ CRC[usize::from((crc >> 24) as u8 ^ byte)];
    let crc =
        page.iter().enumerate().fold(0, |crc, (at, value)| byte(crc, if (22..26).contains(&at) { 0 } else { *value }));
    page[22..26] == crc.to_le_bytes()
}
