//! A server process: its listeners, its log, its memory, and signals to it.
//!
//! Threads: one reads the process's standard error, another its standard output, both to the end.

use super::limit;
use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// A running server process; killed when dropped.
pub struct Process {
    child: Child,
    scheme: String,
    address: String,
    /// Lines of its output so far, and a channel for the next ones.
    listeners: Mutex<(Vec<String>, Receiver<String>)>,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a program that prints `listening on SCHEME://ADDRESS` for each of its listeners, and waits for the first.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(command: Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// Like [`start`](Self::start), with another standard error. The log is available only if that is a new pipe.
    ///
    /// # Panics
    /// Like [`start`](Self::start).
    pub fn start_with(mut command: Command, stderr: impl Into<Stdio>) -> Self {
        let program = command.get_program().to_owned();
        let child = command.stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child =
            child.unwrap_or_else(|problem| panic!("{}: {problem}; build it, or set AURICLE_HOST", program.display()));
        // It holds the ends of pipes, for which a reader would wait.
        drop(command);
        let log = Arc::new(Mutex::new(String::new()));
        let (err, copy) = (child.stderr.take(), Arc::clone(&log));
        thread::spawn(move || {
            let Some(err) = err else { return };
            // An engine may print text that is not UTF-8.
            for line in BufReader::new(err).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                eprintln!("host: {line}");
                let mut log = copy.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (lines, output) = channel();
        let out = child.stdout.take().unwrap();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        // No time limit: there is either a line or an end.
        let first = output.recv().ok();
        let (scheme, address) = first.as_deref().and_then(listening).unwrap_or_default();
        let (scheme, address) = (scheme.to_owned(), address.to_owned());
        let listeners = Mutex::new((first.iter().cloned().collect(), output));
        let process = Self { child, scheme, address, listeners, log };
        assert!(!process.address.is_empty(), "the server did not start: {}", process.log());
        process
    }

    /// `http` or `https`: the scheme of the first listener.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// `127.0.0.1:PORT` of the first listener.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `127.0.0.1:PORT` of a listener, from 0, in the order of the settings.
    pub fn listener(&self, n: usize) -> String {
        let line = self.line(n);
        let (_, address) = listening(&line).unwrap_or_else(|| panic!("no listener: {line}"));
        address.to_owned()
    }

    /// A line that it prints, from 0.
    pub fn line(&self, n: usize) -> String {
        let mut listeners = self.listeners.lock().unwrap();
        let (lines, output) = &mut *listeners;
        while lines.len() <= n {
            let line = output.recv_timeout(limit());
            lines
                .push(line.unwrap_or_else(|_| panic!("no line {n}, only {lines:?}; log of the host:\n{}", self.log())));
        }
        lines[n].clone()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Number of lines in the log that contain all of these texts.
    pub fn logged(&self, texts: &[&str]) -> usize {
        self.log().lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// A value of the host's memory by its name in `/proc`, in bytes: `VmRSS` is resident, `VmHWM` the maximum so far.
    /// `None` if the system does not report it.
    pub fn memory(&self, name: &str) -> Option<u64> {
        memory(self.pid(), name)
    }

    /// Resident memory of the host and its workers, in bytes. `None` if the system does not report it.
    pub fn resident(&self) -> Option<u64> {
        let own = self.memory("VmRSS")?;
        Some(own + self.workers().into_iter().filter_map(|pid| memory(pid, "VmRSS")).sum::<u64>())
    }

    /// Its worker processes, except those that have ended but were not reaped yet.
    pub fn workers(&self) -> Vec<u32> {
        let parent = format!("PPid:\t{}", self.pid());
        let is_worker = |pid: &u32| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let status = read("status");
            status.lines().any(|line| line == parent)
                && !status.contains("State:\tZ")
                && read("cmdline").split('\0').nth(1) == Some("worker")
        };
        let pids = fs::read_dir("/proc").unwrap().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_worker).collect()
    }

    /// Kills a worker like the out-of-memory killer.
    pub fn kill_worker(&self, pid: u32) {
        // It may have ended in the meantime.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.send(name, &self.pid().to_string());
    }

    /// Sends a signal to all processes of its group. For a host that was started in its own group.
    pub fn signal_group(&self, name: &str) {
        self.send(name, &format!("-{}", self.pid()));
    }

    /// Sends a signal to it and all of its workers.
    pub fn signal_all(&self, name: &str) {
        self.workers().into_iter().chain([self.pid()]).for_each(|pid| self.send(name, &pid.to_string()));
    }

    fn send(&self, signal: &str, whom: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), "--", whom]).status().unwrap().success());
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < limit(), "the host does not end; its log:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parses a line such as `listening on ws://127.0.0.1:8771 (vosk)`; returns scheme and address.
fn listening(line: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = line.strip_prefix("listening on ")?.split_once("://")?;
    Some((scheme, rest.split_whitespace().next()?))
}

fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}
