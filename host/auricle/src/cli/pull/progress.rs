//! Progress of a download on standard error: a bar on a terminal, otherwise a line per file.

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A file that is being downloaded.
pub(crate) struct Progress {
    name: String,
    size: u64,
    /// Bytes that existed before.
    kept: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts at `kept` of `size` bytes.
    pub(crate) fn begin(name: &str, size: u64, kept: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(size).with_position(kept).with_message(name.to_owned());
            let look =
                "{msg:36!} {wide_bar} {percent:>3}% of {decimal_total_bytes:>9} {decimal_bytes_per_sec:>11} {eta:>4}";
            match ProgressStyle::with_template(look) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { name: name.to_owned(), size, kept, bar }
    }

    /// Sets the number of bytes that are downloaded.
    pub(crate) fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Marks the file as complete.
    pub(crate) fn done(&self) {
        match &self.bar {
            Some(bar) => bar.finish(),
            None if self.kept == 0 => eprintln!("{}: {}", self.name, DecimalBytes(self.size)),
            None => {
                let (size, kept) = (DecimalBytes(self.size), DecimalBytes(self.kept));
                eprintln!("{}: {size}, of which {kept} were downloaded before", self.name);
            }
        }
    }
}

impl Drop for Progress {
    /// Leaves the bar of a failed download as it is; the error follows on the next line.
    fn drop(&mut self) {
        if let Some(bar) = self.bar.as_ref().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}
