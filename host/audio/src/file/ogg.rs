//! Ogg with Opus, Vorbis or FLAC.
//!
//! Invariant: every packet is decoded, even if the positions of pages are wrong. The positions only serve to cut off what an encoder
//! has added before and after a recording, and to detect missing audio. Chained streams are read one after the other. Of
//! parallel streams the first supported one is read.

mod link;
mod page;

use super::{
    container::{Container, Progress},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
};
use link::{Link, OTHER};
use page::{Next, Page};

/// Reads an Ogg file.
pub(super) struct Ogg {
    input: Input,
    /// The current stream; `None` after one that cannot be read.
    link: Option<Link>,
    first: Layout,
    /// The next page, if it has been read already.
    page: Option<Page>,
    damages: Vec<Damage>,
}

impl Ogg {
    /// Whether an Ogg file begins here.
    pub(super) fn begins(start: &[u8]) -> bool {
        start.starts_with(b"OggS")
    }

    /// Reads the first pages of the first streams.
    ///
    /// # Errors
    /// There is no supported stream.
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

    /// Opens the next link of the chain by the first pages of its streams. The page after them remains in `page`.
    fn begin(input: &mut Input, page: &mut Option<Page>) -> Result<Link, ReadError> {
        let mut found = Err(ReadError::Unsupported(OTHER));
        while let Some(first) = page.take_if(|page| page.first) {
            let link = Link::begin(&first);
            // The error of a known kind is more helpful.
            let better = !matches!(link, Err(ReadError::Unsupported(OTHER)));
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

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        if let Some(damage) = self.damages.pop() {
            return Ok(Progress::Damage(damage));
        }
        if self.page.is_none() {
            match Page::next(&mut self.input) {
                Next::Page(page) => self.page = Some(page),
                Next::End(cut) => {
                    self.input.end()?;
                    let unfinished = self.link.take().is_some_and(|link| link.unfinished());
                    return Ok(if cut || unfinished { Progress::Damage(Damage::CutOff) } else { Progress::End });
                }
            }
        }
        if self.page.as_ref().is_some_and(|page| page.first) {
            let unfinished = self.link.take().is_some_and(|link| link.unfinished());
            self.link = match Self::begin(&mut self.input, &mut self.page) {
                Ok(link) => Some(link),
                Err(_) => {
                    self.damages.push(Damage::Recording);
                    None
                }
            };
            if unfinished {
                self.damages.push(Damage::MissingPages);
            }
        }
        let Some(link) = &mut self.link else {
            self.page = None;
            return Ok(Progress::Audio(self.first));
        };
        if let Some(page) = self.page.take() {
            link.page(&page, out, &mut self.damages)?;
            self.damages.reverse();
        }
        Ok(Progress::Audio(link.layout()))
    }
}
