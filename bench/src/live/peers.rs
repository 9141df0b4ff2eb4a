//! The other servers, as processes that `bench/live/serve.py` starts.

use super::speech::End;
use crate::{Done, from_xtask, recording};
use auricle_loadtest::Protocol;
use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Time limit for a server to listen.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// Another server.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// How the command names it.
    pub(super) key: &'static str,
    /// Its name in `serve.py`.
    serve: &'static str,
    protocol: Protocol,
    /// The settings that are tried.
    pub(super) settings: &'static [&'static [&'static str]],
}

pub(super) const PEERS: &[Peer] = &[
    Peer {
        name: "WhisperLive",
        key: "whisper-live",
        serve: "whisper-live",
        protocol: Protocol::WhisperLive,
        settings: &[&["batch"], &[]],
    },
    Peer {
        name: "WhisperLiveKit, AlignAtt",
        key: "whisper-live-kit-alignatt",
        serve: "whisper-live-kit",
        protocol: Protocol::WhisperLiveKit,
        settings: &[
            &["simulstreaming"],
            &["simulstreaming", "--min-chunk-size", "0.5"],
            &["simulstreaming", "--min-chunk-size", "1"],
        ],
    },
    Peer {
        name: "WhisperLiveKit, LocalAgreement",
        key: "whisper-live-kit-agreement",
        serve: "whisper-live-kit",
        protocol: Protocol::WhisperLiveKit,
        settings: &[
            &["localagreement"],
            &["localagreement", "--min-chunk-size", "0.5"],
            &["localagreement", "--min-chunk-size", "1"],
        ],
    },
    Peer {
        name: "whisper_streaming's policy",
        key: "whisper-streaming",
        serve: "agreement",
        protocol: Protocol::Vosk,
        settings: &[&["1"], &["0.5"], &["2"]],
    },
];

/// A running server, which is killed when this is dropped.
pub(super) struct Running {
    process: Child,
    port: u16,
    protocol: Protocol,
}

impl Peer {
    /// Starts the server, and waits until it listens. Its messages go to a file in `work`.
    pub(super) fn start(&self, work: &Path, settings: &[&str]) -> Done<Running> {
        // Free unless another program takes it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = work.join(format!("{}.log", self.serve));
        let mut command = Command::new("python3");
        command
            .arg(recording::path("bench/live/serve.py"))
            .arg(self.serve)
            .arg(work)
            .arg(port.to_string())
            .args(settings);
        if self.serve == "agreement" {
            command.arg(from_xtask("AURICLE_RUNTIME")?.join("silero_vad.onnx"));
        }
        // Nothing is looked up on the model hub.
        command.envs([("HF_HUB_OFFLINE", "1"), ("CUDA_VISIBLE_DEVICES", "")]);
        let process = command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()?;
        let mut running = Running { process, port, protocol: self.protocol };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = running.process.try_wait()? {
                return Err(format!("{} ended: {status}; see {}", self.name, log.display()).into());
            }
            if begun.elapsed() > READY_LIMIT {
                return Err(format!("{} does not listen; see {}", self.name, log.display()).into());
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(running)
    }
}

impl Running {
    pub(super) fn end(&self) -> Done<End> {
        let Self { port, protocol, process } = self;
        let url = format!("ws://127.0.0.1:{port}{}", protocol.path()).parse()?;
        Ok(End { url, protocol: *protocol, preset: None, pid: process.id() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
