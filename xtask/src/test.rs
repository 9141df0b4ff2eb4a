//! Runs the tests and other checks.

use crate::{
    alone, faults, publish,
    run::{Done, cargo, root, run, target},
    semver, stage,
    tools::tool,
};
use std::{fs, process::Command};

/// Tools that some tests need, and that not every machine has.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tools {
    /// Chromium and chromedriver, for the web page
    Browser,
}

/// Runs all tests, with `long` including the slow ones, and with those that need the tools. With `args` for cargo, only
/// cargo's tests.
pub(crate) fn test(long: bool, with: &[Tools], args: &[String]) -> Done {
    let built = stage::development()?;
    let skipped = target().join("skipped-tests.txt");
    if let Err(error) = fs::write(&skipped, "") {
        return Err(format!("{}: {error}", skipped.display()));
    }
    let mut command = cargo(&["test", "--workspace"]);
    command.args(args);
    // Used by the end-to-end tests.
    command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins);
    command.env("AURICLE_RUNTIME", built.runtime).env("AURICLE_SKIPPED", &skipped);
    if long {
        command.env("AURICLE_TEST_LONG", "1").env("PROPTEST_CASES", "10000");
    }
    if with.contains(&Tools::Browser) {
        command.env("AURICLE_TEST_BROWSER", "1");
    }
    run(&mut command)?;
    if args.is_empty() {
        converter()?;
    }
    list(&fs::read_to_string(skipped).unwrap_or_default());
    Ok(())
}

/// Prints the tests that this machine could not run.
fn list(skipped: &str) {
    if !skipped.is_empty() {
        eprintln!("\nxtask: skipped tests:");
        skipped.lines().for_each(|line| eprintln!("  {line}"));
    }
}

/// The tests of engine `whisper`'s converter, in its own environment (numpy, onnx, onnxruntime).
fn converter() -> Done {
    let mut command = Command::new("python3");
    command.arg("plugins/whisper/convert/environment.py").args(["-m", "unittest", "discover", "-s"]);
    run(command.arg("plugins/whisper/convert/tests").env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root()))
}

/// Format, lints, the host's crates on their own, documentation, the fault page, the crates to publish, their interfaces, licences.
pub(crate) fn check() -> Done {
    crate::fetch::pocketsphinx()?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    alone::check()?;
    crate::cycles::cycles()?;
    crate::words::words()?;
    crate::windows::check()?;
    run(cargo(&["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    faults::check()?;
    publish::check()?;
    semver::check()?;
    let deny = tool("cargo-deny", "0.20.2")?;
    // The advisory database is not on crates.io, so that check is left to `cargo deny check`.
    run(Command::new(deny).args(["check", "licenses", "bans", "sources"]).current_dir(root()))
}
