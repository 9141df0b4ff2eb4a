//! The demo: a host, recordings streamed to it at their own pace, and an engine added while it runs.

mod host;

use crate::{
    fetch::{self, Package},
    run::{Done, root, run, target},
    stage::{self, Built},
};
use host::Host;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// How long the host may take to register an engine.
const LIMIT: Duration = Duration::from_secs(60);

/// A preset as `auricle convert` prints it.
const WHISPER: &str = r#"{"backend": "whisper", "model": "tiny.en"}"#;

/// Sentences of Jane Austen's "Sense and Sensibility", read by a volunteer of LibriVox (public domain), which follow one another.
const READING: [&str; 5] = ["0870", "0880", "0890", "0920", "0930"];

/// Builds, starts the host, streams a recording to each recogniser, and stops the host or leaves it running.
pub(crate) fn demo(offline: bool, serve: bool) -> Done {
    let source = if offline { None } else { Some(download()?) };
    let built = stage::for_demo(offline)?;
    let speech = source.is_some() && has_whisper(&built);
    let configs = lay_out(source.as_deref()).map_err(|error| format!("cannot write target/demo: {error}"))?;
    eprintln!("\nStarting the host on {} ...", built.plugins.display());
    let mut host = Host::start(&built, &configs)?;
    if speech {
        stream(&built, &host, &reading(), "whisper")?;
    } else {
        stream(&built, &host, &root().join("fixtures/digits.wav"), "digits")?;
    }
    if source.is_some() {
        drop_pocketsphinx_in(&built, &host)?;
        stream(&built, &host, &root().join("fixtures/demo.wav"), "pocketsphinx")?;
    }
    if serve { host.serve() } else { Ok(()) }
}

/// Downloads what the demo needs except Whisper; returns the folder of PocketSphinx' source.
fn download() -> Done<PathBuf> {
    fetch::announce(&[Package::Whisper, Package::PocketSphinx, Package::OnnxRuntime]);
    fetch::onnxruntime()?;
    fetch::pocketsphinx()
}

fn has_whisper(built: &Built) -> bool {
    let added = stage::add_whisper(built);
    if let Err(reason) = &added {
        eprintln!("\nWhisper tiny.en cannot be downloaded, so digits and PocketSphinx are shown: {reason}");
    }
    added.is_ok()
}

/// The recording of real speech.
fn reading() -> PathBuf {
    target().join("demo/reading.wav")
}

/// Writes the presets, and joins the sentences of the reading; returns the configuration directory.
fn lay_out(source: Option<&Path>) -> io::Result<PathBuf> {
    let folder = target().join("demo");
    let presets = folder.join("presets");
    fetch::empty(&presets)?;
    for preset in ["digits.json", "pocketsphinx.json"] {
        fs::copy(root().join("configs/presets").join(preset), presets.join(preset))?;
    }
    fs::write(presets.join("whisper.json"), WHISPER)?;
    if let Some(source) = source {
        let sentence =
            |number| source.join(format!("test/data/librivox/sense_and_sensibility_01_austen_64kb-{number}.wav"));
        // `auricle stream` plays WAV files that follow one another in a file.
        let files: io::Result<Vec<_>> = READING.into_iter().map(|number| fs::read(sentence(number))).collect();
        fs::write(reading(), files?.concat())?;
    }
    Ok(folder)
}

/// Adds another engine while the host runs.
fn drop_pocketsphinx_in(built: &Built, host: &Host) -> Done {
    eprintln!("\nPocketSphinx is built and copied into the plugin directory while the host runs ...");
    stage::add_pocketsphinx(built)?;
    wait_for_engine(built, host, "pocketsphinx")?;
    run(&mut engines(built, host))
}

/// Waits until the host has registered an engine.
fn wait_for_engine(built: &Built, host: &Host, backend: &str) -> Done {
    let begun = Instant::now();
    loop {
        let output = engines(built, host).args(["--format", "json"]).output();
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

fn engines(built: &Built, host: &Host) -> Command {
    let mut command = Command::new(&built.host);
    command.args(["engines", "--url", host.address()]);
    command
}

fn stream(built: &Built, host: &Host, recording: &Path, preset: &str) -> Done {
    eprintln!("\nStreaming {} to preset `{preset}` at its own pace (the model loads first):\n", recording.display());
    let options = ["--url", host.address(), "--preset", preset, "--realtime"];
    run(Command::new(&built.host).arg("stream").arg(recording).args(options))
}
