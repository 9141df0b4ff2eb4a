//! The directory of crash reports: one file per dead worker; only the newest are kept. Threads: any.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The directory of the reports.
#[derive(Debug)]
pub struct CrashReports {
    dir: PathBuf,
    keep: usize,
}

impl CrashReports {
    /// Keeps at most `keep` reports in `dir`, which is created with the first report.
    pub fn new(dir: PathBuf, keep: usize) -> Self {
        Self { dir, keep }
    }

    /// Writes a report and returns its path. Old reports that cannot be deleted stay. The name contains the time, the engine and the worker's process id.
    pub(super) fn write(&self, backend: &str, worker: u32, text: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.dir)?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // The names sort by time.
        let name = format!("crash-{:013}-{backend}-{worker}.txt", since.as_millis());
        let path = self.dir.join(name);
        fs::write(&path, text)?;
        let _ = self.remove_oldest();
        Ok(path)
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let ours = |path: &Path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"crash-"))
                && path.extension().is_some_and(|extension| extension == "txt")
        };
        let mut paths: Vec<_> =
            fs::read_dir(&self.dir)?.flatten().map(|entry| entry.path()).filter(|path| ours(path)).collect();
        paths.sort();
        let many = paths.len().saturating_sub(self.keep);
        paths.iter().take(many).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let reports = CrashReports::new(dir.path().join("crashes"), 2);
        fs::create_dir(dir.path().join("crashes")).unwrap();
        fs::write(dir.path().join("crashes/notes.txt"), "not a report").unwrap();
        let write = |worker| {
            std::thread::sleep(Duration::from_millis(2));
            reports.write("x", worker, "last words").unwrap()
        };
        let written: Vec<_> = (0..4).map(write).collect();
        let kept: Vec<_> = written.iter().map(|path| path.exists()).collect();
        assert_eq!(kept, [false, false, true, true]);
        assert!(dir.path().join("crashes/notes.txt").exists());
        assert_eq!(fs::read_to_string(&written[3]).unwrap(), "last words");
    }
}
