//! The servers in the comparison, as processes with their settings, all with the same ONNX Runtime.

use crate::{Done, host::server};
use auricle_client::url::ServerUrl;
use auricle_loadtest::Protocol;
use auricle_plugin_test::server::Host;
use serde_json::json;
use std::{
    fmt,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Name of the preset.
pub(super) const PRESET: &str = "capacity";
/// Time limit for a server to get ready.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// No stream is refused, because the benchmark searches for the limit.
const HOST_SETTINGS: &str = "[limits]
max_streams = 100000
max_connections_per_address = 100000
max_lag_seconds = 3600.0
refuse_lag_seconds = 3600.0
max_backlog_seconds = 3600.0
max_shared_backlog_seconds = 1_000_000.0
max_load = 1000.0
";
/// One thread per processor.
pub(super) const THREADS: usize = 2;

/// The settings of a server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Settings {
    /// `--max-batch-size`, `--loop-interval-ms`; with two work threads and one thread for a step.
    Sherpa { batch: usize, interval: usize },
    /// `max_batch`, `optimize` and `host.isolation`; with `host.concurrency` 2.
    Auricle { batch: usize, isolation: &'static str, forms: &'static [&'static str] },
}

impl Settings {
    /// Settings of sherpa-onnx; the first are the best of an earlier search. The interval matters if steps are short.
    pub(super) fn sherpa(small: bool) -> Vec<Self> {
        let batches = [(16, 10), (8, 10), (32, 10)].into_iter();
        let intervals = [(16, 5), (16, 20)].into_iter().filter(|_| small);
        batches.chain(intervals).map(|(batch, interval)| Self::Sherpa { batch, interval }).collect()
    }

    /// Settings of Auricle.
    pub(super) fn auricle(isolation: &'static str) -> Vec<Self> {
        [16, 8, 32].map(|batch| Self::Auricle { batch, isolation, forms: &[] }).into()
    }

    /// The same settings of Auricle, with a network that gives the same results with less computation.
    pub(super) fn cheaper(&self) -> Self {
        match self.clone() {
            Self::Auricle { batch, isolation, .. } => Self::Auricle { batch, isolation, forms: &["projected-cache"] },
            sherpa @ Self::Sherpa { .. } => sherpa,
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sherpa { batch, interval } => write!(f, "sherpa-onnx, max batch {batch}, loop {interval} ms"),
            Self::Auricle { batch, isolation, forms } => {
                let forms: String = forms.iter().map(|form| format!(", {form}")).collect();
                write!(f, "Auricle, max_batch {batch}, {isolation}{forms}")
            }
        }
    }
}

/// A running server, which is stopped when this is dropped.
pub(super) struct Side {
    process: Process,
    pub(super) url: ServerUrl,
    pub(super) protocol: Protocol,
}

enum Process {
    Peer(Child),
    Host(Host),
}

impl Side {
    /// Starts sherpa-onnx's C++ server.
    pub(super) fn sherpa(settings: &Settings, work: &Path, model: &Path) -> Done<Self> {
        let Settings::Sherpa { batch, interval } = settings else { return Err("not sherpa-onnx's settings".into()) };
        // Free unless another program takes it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = model.parent().ok_or("a model must be in a folder")?;
        let kind = if folder.ends_with("22m") { "zipformer2-ctc-model" } else { "nemo-ctc-model" };
        let mut command = Command::new(work.join("server"));
        command.arg(format!("--port={port}")).arg(format!("--{kind}={}", model.display()));
        command.arg(format!("--tokens={}", folder.join("tokens.txt").display()));
        command.args([format!("--num-work-threads={THREADS}"), "--num-threads=1".into()]);
        command.args([format!("--max-batch-size={batch}"), format!("--loop-interval-ms={interval}")]);
        // By default it writes a log file to its working directory.
        command.arg("--log-file=/dev/null");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let address = format!("127.0.0.1:{port}");
        let mut side = Self {
            process: Process::Peer(child),
            url: format!("ws://{address}/").parse()?,
            protocol: Protocol::SherpaOnnx,
        };
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let Process::Peer(child) = &mut side.process else { break };
            if let Some(status) = child.try_wait()? {
                return Err(format!("sherpa-onnx's server ended: {status}").into());
            }
            if begun.elapsed() > READY_LIMIT {
                return Err("sherpa-onnx's server does not listen".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(side)
    }

    /// Starts the host with one preset.
    pub(super) fn auricle(
        settings: &Settings,
        plugins: &Path,
        work: &Path,
        model: &str,
        precision: &str,
    ) -> Done<Self> {
        let Settings::Auricle { batch, isolation, forms } = settings else {
            return Err("not Auricle's settings".into());
        };
        let host = json!({"concurrency": THREADS, "isolation": isolation, "preload": true});
        let preset = json!({
            "backend": "onnx", "model": model, "precision": precision, "max_batch": batch, "optimize": forms,
            "host": host,
        });
        let setup = server::setup(HOST_SETTINGS, &[(PRESET, &preset.to_string())])?;
        let host = setup.plugins(plugins).resource(&work.join("runtime")).resource(&work.join("models")).start();
        let url = host.address().parse()?;
        Ok(Self { process: Process::Host(host), url, protocol: Protocol::Auricle })
    }

    pub(super) fn pid(&self) -> u32 {
        match &self.process {
            Process::Peer(child) => child.id(),
            Process::Host(host) => host.pid(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Peer(child) = self {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
