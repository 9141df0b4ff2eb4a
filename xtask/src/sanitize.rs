//! Memory errors: hosts and engines run by real streams where AddressSanitizer or valgrind watches every access.
//!
//! Invariant: whatever either of them reports, in the host, a worker or a plugin's trial, fails the command. Leaks are not
//! looked for: libraries and models stay by design. Two rooms of C beside this crate, `sanitize/`, say what each needs.

use crate::{
    demo, fetch,
    run::{Done, cargo, root, run, target},
    stage,
};
use std::{
    env::consts::{ARCH, OS},
    fs::{self, File},
    io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Both engines of the run with two plugins, and the recordings they hear at the same time.
const HEARD: [(&str, &str); 2] = [("tone", "demo"), ("pocketsphinx", "weather")];

/// In the server's own process, with time for everything; no load is too high.
const SETTINGS: &str = r#"
cache = "../cache"
trusted = ["auricle-engine-tone", "auricle-engine-pocketsphinx"]
[limits]
max_load = 1000000.0
[timeouts]
probe_seconds = 600.0
call_seconds = 600.0
"#;

/// What may take long under valgrind takes no longer.
const LIMIT: Duration = Duration::from_secs(600);

/// The end-to-end tests that a host with AddressSanitizer is put through: streams, plugins that come and go, faults that
/// are caught, workers that die.
const TESTS: [&str; 6] = ["streams", "plugins", "faults", "fault_matrix", "workers", "speech"];

/// What is left out of them.
const LEFT_OUT: [&str; 15] = [
    // Engines that are not built here: of other versions, bad ones, those that need ONNX Runtime.
    "engine_folders_of_old_and_new_api_versions_serve",
    "a_bad_file_is_refused",
    "a_file_that_hangs",
    "a_file_still_being_tried",
    "what_is_no_plugin",
    "a_file_that_turns_out_to_be_no_plugin",
    "a_bad_replacement",
    "digits_survive",
    "whisper_loses",
    // What they measure is the sanitizer's own: memory, and the C runtime that engines link to.
    "a_worker_that_outgrows_its_memory",
    "a_refused_file_is_tried_again_when_a_resource_comes",
    // A page of the documents, and hours of recordings.
    "page::",
    "further_recordings",
    // A host that is meant to die, and one that must not be found too slow for a live stream.
    "a_fatal_signal_ends_the_host",
    "a_crash_is_an_event_in_the_log",
];

/// Runs the host and its engines with AddressSanitizer, or a host with two engines under valgrind.
pub(crate) fn sanitize(valgrind: bool) -> Done {
    if OS != "linux" {
        return Err("AddressSanitizer and valgrind are set up for Linux only".into());
    }
    let begun = Instant::now();
    if valgrind { under_valgrind() } else { with_address_sanitizer() }?;
    eprintln!("xtask: no memory errors, in {} s with the build", begun.elapsed().as_secs());
    Ok(())
}

fn with_address_sanitizer() -> Done {
    let (folder, triple) = (target().join("asan"), format!("{ARCH}-unknown-linux-gnu"));
    make(&folder)?;
    let source = fetch::pocketsphinx()?;
    let options = folder.join("options.o");
    run(Command::new("cc").arg("-c").arg(root().join("xtask/sanitize/asan.c")).arg("-o").arg(&options))?;
    let packages = ["", "-engine-tone", "-engine-faulty", "-engine-pocketsphinx"];
    let mut build = cargo(&["build", "--target", &triple, "--target-dir"]);
    build.arg(&folder).args(packages.map(|name| format!("--package=auricle{name}")));
    // Sanitizers are unstable; with this the stable compiler has them.
    build.env("RUSTC_BOOTSTRAP", "1");
    // Unoptimised, so that every access that is written is made; but for the hashes of plugins, which a host waits for.
    build.args(["--config", "profile.dev.package.sha2.opt-level=3"]);
    // The plugins find the sanitizer's runtime in the host, which therefore exports its symbols.
    build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env(
        "RUSTFLAGS",
        format!("-Zsanitizer=address -Cforce-frame-pointers=yes -Clink-arg=-rdynamic -Clink-arg={}", options.display()),
    );
    build.env(format!("CFLAGS_{}", triple.replace('-', "_")), "-fsanitize=address -fno-omit-frame-pointer");
    run(&mut build)?;

    let binaries = folder.join(&triple).join("debug");
    let (host, plugins) = (binaries.join("auricle"), folder.join("plugins"));
    lay_out(&binaries, &source, &plugins)?;
    let log = folder.join("two-plugins.log");
    let streamed = two_plugins(Command::new(&host), &host, &folder, &log);
    judge(&log, streamed)?;

    let log = folder.join("tests.log");
    let mut tests = cargo(&["test", "--package=auricle-tests", "--no-fail-fast"]);
    tests.args(TESTS.iter().flat_map(|name| ["--test", name]));
    // Else the hosts' logs, which have the reports, are kept back where a test passes. One at a time: they wait for hosts
    // that are slow enough.
    tests.args(["--", "--nocapture", "--test-threads=1"]);
    tests.args(LEFT_OUT.iter().flat_map(|name| ["--skip", name]));
    tests.env("AURICLE_HOST", &host).env("AURICLE_PLUGINS", &plugins).env("AURICLE_FAULT", "panic");
    eprintln!("xtask: the tests' output goes to {}", log.display());
    let passed = output_to(&mut tests, &log).and_then(|()| run(&mut tests));
    judge(&log, passed)
}

fn under_valgrind() -> Done {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is not installed: `apt-get install valgrind`, or what your system has for it".into());
    }
    let folder = target().join("valgrind");
    make(&folder)?;
    let source = fetch::pocketsphinx()?;
    let preload = folder.join("preload.so");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-O1"]).arg(root().join("xtask/sanitize/valgrind.c")).arg("-o").arg(&preload);
    run(compile.arg("-ldl"))?;
    let packages = ["", "-engine-tone", "-engine-pocketsphinx"].map(|name| format!("--package=auricle{name}"));
    run(cargo(&["build", "--release"]).args(packages))?;

    let binaries = target().join("release");
    lay_out(&binaries, &source, &folder.join("plugins"))?;
    let (host, log) = (binaries.join("auricle"), folder.join("two-plugins.log"));
    let mut watched = Command::new("valgrind");
    watched.args(["--tool=memcheck", "--error-exitcode=9", "--trace-children=yes", "--leak-check=no", "--vgdb=no"]);
    watched.arg(&host).env("LD_PRELOAD", preload);
    let streamed = two_plugins(watched, &host, &folder, &log);
    judge(&log, streamed)
}

/// A host with two plugins in its own process, which hear recordings at the same time; `host` lacks its arguments yet.
fn two_plugins(mut host: Command, client: &Path, folder: &Path, log: &Path) -> Done {
    let configs = folder.join("configs");
    make(&configs.join("presets"))?;
    let write = || {
        fs::write(configs.join("auricle.toml"), SETTINGS)?;
        HEARD.iter().try_for_each(|(preset, _)| {
            let file = format!("presets/{preset}.json");
            fs::copy(root().join("configs").join(&file), configs.join(file)).map(drop)
        })
    };
    write().map_err(|error: io::Error| format!("{}: {error}", configs.display()))?;
    host.args(["serve", "--listen", "127.0.0.1:0", "--log", "info", "--plugins"]).arg(folder.join("plugins"));
    host.arg("--configs").arg(&configs);
    eprintln!("xtask: starting a host with two plugins; its log is {}", log.display());
    output_to(&mut host, log)?;
    let (mut host, address) = demo::start(&mut host)?;
    let streamed = hear(client, &address);
    let status = demo::stop(&mut host);
    streamed?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("the host ended with {status}: see {}", log.display())),
        None => Err("the host's end was not seen".into()),
    }
}

/// Streams to both engines at once. Words that are not the recording's are an error too.
fn hear(client: &Path, address: &str) -> Done {
    for (engine, _) in HEARD {
        let named = format!("\"{engine}\"");
        demo::until("take up the plugins", LIMIT, || {
            demo::get(address, "/v1/engines").filter(|body| body.contains(&named))
        })?;
    }
    let url = format!("ws://{address}/v1/stream");
    let stream = |(preset, recording): (&str, &str)| {
        let file = root().join("fixtures").join(recording).with_extension("wav");
        Command::new(client).arg("stream").arg(file).args(["--url", &url, "--preset", preset]).output()
    };
    let heard =
        std::thread::scope(|scope| HEARD.map(|heard| scope.spawn(move || stream(heard))).map(|thread| thread.join()));
    for ((preset, recording), output) in HEARD.into_iter().zip(heard) {
        let output = output.map_err(|_| "a client panicked")?.map_err(|error| format!("the client: {error}"))?;
        let (text, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || text.trim().is_empty() {
            return Err(format!("the stream of {recording} to `{preset}` failed: {told}"));
        }
        eprintln!("xtask: `{preset}` heard {}", told.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// The two engines in a plugin directory of their own.
fn lay_out(binaries: &Path, source: &Path, plugins: &Path) -> Done {
    make(plugins)?;
    let tone = stage::library("tone");
    fs::copy(binaries.join(&tone), plugins.join(tone)).map_err(|error| format!("{}: {error}", plugins.display()))?;
    stage::place_pocketsphinx(binaries, source, plugins)
}

fn make(folder: &Path) -> Done {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Sends what a command prints to a file.
fn output_to(command: &mut Command, log: &Path) -> Done {
    let mut open = || {
        let file = File::create(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(())
    };
    open().map_err(|error: io::Error| format!("{}: {error}", log.display()))
}

/// What happened, unless the log has a report, which says more.
fn judge(log: &Path, happened: Done) -> Done {
    let bytes = fs::read(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let report = |line: &&str| {
        line.contains("ERROR: AddressSanitizer") || (line.contains("ERROR SUMMARY:") && !line.contains(": 0 errors"))
    };
    match text.lines().find(report) {
        Some(line) => Err(format!("{}: {line}", log.display())),
        None => happened.map_err(|problem| format!("{problem}; the log is {}", log.display())),
    }
}
