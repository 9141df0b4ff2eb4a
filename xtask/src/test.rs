//! The tests, and the checks beside them.

use crate::{
    run::{Done, cargo, root, run, target},
    stage,
};
use clap::Subcommand;
use std::process::Command;

/// All tests: the quick tier, or with `long` full counts. With `args` for cargo, only cargo's.
pub(crate) fn test(long: bool, args: &[String]) -> Done {
    let built = stage::development()?;
    let mut command = cargo(&["test", "--workspace"]);
    command.args(args);
    // What the end-to-end tests run.
    command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins);
    command.env("AURICLE_RUNTIME", built.runtime);
    if long {
        command.env("AURICLE_TEST_LONG", "1").env("PROPTEST_CASES", "10000");
    }
    run(&mut command)?;
    if args.is_empty() { converter() } else { Ok(()) }
}

/// The tests of engine `whisper`'s converter, in the environment that it makes for itself (numpy, onnx, onnxruntime).
fn converter() -> Done {
    let mut command = Command::new("python3");
    command.arg("plugins/whisper/convert/environment.py").args(["-m", "unittest", "discover", "-s"]);
    run(command.arg("plugins/whisper/convert/tests").env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root()))
}

/// What is compared.
#[derive(Subcommand)]
pub(crate) enum Parity {
    /// Against the PyPI package `pocketsphinx`, fetched into an environment under target/
    Pocketsphinx,
    /// Against the PyPI package `sherpa-onnx`, fetched into an environment under target/
    Onnx,
    /// Against the PyPI package `transformers` on made-up models of sizes tiny and base, in both layouts
    Whisper,
    /// The training recipes against `sherpa-onnx` and `transformers`: their own tests, in their environments (about 5 GB each)
    Training,
    /// The log-mel features of `plugin-kit`, against the PyPI packages `kaldi-native-fbank` and `transformers`
    Features,
}

/// Runs an engine, or a part of engines, and its reference on the same recordings.
pub(crate) fn parity(engine: &Parity) -> Done {
    let scripts: &[&str] = match engine {
        Parity::Pocketsphinx => {
            crate::fetch::pocketsphinx()?;
            &["plugins/pocketsphinx/parity/compare.py"]
        }
        Parity::Onnx => {
            crate::fetch::onnxruntime()?;
            &["plugins/onnx/parity/compare.py"]
        }
        Parity::Whisper => {
            crate::fetch::onnxruntime()?;
            &["plugins/whisper/parity/compare.py"]
        }
        Parity::Training => return crate::train::tests(),
        Parity::Features => &["plugin-kit/parity/fbank.py", "plugin-kit/parity/logmel.py"],
    };
    scripts.iter().try_for_each(|script| run(Command::new("python3").arg(script).current_dir(root())))
}

/// Format, lints, documents, licences.
pub(crate) fn check() -> Done {
    crate::fetch::pocketsphinx()?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    let tools = target().join("tools");
    let deny = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !deny.exists() {
        eprintln!("xtask: installing cargo-deny from crates.io into {}", tools.display());
        run(cargo(&["install", "--locked", "--quiet", "--version", "0.20.2", "cargo-deny", "--root"]).arg(&tools))?;
    }
    // The advisory database is not on crates.io: that check is for those who can reach it (`cargo deny check`).
    run(Command::new(deny).args(["check", "licenses", "bans", "sources"]).current_dir(root()))
}
