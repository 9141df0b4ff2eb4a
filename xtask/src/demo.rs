//! The main job, shown: a host on the engines, a recording streamed to it at its own pace.

use crate::{
    run::{Done, root, run},
    stage::{self, Built},
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the host may take to register an engine.
const LIMIT: Duration = Duration::from_secs(60);

/// Builds, starts the host, streams a recording to each recogniser, and stops the host or leaves it running.
pub(crate) fn demo(serve: bool) -> Done {
    let built = stage::release_without_pocketsphinx()?;
    eprintln!("\nStarting the host on {} ...", built.plugins.display());
    let (mut host, address) = start(&built)?;
    let shown = show(&built, &address).and_then(|()| if serve { wait(&mut host, &address) } else { Ok(()) });
    stop(&mut host);
    shown
}

/// The neural network that comes with the repository first; then another engine is added while the host runs.
fn show(built: &Built, address: &str) -> Done {
    wait_for_engine(built, address, "onnx")?;
    stream(built, address, "fixtures/digits.wav", "digits")?;
    eprintln!("\nPocketSphinx is built and copied into the plugin directory while the host runs ...");
    stage::add_pocketsphinx(built)?;
    wait_for_engine(built, address, "pocketsphinx")?;
    run(&mut engines(built, address))?;
    stream(built, address, "fixtures/demo.wav", "pocketsphinx")
}

/// Waits until the host has registered an engine.
fn wait_for_engine(built: &Built, address: &str, backend: &str) -> Done {
    let begun = Instant::now();
    loop {
        let output = engines(built, address).args(["--format", "json"]).output();
        let list = output.map_err(|error| format!("{}: {error}", built.host.display()))?.stdout;
        if String::from_utf8_lossy(&list).contains(&format!("\"{backend}\"")) {
            return Ok(());
        }
        if begun.elapsed() > LIMIT {
            return Err(format!("the host did not register `{backend}` within {} s", LIMIT.as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn engines(built: &Built, address: &str) -> Command {
    let mut command = Command::new(&built.host);
    command.args(["engines", "--url", &format!("http://{address}")]);
    command
}

fn stream(built: &Built, address: &str, recording: &str, preset: &str) -> Done {
    eprintln!("\nStreaming {recording} to preset `{preset}` at its own pace (the model loads first):\n");
    let url = format!("ws://{address}/v1/stream");
    let options = ["--url", &url, "--preset", preset, "--realtime"];
    run(Command::new(&built.host).arg("stream").arg(root().join(recording)).args(options))
}

fn command(built: &Built) -> Command {
    let mut command = Command::new(&built.host);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--plugins"]).arg(&built.plugins);
    command.arg("--resources").arg(&built.runtime).arg("--resources").arg(&built.models);
    command.arg("--configs").arg(root().join("configs"));
    command
}

/// Starts the host; returns it and the address it listens on.
fn start(built: &Built) -> Done<(Child, String)> {
    let started = command(built).stdout(Stdio::piped()).spawn();
    let mut host = started.map_err(|error| format!("{} cannot be started: {error}", built.host.display()))?;
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
fn stop(host: &mut Child) {
    let asked = cfg!(unix)
        && Command::new("kill").args(["-TERM", &host.id().to_string()]).status().is_ok_and(|status| status.success());
    // Errors here mean that it has ended already.
    if !asked {
        let _ = host.kill();
    }
    let _ = host.wait();
}
