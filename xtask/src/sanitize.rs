//! Memory errors: real hosts and engines under AddressSanitizer or valgrind, driven by end-to-end tests.
//!
//! Invariant: whatever either of them reports, in the host, a worker or the probe of a plugin, fails the command. Leaks are
//! not looked for: libraries and models stay in memory by design. The C files in `sanitize/` are linked or preloaded.

use crate::{
    fetch,
    run::{Done, cargo, root, run, target},
    stage,
};
use std::{
    env::consts::{ARCH, OS},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The end-to-end tests for a host with AddressSanitizer, by program: streams, plugins that are added and removed, caught
/// faults, workers that die.
const TESTS: [(&str, &[&str]); 4] = [
    ("server", &["streams::"]),
    ("plugins", &["files::", "trust::"]),
    ("engines", &["faults::", "in_process::", "speech::", "workers::"]),
    ("fault_matrix", &[]),
];

/// The tests left out.
const LEFT_OUT: [&str; 16] = [
    // They need engines that are not built here: other versions, broken files, engines for ONNX Runtime.
    "engine_folders_of_old_and_new_api_versions_serve",
    "a_bad_file_is_refused",
    "a_file_that_hangs",
    "a_file_still_being_tried",
    "what_is_no_plugin",
    "a_file_that_turns_out_to_be_no_plugin",
    "a_bad_replacement",
    "digits_survive",
    "whisper_loses",
    "a_network_with_more_caches",
    // They depend on memory and on the C runtime that engines link to, which the sanitizer changes.
    "a_worker_that_outgrows_its_memory",
    "a_refused_file_is_tried_again_when_a_resource_comes",
    // A generated document, and hours of recordings.
    "page::",
    "further_recordings",
    // Hosts that die as a test wants it.
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

    let (binaries, plugins) = (folder.join(&triple).join("debug"), folder.join("plugins"));
    lay_out(&binaries, &source, &plugins)?;
    let (host, log) = (binaries.join("auricle"), new_log(&folder)?);
    let tested = TESTS.iter().try_for_each(|(program, tests)| {
        let mut tests = end_to_end(program, tests, &host, &plugins);
        tests.args(LEFT_OUT.iter().flat_map(|name| ["--skip", name])).env("AURICLE_FAULT", "panic");
        output_to(&mut tests, &log).and_then(|()| run(&mut tests))
    });
    judge(&log, tested)
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

    let (binaries, plugins) = (target().join("release"), folder.join("plugins"));
    lay_out(&binaries, &source, &plugins)?;
    let (host, log) = (folder.join("auricle"), new_log(&folder)?);
    let watched = format!(
        "#!/bin/sh\nLD_PRELOAD='{}' exec valgrind --tool=memcheck --error-exitcode=9 --trace-children=yes --leak-check=no \
         --vgdb=no '{}' \"$@\"\n",
        preload.display(),
        binaries.join("auricle").display(),
    );
    fs::write(&host, watched).map_err(|error| format!("{}: {error}", host.display()))?;
    run(Command::new("chmod").arg("+x").arg(&host))?;
    let mut tests = end_to_end("engines", &["in_process::"], &host, &plugins);
    // PocketSphinx takes ten times as long as the speech.
    tests.env("AURICLE_TEST_LIMIT_SECONDS", "600");
    let tested = output_to(&mut tests, &log).and_then(|()| run(&mut tests));
    judge(&log, tested)
}

/// The tests of a program whose names contain one of the texts, against this host.
fn end_to_end(program: &str, tests: &[&str], host: &Path, plugins: &Path) -> Command {
    let mut command = cargo(&["test", "--package=auricle-tests", "--no-fail-fast", "--test", program]);
    // Cargo shows the hosts' logs, which have the reports, of passed tests only with --nocapture. One test at a time:
    // each waits for hosts that are slow already.
    command.args(["--", "--nocapture", "--test-threads=1"]).args(tests);
    command.env("AURICLE_HOST", host).env("AURICLE_PLUGINS", plugins);
    command
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

/// An empty file for the tests' output.
fn new_log(folder: &Path) -> Done<PathBuf> {
    let log = folder.join("tests.log");
    File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    eprintln!("xtask: the tests' output goes to {}", log.display());
    Ok(log)
}

/// Appends a command's output to a file.
fn output_to(command: &mut Command, log: &Path) -> Done {
    let mut open = || {
        let file = File::options().append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
        Ok(())
    };
    open().map_err(|error: io::Error| format!("{}: {error}", log.display()))
}

/// The first report in the log, if there is one; else the tests' own result.
fn judge(log: &Path, tested: Done) -> Done {
    let bytes = fs::read(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let report = |line: &&str| {
        line.contains("ERROR: AddressSanitizer") || (line.contains("ERROR SUMMARY:") && !line.contains(": 0 errors"))
    };
    match text.lines().find(report) {
        Some(line) => Err(format!("{}: {line}", log.display())),
        None => tested.map_err(|problem| format!("{problem}; the log is {}", log.display())),
    }
}
