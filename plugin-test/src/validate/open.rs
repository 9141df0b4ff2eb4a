//! Opening the library, which runs its constructors.

use super::{Subject, Verdict, case::Checked, ensure};
use auricle_plugin_api::host::LogLevel;
use std::{collections::HashSet, time::Instant};

/// Seconds that a server waits for a plugin to open.
const LIMIT: f64 = 10.0;
const SLOW: f64 = 2.0;

pub(super) fn opens(subject: &Subject) -> Checked {
    let names: Vec<_> = subject.engines()?.iter().map(|engine| engine.backend().to_owned()).collect();
    subject.engine()?;
    Ok(format!("engine `{}`", names.join("`, `")))
}

pub(super) fn time(subject: &Subject) -> Checked {
    let begun = Instant::now();
    subject.engines()?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(seconds < LIMIT, fail, "took {seconds:.1} s: servers wait {LIMIT} s");
    ensure!(seconds < SLOW, warning, "took {seconds:.1} s: servers wait {LIMIT} s, on a busy machine too");
    Ok(format!("{:.0} ms", seconds * 1000.0))
}

pub(super) fn names(subject: &Subject) -> Checked {
    let names = || -> Result<Vec<_>, Verdict> {
        Ok(subject.engines()?.iter().map(|engine| engine.backend().to_owned()).collect())
    };
    let (first, second) = (names()?, names()?);
    ensure!(first == second, fail, "the names were {first:?} at first, then {second:?}");
    let mut seen = HashSet::new();
    let twice = first.iter().find(|name| !seen.insert(*name));
    ensure!(twice.is_none(), fail, "two engines have the same name: {first:?}");
    Ok(String::new())
}

pub(super) fn quiet(subject: &Subject) -> Checked {
    let host = subject.host().log_level(LogLevel::Info);
    subject.engine_for(&host)?;
    let lines = host.take_log();
    let loud = lines.iter().find(|line| line.level <= LogLevel::Warn);
    if let Some(line) = loud {
        return Err(Verdict::warning(format!("opening logs a problem: {}", line.message)));
    }
    Ok(String::new())
}
