//! What is read from files anew when they change: API keys, certificates.
//!
//! Invariant: the value in service is that of the last good reading. A file that is missing or wrong leaves it there, with
//! a line in the log: a slip of the pen neither locks everybody out nor lets anybody in. Threads: one refreshes, anybody
//! reads.

use auricle_engines::stamp::FileStamp;
use std::{
    error::Error,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// Makes a value of the files, knowing the one before.
type Read<T> = dyn Fn(Option<&T>) -> Result<T, Box<dyn Error>> + Send + Sync;

/// `None` where the file cannot be seen.
type Stamp = Option<FileStamp>;

/// A value and the files it comes from.
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
    /// Those of `read`: there is no value to go on with.
    pub fn new<E: Error + 'static>(
        files: Vec<PathBuf>,
        read: impl Fn(Option<&T>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before the reading: what changes meanwhile is seen at the next look.
        let seen = stamps(&files);
        let value = read(None)?;
        let read = move |before: Option<&T>| read(before).map_err(Into::into);
        Ok(Self { files, read: Box::new(read), value: RwLock::new(Arc::new(value)), seen: Mutex::new(seen) })
    }

    /// The value as of the last good reading.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again where they have changed. Cheap where they have not.
    pub fn refresh(&self) {
        self.read(false);
    }

    /// Reads the files again, whatever they look like.
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
