//! Loading stages.

use super::{
    Subject, Verdict,
    case::Checked,
    config, ensure,
    extension::{named_files, unknown},
    wrong::{self, Refusals, UNKNOWN},
};
use crate::TestStage;
use auricle_plugin_api::{Error, ErrorCode, Scope};
use serde_json::{Value, json};
use std::collections::HashSet;

pub(super) fn loads(subject: &Subject) -> Checked {
    let stage = subject.stage()?;
    let metadata = stage.metadata();
    let rate = metadata.sample_rate.map_or_else(|| "any rate".to_owned(), |rate| format!("{rate} Hz"));
    Ok(format!("{rate}, a delay of {} s", metadata.delay_seconds))
}

pub(super) fn names(subject: &Subject) -> Checked {
    let names = || -> Result<Vec<_>, Verdict> {
        Ok(subject.stages_for(&subject.host())?.iter().map(|stage| stage.name().to_owned()).collect())
    };
    let (first, second) = (names()?, names()?);
    ensure!(first == second, fail, "the names were {first:?} at first, then {second:?}");
    let mut seen = HashSet::new();
    let twice = first.iter().find(|name| !seen.insert(*name));
    ensure!(twice.is_none(), fail, "two stages have the same name: {first:?}");
    Ok(String::new())
}

pub(super) fn metadata_stable(subject: &Subject) -> Checked {
    let (first, second) = (subject.stage()?, subject.stage()?);
    let (first, second) = (first.metadata(), second.metadata());
    ensure!(first == second, fail, "the metadata differ when the stage is loaded again: {first:?}, {second:?}");
    Ok(String::new())
}

pub(super) fn rate(subject: &Subject) -> Checked {
    let stage = subject.stage()?;
    let Some(rate) = stage.metadata().sample_rate else { return Ok("any".to_owned()) };
    ensure!((1_000..=384_000).contains(&rate), fail, "sample_rate is {rate}: no model has it");
    let usual = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000].contains(&rate);
    ensure!(usual, warning, "sample_rate is {rate}: few models have it");
    Ok(format!("{rate} Hz"))
}

pub(super) fn capabilities(subject: &Subject) -> Checked {
    let stage = subject.stage()?;
    let is_name = |name: &String| !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    let bad = stage.metadata().capabilities.iter().find(|name| !is_name(name));
    ensure!(bad.is_none(), fail, "the capability {:?} is no name", bad.map_or("", String::as_str));
    Ok(stage.metadata().capabilities.join(", "))
}

pub(super) fn twice(subject: &Subject) -> Checked {
    let first = subject.stage()?;
    let second = subject.stage()?;
    first.try_stream(json!({}))?;
    drop(first);
    second.try_stream(json!({}))?;
    Ok(String::new())
}

fn load(subject: &Subject, name: &str, value: &Value) -> Result<Result<TestStage, Error>, Verdict> {
    let mut fields = subject.fields.clone();
    fields.insert(name.to_owned(), value.clone());
    Ok(TestStage::try_load(&subject.stage_loader(&subject.host())?, Value::Object(fields)))
}

pub(super) fn wrong_values(subject: &Subject) -> Checked {
    let fields = config::schema(subject)?.1;
    let mut refusals = Refusals::default();
    for (name, value) in wrong::values(&fields, Scope::Load) {
        refusals.add(&name, &value, load(subject, &name, &value)?)?;
    }
    let stage = subject.stage()?;
    for (name, value) in wrong::values(&fields, Scope::Stream) {
        let mut options = serde_json::Map::new();
        options.insert(name.clone(), value.clone());
        refusals.add(&name, &value, stage.try_stream(Value::Object(options)))?;
    }
    refusals.result()
}

pub(super) fn unknown_field(subject: &Subject) -> Checked {
    match load(subject, UNKNOWN, &json!({"a": [null]}))? {
        Ok(_) => Ok("ignored".to_owned()),
        Err(Error { code: ErrorCode::PANIC, message }) => Err(Verdict::fail(format!("the stage {message}"))),
        Err(error) if error.message.contains(UNKNOWN) => Ok("refused".to_owned()),
        Err(error) => Err(Verdict::warning(format!("the error does not name the field: {error}"))),
    }
}

pub(super) fn requests(subject: &Subject) -> Checked {
    const ID: &str = "auricle.validate.unknown";
    let loader = subject.stage_loader(&subject.host())?;
    unknown(loader.extension(ID, b"\xff\0"))?;
    let mut stream = subject.stage()?.try_stream(json!({}))?;
    unknown(stream.loaded().extension(ID, b"\xff\0"))
}

pub(super) fn files(subject: &Subject) -> Checked {
    let loader = subject.stage_loader(&subject.host())?;
    let mut config: serde_json::Map<_, _> = loader.schema().defaults().collect();
    config.extend(subject.fields.clone());
    named_files(loader.files(&config)?)
}
