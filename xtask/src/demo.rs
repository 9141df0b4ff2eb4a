//! The main job, shown: a host on the engines, a recording streamed to it at its own pace.

use crate::{
    run::{Done, root, run},
    stage::{self, Built},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PRESET: &str = "pocketsphinx";

/// Builds, starts the host, streams `fixtures/demo.wav`, and stops the host or leaves it running.
pub(crate) fn demo(serve: bool) -> Done {
    let built = stage::release()?;
    let (mut host, address) = start(&built)?;
    let shown = show(&built, &address).and_then(|()| if serve { wait(&mut host, &address) } else { Ok(()) });
    stop(&mut host);
    shown
}

fn start(built: &Built) -> Done<(Child, String)> {
    eprintln!("\nStarting the host on {} ...", built.plugins.display());
    let mut host = Command::new(&built.host)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--plugins"])
        .arg(&built.plugins)
        .arg("--configs")
        .arg(root().join("configs"))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", built.host.display()))?;
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

fn show(built: &Built, address: &str) -> Done {
    let begun = Instant::now();
    while !ready(address) {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("the host did not get ready within a minute".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    run(Command::new(&built.host).args(["engines", "--url", &format!("http://{address}")]))?;
    eprintln!("\nStreaming fixtures/demo.wav to preset `{PRESET}` at its own pace (the model loads first):\n");
    run(Command::new(&built.host).arg("stream").arg(root().join("fixtures/demo.wav")).args([
        "--url",
        &format!("ws://{address}/v1/stream"),
        "--preset",
        PRESET,
        "--realtime",
    ]))
}

fn ready(address: &str) -> bool {
    let ask = || {
        let mut socket = TcpStream::connect(address)?;
        socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: auricle\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).map(|_| answer)
    };
    ask().is_ok_and(|answer: String| answer.starts_with("HTTP/1.1 200"))
}

fn wait(host: &mut Child, address: &str) -> Done {
    eprintln!("\nThe host is running; Ctrl-C stops it. Connect with:");
    eprintln!("  target/release/auricle stream FILE --url ws://{address}/v1/stream --preset {PRESET}");
    eprintln!("  target/release/auricle engines --url http://{address}");
    host.wait().map_err(|error| format!("the host: {error}"))?;
    Ok(())
}

/// Asks the host to stop, and waits for it.
fn stop(host: &mut Child) {
    let asked = cfg!(unix)
        && Command::new("kill").args(["-TERM", &host.id().to_string()]).status().is_ok_and(|status| status.success());
    if !asked {
        // It may have ended by itself.
        let _ = host.kill();
    }
    let _ = host.wait();
}
