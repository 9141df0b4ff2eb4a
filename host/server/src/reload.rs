//! Values that are read again when their files change: API keys, certificates.
//!
//! Invariant: the value in use is always from the last successful read. If a file is missing or invalid, the value
//! stays and an error is logged, so a typing error neither locks out all clients nor admits any. Threads: one
//! refreshes, any reads.

use auricle_engines::stamp::FileStamp;
use std::{
    error::Error,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// Reads the value from its files; the argument is the previous value.
type Read<T> = dyn Fn(Option<&T>) -> Result<T, Box<dyn Error>> + Send + Sync;

/// `None` if the file cannot be examined.
type Stamp = Option<FileStamp>;

/// A value and the files that it is read from.
pub struct Reloaded<T> {
    files: Vec<PathBuf>,
    read: Box<Read<T>>,
    value: RwLock<Arc<T>>,
    seen: Mutex<Vec<Stamp>>,
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloaded").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<T> Reloaded<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// The errors of `read`.
    pub fn new<E: Error + 'static>(
        files: Vec<PathBuf>,
        read: impl Fn(Option<&T>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Taken before reading, so that a change during the read is noticed by the next refresh.
        let seen = stamps(&files);
        let value = read(None)?;
        let read = move |before: Option<&T>| read(before).map_err(Into::into);
        Ok(Self { files, read: Box::new(read), value: RwLock::new(Arc::new(value)), seen: Mutex::new(seen) })
    }

    /// The value of the last successful read.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again if they have changed. Cheap if they have not.
    pub fn refresh(&self) {
        self.read(false);
    }

    /// Reads the files again even if they have not changed.
    pub fn read_again(&self) {
        self.read(true);
    }

    fn read(&self, always: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if *seen == now && !always {
            return;
        }
        *seen = now;
        match (self.read)(Some(&self.get())) {
            Ok(value) => {
                *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
                tracing::info!(files = ?self.files, "read again");
            }
            Err(problem) => tracing::error!("{problem}; the previous version stays in service"),
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| FileStamp::of(file).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io};

    #[test]
    fn the_last_good_reading_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("number");
        let path = file.clone();
        let read = move |before: Option<&u32>| {
            let text = fs::read_to_string(&path)?;
            let number: u32 = text.parse().map_err(io::Error::other)?;
            Ok::<_, io::Error>(number + before.copied().unwrap_or_default())
        };
        Reloaded::new(vec![file.clone()], read.clone()).unwrap_err();
        fs::write(&file, "1").unwrap();
        let value = Reloaded::new(vec![file.clone()], read).unwrap();
        value.refresh();
        assert_eq!(*value.get(), 1);
        fs::write(&file, "20").unwrap();
        value.refresh();
        assert_eq!(*value.get(), 21);
        fs::write(&file, "twenty").unwrap();
        value.refresh();
        fs::remove_file(&file).unwrap();
        value.refresh();
        assert_eq!(*value.get(), 21);
        fs::write(&file, "3").unwrap();
        value.refresh();
        assert_eq!(*value.get(), 24);
        value.read_again();
        assert_eq!(*value.get(), 27);
    }
}
