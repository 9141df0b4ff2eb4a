//! Loading models, and their metadata.

use super::{
    Subject, Verdict,
    case::Checked,
    config, ensure, file, process,
    wrong::{self, Refusals},
};
use auricle_plugin_api::{Error, ErrorCode, Metadata, Scope};
use serde_json::{Value, json};
use std::{path::Path, thread, time::Instant};

/// Seconds after which an operator wonders whether the server hangs.
const SLOW: f64 = 30.0;
/// Names of capabilities that servers and clients know.
pub(super) const CAPABILITIES: [&str; 4] = ["partials", "word-times", "confidence", "endpoints"];

pub(super) fn loads(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let Metadata { sample_rate, chunk_samples, .. } = model.metadata();
    Ok(format!("{sample_rate} Hz, chunks of {chunk_samples} samples"))
}

pub(super) fn claims(subject: &Subject) -> Checked {
    let claims = file::read_claims(subject)?;
    let (engine, model) = (subject.engine()?, subject.model()?);
    claims.check(model.metadata(), engine.schema()).map_err(Verdict::fail)?;
    Ok(String::new())
}

pub(super) fn time(subject: &Subject) -> Checked {
    let begun = Instant::now();
    subject.model()?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(seconds < SLOW, warning, "took {seconds:.0} s; servers wait `load_seconds`");
    Ok(format!("{seconds:.2} s"))
}

pub(super) fn twice(subject: &Subject) -> Checked {
    let (first, second) = (subject.model()?, subject.model()?);
    let audio = subject.audio(&first)?;
    first.try_run(&audio[..audio.len() / 4])?;
    drop(first);
    second.try_run(&audio[..audio.len() / 4])?;
    Ok(String::new())
}

pub(super) fn threads(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let load = || engine.try_load(Value::Object(subject.fields.clone())).map(drop);
    let results = thread::scope(|scope| {
        let threads = [scope.spawn(load), scope.spawn(load)];
        threads.map(|thread| thread.join())
    });
    for result in results {
        result.map_err(|_| Verdict::fail("a thread that loaded a model panicked"))??;
    }
    Ok(String::new())
}

pub(super) fn unloads(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let load = || engine.try_load(Value::Object(subject.fields.clone())).map(drop);
    let begun = Instant::now();
    load()?;
    // Allocators keep some memory after the first times.
    load()?;
    let Some(before) = process::resident_bytes() else {
        return Err(Verdict::skipped("the system does not report the memory"));
    };
    let mut times = 0;
    while times < 5 && begun.elapsed() < subject.limit / 2 {
        load()?;
        times += 1;
    }
    ensure!(times > 0, skipped, "loading takes too long to do it often; raise --timeout");
    let grown = process::resident_bytes().unwrap_or(before).saturating_sub(before);
    let each = process::mebibytes(grown) / f64::from(times);
    ensure!(each < 8.0, warning, "each load and unload leaves {each:.0} MiB behind");
    Ok(format!("{} times", times + 2))
}

pub(super) fn metadata_stable(subject: &Subject) -> Checked {
    let (first, second) = (subject.model()?, subject.model()?);
    ensure!(first.metadata() == second.metadata(), fail, "the metadata of a second model differ");
    Ok(String::new())
}

pub(super) fn chunk(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let Metadata { sample_rate, chunk_samples, .. } = model.metadata();
    let seconds = f64::from(*chunk_samples) / f64::from(*sample_rate);
    ensure!(seconds >= 0.01, warning, "chunks of {:.1} ms: each costs a call into the engine", seconds * 1000.0);
    ensure!(seconds <= 2.0, warning, "chunks of {seconds:.1} s: live text comes at least that late");
    Ok(format!("{:.0} ms", seconds * 1000.0))
}

pub(super) fn limits(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let Metadata { max_batch, max_streams, .. } = model.metadata();
    ensure!(*max_batch > 0, fail, "max_batch is 0: 1 means no batches");
    ensure!(*max_streams != Some(0), fail, "max_streams is 0, so no stream is ever accepted");
    Ok(String::new())
}

/// Whether a text looks like a BCP 47 tag.
pub(super) fn is_tag(tag: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    tag.split('-').all(is_part) && tag.starts_with(|first: char| first.is_ascii_alphabetic())
}

pub(super) fn languages(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let wrong = model.metadata().languages.iter().find(|tag| !is_tag(tag));
    ensure!(wrong.is_none(), fail, "`{}` is not a BCP 47 tag", wrong.map_or("", String::as_str));
    Ok(model.metadata().languages.join(", "))
}

pub(super) fn capabilities(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let claimed = &model.metadata().capabilities;
    let empty = claimed.iter().find(|name| name.trim().is_empty() || name.contains(char::is_whitespace));
    ensure!(empty.is_none(), fail, "`{}` is not a name", empty.map_or("", String::as_str));
    let own: Vec<_> = claimed.iter().filter(|name| !CAPABILITIES.contains(&name.as_str())).cloned().collect();
    Ok(if own.is_empty() { claimed.join(", ") } else { format!("the engine's own: {}", own.join(", ")) })
}

pub(super) fn separator(subject: &Subject) -> Checked {
    let model = subject.model()?;
    let separator = &model.metadata().separator;
    let odd = separator.len() > 8 || separator.chars().any(|c| c.is_control() && c != '\n');
    ensure!(!odd, warning, "the separator {separator:?} will be seen between all segments");
    Ok(format!("{separator:?}"))
}

pub(super) fn wrong_values(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let mut refusals = Refusals::default();
    for (name, value) in wrong::values(&config::schema(subject)?.1, Scope::Load) {
        let mut fields = subject.fields.clone();
        fields.insert(name.clone(), value.clone());
        refusals.add(&name, &value, engine.try_load(Value::Object(fields)))?;
    }
    refusals.result()
}

pub(super) fn unknown_field(subject: &Subject) -> Checked {
    let mut fields = subject.fields.clone();
    fields.insert(wrong::UNKNOWN.to_owned(), json!([1, {"a": null}]));
    match subject.engine()?.try_load(Value::Object(fields)) {
        Ok(_) => Ok("ignored".to_owned()),
        Err(Error { code: ErrorCode::PANIC, message }) => Err(Verdict::fail(format!("the engine {message}"))),
        Err(error) if error.message.contains(wrong::UNKNOWN) => Ok("refused".to_owned()),
        Err(error) => Err(Verdict::warning(format!("the error does not name the field: {error}"))),
    }
}

pub(super) fn missing_file(subject: &Subject) -> Checked {
    let engine = subject.engine()?;
    let config = engine.config(Value::Object(subject.fields.clone()));
    let dirs = || subject.resource_dirs.iter().chain([&subject.origin_dir]);
    let exists = |name: &str| !name.is_empty() && dirs().any(|dir| dir.join(name).exists());
    let is_file = |value: &Value| value.as_str().is_some_and(|name| Path::new(name).exists() || exists(name));
    let fields = config::schema(subject)?.1;
    let of_load = |name: &str| fields.get(name).is_none_or(|field| field["x-auricle-scope"] != "stream");
    let files: Vec<_> = config.iter().filter(|(name, value)| of_load(name) && is_file(value)).collect();
    ensure!(!files.is_empty(), skipped, "no field of the configuration names a file or a folder");
    for (name, _) in files {
        let missing = json!("auricle-validate/no-such-file");
        let mut fields = subject.fields.clone();
        fields.insert(name.clone(), missing.clone());
        match engine.try_load(Value::Object(fields)) {
            Ok(_) => return Err(Verdict::warning(format!("a missing file in field `{name}` is not noticed"))),
            Err(Error { code: ErrorCode::PANIC, message }) => return Err(Verdict::fail(message)),
            Err(error) => {
                let says = error.message.contains("no-such-file") || error.message.contains(name.as_str());
                ensure!(says, warning, "the error names neither field `{name}` nor the missing file: {error}");
                ensure!(!error.message.contains('\n'), warning, "the error for field `{name}` has several lines");
            }
        }
    }
    Ok(String::new())
}
