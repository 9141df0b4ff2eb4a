//! Ogg, with Opus, Vorbis or FLAC in it.
//!
//! Invariant: every packet is decoded, whatever the pages say of their positions; these cut off what an encoder has put before
//! and behind a recording, and tell where audio is missing. Streams chained one behind the other are heard one behind the
//! other. Of streams side by side the first that is understood is heard.

mod link;
mod page;

use super::{
    container::{Container, Got},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
};
use link::{Link, OTHER};
use page::{Next, Page};

/// Ogg being read.
pub(super) struct Ogg {
    input: Input,
    /// `None` behind a stream that could not be read.
    link: Option<Link>,
    first: Layout,
    /// A page that has been read and not been used.
    page: Option<Page>,
    damages: Vec<Damage>,
}

impl Ogg {
    /// Whether it begins here.
    pub(super) fn begins(start: &[u8]) -> bool {
        start.starts_with(b"OggS")
    }

    /// Reads up to the first stream's own words.
    ///
    /// # Errors
    /// There is no stream that is understood.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        let Next::Page(page) = Page::next(&mut input) else {
            input.end()?;
            return Err(ReadError::AllDamaged);
        };
        let mut page = Some(page);
        let link = Self::begin(&mut input, &mut page)?;
        let first = link.layout();
        Ok(Self { input, link: Some(link), first, page, damages: Vec::new() })
    }

    /// Begins a link of the chain at its first page; the page behind the first ones remains.
    fn begin(input: &mut Input, page: &mut Option<Page>) -> Result<Link, ReadError> {
        let mut found = Err(ReadError::Foreign(OTHER));
        while let Some(first) = page.take_if(|page| page.first) {
            let link = Link::begin(&first);
            // A kind that is known says more than another.
            let better = !matches!(link, Err(ReadError::Foreign(OTHER)));
            if found.is_err() && better {
                found = link;
            }
            if let Next::Page(next) = Page::next(input) {
                *page = Some(next);
            }
        }
        found
    }
}

impl Container for Ogg {
    fn layout(&self) -> Layout {
        self.first
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        None
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        if let Some(damage) = self.damages.pop() {
            return Ok(Got::Damage(damage));
        }
        if self.page.is_none() {
            match Page::next(&mut self.input) {
                Next::Page(page) => self.page = Some(page),
                Next::End(cut) => {
                    self.input.end()?;
                    let unfinished = self.link.take().is_some_and(|link| link.unfinished());
                    return Ok(if cut || unfinished { Got::Damage(Damage::CutOff) } else { Got::End });
                }
            }
        }
        if self.page.as_ref().is_some_and(|page| page.first) {
            self.link = match Self::begin(&mut self.input, &mut self.page) {
                Ok(link) => Some(link),
                Err(_) => {
                    self.damages.push(Damage::Recording);
                    None
                }
            };
        }
        let Some(link) = &mut self.link else {
            self.page = None;
            return Ok(Got::Audio(self.first));
        };
        if let Some(page) = self.page.take() {
            link.page(&page, out, &mut self.damages)?;
            self.damages.reverse();
        }
        Ok(Got::Audio(link.layout()))
    }
}
