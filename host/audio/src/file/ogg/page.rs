//! Pages of an Ogg stream.

use super::super::{input::Input, tags};

/// The part of a page's header that has always the same length.
const HEADER: usize = 27;

/// So many broken pages on end, and no other is looked for: each is summed up whole.
const HOPELESS: u32 = 1_000;

/// What a byte does to the checksum.
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

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    /// The first packet began on an earlier page.
    pub(super) continued: bool,
    /// The first of its logical stream.
    pub(super) first: bool,
    /// The last of it.
    pub(super) last: bool,
    /// Position of the last frame of the packets that end here; some encoders leave it empty.
    pub(super) granule: Option<i64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// A good page. What before it was none shows in the numbers of pages.
    Page(Page),
    /// The end. Whether anything before it was no page: often it is cut off.
    End(bool),
}

impl Page {
    /// The next page that is whole.
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
                if page.len() == HEADER + lacing + body && sound(page) {
                    let page = Self::read(page, lacing);
                    input.skip((HEADER + lacing + body) as u64);
                    return Next::Page(page);
                }
                broken += 1;
                if broken > HOPELESS {
                    return Next::End(input.skip_all() > 0);
                }
            }
            if !tags::pass(input) {
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

    /// Its packets and parts of packets; whether each ends here.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut place = 0;
        self.lacing.split_inclusive(|size| *size < 255).map(move |sizes| {
            let start = place;
            place += sizes.iter().map(|size| usize::from(*size)).sum::<usize>();
            (&self.body[start..place], sizes.last().is_some_and(|size| *size < 255))
        })
    }
}

/// Whether the checksum is right: a CRC of 32 bits over the page with its own place empty.
fn sound(page: &[u8]) -> bool {
    let byte = |crc: u32, byte: u8| crc << 8 ^ CRC[usize::from((crc >> 24) as u8 ^ byte)];
    let crc =
        page.iter().enumerate().fold(0, |crc, (at, value)| byte(crc, if (22..26).contains(&at) { 0 } else { *value }));
    page[22..26] == crc.to_le_bytes()
}
