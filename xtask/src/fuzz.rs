//! Runs the fuzzer (`cargo-fuzz`, libFuzzer) on all targets or one. Results are in `target/fuzz/`.
//!
//! It starts with `fuzz/seeds/`, `fuzz/findings/` and the archives in `fuzz/corpus/`. With `keep` the inputs that reach
//! new code are added to the archives, minimised to the fewest with the same coverage. No sanitizer is used, because
//! the code is safe Rust.

use crate::run::{Done, cargo, root, run, target};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

const VERSION: &str = "0.13.2";
/// Time limit for an input, in seconds; a slower one is a finding.
const SLOW: &str = "-timeout=20";
/// Memory limit, in MiB; an input that needs more is a finding.
const LARGE: &str = "-rss_limit_mb=2048";

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Keep new inputs in fuzz/corpus, minimised
    #[arg(long)]
    keep: bool,
    /// Only this one (fuzz/fuzz_targets/TARGET.rs)
    target: Option<String>,
}

/// The statistics at the end of a run.
struct Ran {
    executions: u64,
    coverage: u64,
}

/// Builds all targets, runs them, and prints their statistics.
pub(crate) fn fuzz(Fuzz { seconds, keep, target: only }: &Fuzz) -> Done {
    let targets: Vec<String> =
        targets()?.into_iter().filter(|name| only.as_ref().is_none_or(|only| only == name)).collect();
    if targets.is_empty() {
        return Err(format!("there is no target {}; see fuzz/fuzz_targets", only.as_deref().unwrap_or_default()));
    }
    run(&mut cargo_fuzz("build", only.as_deref())?)?;
    let mut total = 0;
    let mut failed = Vec::new();
    println!("{:20} {:>12} {:>9}", "target", "executions", "coverage");
    for name in &targets {
        match one(name, *seconds, *keep)? {
            Ok(Ran { executions, coverage }) => {
                println!("{name:20} {executions:12} {coverage:9}");
                total += executions;
            }
            Err(log) => {
                println!("{name:20} a finding: {}", log.display());
                failed.push(name.as_str());
            }
        }
    }
    println!("{:20} {total:12}", "all");
    if failed.is_empty() { Ok(()) } else { Err(format!("findings in {}", failed.join(", "))) }
}

fn targets() -> Done<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.sort();
    Ok(names)
}

/// Runs a target. The inner error is the log of a target with a finding.
fn one(name: &str, seconds: u64, keep: bool) -> Done<Result<Ran, PathBuf>> {
    let (fuzz, found) = (root().join("fuzz"), target().join("fuzz"));
    let [seeds, findings] = ["seeds", "findings"].map(|folder| fuzz.join(folder).join(name));
    let [corpus, fewest, artifacts] = ["corpus", "fewest", "artifacts"].map(|folder| found.join(folder).join(name));
    let packs = fuzz.join("corpus");
    let packed = packs.join(format!("{name}.tar.gz"));
    let log = found.join(format!("{name}.log"));
    empty(&fewest)?;
    for folder in [&corpus, &artifacts, &packs] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    if packed.exists() {
        run(Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(&corpus))?;
    }
    let known: Vec<&PathBuf> = [&seeds, &findings].into_iter().filter(|folder| folder.exists()).collect();
    let mut command = cargo_fuzz("run", Some(name))?;
    command.arg(&corpus).args(&known).arg("--").args([SLOW, LARGE, "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    if !quietly(&mut command, &log)? {
        return Ok(Err(log));
    }
    let output = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let ran = read(&output).ok_or_else(|| format!("{} does not contain the target's statistics", log.display()))?;
    if keep {
        let mut merge = cargo_fuzz("run", Some(name))?;
        merge.arg(&fewest).args([&corpus]).args(&known).args(["--", "-merge=1"]);
        if !quietly(&mut merge, &log)? {
            return Ok(Err(log));
        }
        // The same inputs must result in the same archive.
        let pack = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C"];
        run(Command::new("tar").args(pack).arg(&fewest).args(["-I", "gzip -9n", "-cf"]).arg(&packed).arg("."))?;
    }
    Ok(Ok(ran))
}

/// Creates an empty folder, and deletes an existing one's contents.
fn empty(folder: &Path) -> Done {
    let made = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    };
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

/// `cargo fuzz` without a sanitizer, but with overflow checks, as in a development build.
fn cargo_fuzz(verb: &str, name: Option<&str>) -> Done<Command> {
    let tools = target().join("tools");
    let program = tools.join("bin").join(format!("cargo-fuzz{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        eprintln!("xtask: installing cargo-fuzz from crates.io into {}", tools.display());
        run(cargo(&["install", "--locked", "--quiet", "--version", VERSION, "cargo-fuzz", "--root"]).arg(&tools))?;
    }
    let mut command = Command::new(program);
    command.args([verb, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--dev", "--target-dir"]).arg(target());
    command.args(name).current_dir(root());
    Ok(command)
}

/// Runs a command with its output in a file; returns whether it succeeded.
fn quietly(command: &mut Command, log: &Path) -> Done<bool> {
    let mut run = || {
        let file = File::create(log)?;
        command.stdout(file.try_clone()?).stderr(file).status()
    };
    let status = run().map_err(|error: io::Error| format!("{}: {error}", log.display()))?;
    Ok(status.success())
}

/// Parses libFuzzer's output at the end: `stat::number_of_executed_units: N`, and before it `#N DONE cov: N ft: ...`.
fn read(output: &str) -> Option<Ran> {
    let after = |mark: &str| output.rsplit_once(mark)?.1.split_whitespace().next()?.parse().ok();
    Some(Ran { executions: after("stat::number_of_executed_units:")?, coverage: after("cov: ")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_read() {
        let output = "#2\tINITED cov: 3 ft: 4\n#70\tDONE   cov: 17 ft: 20 corp: 5/9b\nstat::number_of_executed_units: 70\nstat::x: 1\n";
        let Ran { executions, coverage } = read(output).unwrap();
        assert_eq!((executions, coverage), (70, 17));
        assert!(read("#2\tINITED cov: 3").is_none());
    }
}
