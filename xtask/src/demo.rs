//! The main job, shown: a host on the engines, a recording streamed to it at its own pace.

use crate::{
    run::{Done, root, run},
    stage::{self, Built},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Builds, starts the host, streams a recording to each recogniser, and stops the host or leaves it running.
pub(crate) fn demo(serve: bool) -> Done {
    let built = stage::release_without_pocketsphinx()?;
    eprintln!("\nStarting the host on {} ...", built.plugins.display());
    let (mut host, address) = start(&mut command(&built))?;
    let shown = show(&built, &address).and_then(|()| if serve { wait(&mut host, &address) } else { Ok(()) });
    stop(&mut host);
    shown
}

/// The neural network that comes with the repository first; then another engine is added while the host runs.
fn show(built: &Built, address: &str) -> Done {
    until("get ready", MINUTE, || get(address, "/readyz"))?;
    stream(built, address, "fixtures/digits.wav", "digits")?;
    eprintln!("\nAnother engine: PocketSphinx is built and dropped into the plugin directory; the host goes on ...");
    stage::add_pocketsphinx(built)?;
    until("take up PocketSphinx", MINUTE, || {
        get(address, "/v1/engines").filter(|body| body.contains("\"pocketsphinx\""))
    })?;
    run(Command::new(&built.host).args(["engines", "--url", &format!("http://{address}")]))?;
    stream(built, address, "fixtures/demo.wav", "pocketsphinx")
}

fn stream(built: &Built, address: &str, recording: &str, preset: &str) -> Done {
    eprintln!("\nStreaming {recording} to preset `{preset}` at its own pace (the model loads first):\n");
    let url = format!("ws://{address}/v1/stream");
    let options = ["--url", &url, "--preset", preset, "--realtime"];
    run(Command::new(&built.host).arg("stream").arg(root().join(recording)).args(options))
}

/// Waits for what the host must do within a time.
pub(crate) fn until<T>(what: &str, limit: Duration, mut so: impl FnMut() -> Option<T>) -> Done<T> {
    let begun = Instant::now();
    loop {
        if let Some(done) = so() {
            return Ok(done);
        }
        if begun.elapsed() > limit {
            return Err(format!("the host did not {what} within {} s", limit.as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The answer to a GET, where its status is 200.
pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: auricle\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

fn command(built: &Built) -> Command {
    let mut command = Command::new(&built.host);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--plugins"]).arg(&built.plugins);
    command.arg("--resources").arg(&built.runtime).arg("--resources").arg(&built.models);
    command.arg("--configs").arg(root().join("configs"));
    command
}

/// Starts a host; returns it and the address it listens on.
pub(crate) fn start(command: &mut Command) -> Done<(Child, String)> {
    let program = Path::new(command.get_program()).display().to_string();
    let mut host =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{program} cannot be started: {error}"))?;
    let mut line = String::new();
    if let Some(out) = host.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(|error| format!("the host's output: {error}"))?;
    }
    let Some(address) = line.trim().strip_prefix("listening on http://") else {
        stop(&mut host);
        return Err("the host did not start".into());
    };
    Ok((host, address.to_owned()))
}

fn wait(host: &mut Child, address: &str) -> Done {
    eprintln!("\nThe host is running; Ctrl-C stops it. Connect with:");
    eprintln!("  target/release/auricle stream FILE --url ws://{address}/v1/stream --preset pocketsphinx");
    eprintln!("  target/release/auricle engines --url http://{address}");
    host.wait().map_err(|error| format!("the host: {error}"))?;
    Ok(())
}

/// Asks the host to stop, and waits for its end.
pub(crate) fn stop(host: &mut Child) -> Option<ExitStatus> {
    let asked = cfg!(unix)
        && Command::new("kill").args(["-TERM", &host.id().to_string()]).status().is_ok_and(|status| status.success());
    if !asked {
        // It may have ended by itself.
        let _ = host.kill();
    }
    host.wait().ok()
}
