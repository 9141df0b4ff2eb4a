//! Checks what is served: resources, plugins, presets, and the directories that are written.

use super::finding::Finding;
use crate::{
    access::KeysDocument,
    derived::{catalog_settings, discovery_settings},
    settings::{DialectSettings, Settings},
};
use auricle_core::metrics::Metrics;
use auricle_engines::plugins::{FileReport, FileState, Registry, look_once};
use auricle_session::{Catalog, PresetState, Presets};
use std::{fs, io, path::Path, sync::Arc};

/// The resource directories.
pub(super) fn resources(settings: &Settings, findings: &mut Vec<Finding>) {
    for dir in &settings.resources {
        let subject = format!("resources {}", dir.display());
        findings.push(match fs::read_dir(dir) {
            Ok(_) => Finding::ok(subject, "readable"),
            Err(error) if !dir.is_dir() => Finding::error(subject, error),
            Err(error) => Finding::warning(subject, format_args!("{error}: engines find nothing there")),
        });
    }
}

/// The plugin files. Returns the engines, unless a directory cannot be read.
pub(super) fn plugins(settings: &Settings, program: &Path, findings: &mut Vec<Finding>) -> Option<Arc<Registry>> {
    let registry = match look_once(&discovery_settings(settings, program.to_owned())) {
        Ok(registry) => registry,
        Err(problem) => {
            findings.push(Finding::error("plugins", problem));
            return None;
        }
    };
    let files = registry.report();
    if files.is_empty() {
        findings.push(Finding::warning("plugins", "the plugin directories hold no plugin"));
    }
    findings.extend(files.iter().map(plugin));
    let ids = settings.trusted.iter().map(|id| ("trusted", id)).chain(settings.grants.keys().map(|id| ("grants", id)));
    for (setting, id) in ids {
        if !files.iter().any(|file| file.plugin.as_ref() == Some(id)) {
            findings.push(Finding::warning(setting, format_args!("there is no plugin `{id}`")));
        }
    }
    for backend in settings.backends.keys().filter(|backend| registry.engine(backend).is_none()) {
        let message = format_args!("[backends] selects a plugin for `{backend}`, but none is registered");
        findings.push(Finding::warning("backends", message));
    }
    for name in settings.pins.keys().filter(|name| !files.iter().any(|file| file.file == **name)) {
        findings.push(Finding::warning("pins", format_args!("there is no plugin file `{name}`")));
    }
    Some(registry)
}

fn plugin(file: &FileReport) -> Finding {
    let subject = format!("plugin {}", file.file);
    let reason = file.reason.as_deref();
    let (id, version) = (file.plugin.as_deref().unwrap_or_default(), file.version.as_deref().unwrap_or_default());
    match file.state {
        FileState::Registered => {
            let stages = file.stages.iter().map(|stage| format!("stage {stage}"));
            let names: Vec<_> = file.backends.iter().cloned().chain(stages).collect();
            let found = format!("{id} {version}: {}", names.join(", "));
            match reason {
                None => Finding::ok(subject, found),
                Some(reason) => Finding::warning(subject, format_args!("{found}; {reason}")),
            }
        }
        FileState::Superseded | FileState::NotAPlugin => Finding::warning(subject, reason.unwrap_or("not used")),
        FileState::Refused | FileState::Quarantined => {
            Finding::error(subject, format_args!("refused: {}", reason.unwrap_or("no reason")))
        }
    }
}

/// The presets, against the engines' schemas. Returns their names.
pub(super) fn presets(
    settings: &Settings,
    program: &Path,
    registry: Option<Arc<Registry>>,
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let dir = &settings.presets;
    let presets = Arc::new(Presets::read(dir));
    let names = presets.names();
    if names.is_empty() {
        let message = format_args!("{} holds no preset (NAME.json): clients cannot open streams", dir.display());
        findings.push(Finding::warning("presets", message));
        return names;
    }
    let Some(registry) = registry else {
        for name in &names {
            let subject = format!("preset {name}");
            findings.push(match presets.problem(name) {
                Some(problem) => Finding::error(subject, without_subject(name, &problem)),
                None => Finding::warning(subject, "not checked against its engine, because the plugins cannot be read"),
            });
        }
        return names;
    };
    let catalog = Catalog::new(
        Arc::clone(&registry),
        Arc::clone(&presets),
        catalog_settings(settings, program),
        Arc::new(Metrics::default()),
    );
    for report in catalog.report(true) {
        let subject = format!("preset {}", report.name);
        if report.state == PresetState::Unavailable {
            let reason = report.reason.unwrap_or_default();
            findings.push(Finding::error(subject, without_subject(&report.name, &reason)));
            continue;
        }
        findings.push(match report.warning {
            None => {
                let stages = match report.stages.is_empty() {
                    true => String::new(),
                    false => format!(", stages {}", report.stages.join(", ")),
                };
                let gate = report.voice_gate.map(|gate| format!("; voice gate: {gate}")).unwrap_or_default();
                Finding::ok(subject, format_args!("engine {}{stages}{gate}", report.backend))
            }
            Some(warning) => Finding::warning(subject, warning),
        });
    }
    names
}

/// The reason without the preset's name, which the subject of the finding has.
fn without_subject<'a>(name: &str, reason: &'a str) -> &'a str {
    let rest = reason.strip_prefix(&format!("preset `{name}`")).unwrap_or(reason);
    rest.trim_start_matches(':').trim_start()
}

/// Presets that keys, model names and dialects name.
pub(super) fn preset_names(settings: &Settings, presets: &[String], findings: &mut Vec<Finding>) {
    let DialectSettings {
        vosk,
        sherpa,
        whisper_live,
        whisper_live_kit,
        deepgram,
        assemblyai,
        moshi,
        telephone,
        openai_realtime,
        hisi,
        riva,
        wyoming,
        webrtc,
    } = &settings.dialects;
    for (name, _) in settings.models.entries().filter(|(name, _)| presets.iter().any(|preset| preset == name)) {
        findings.push(Finding::warning(format!("models {name}"), "has no effect: there is a preset of this name"));
    }
    let mut named: Vec<(String, &str)> = Vec::new();
    named.extend(settings.models.entries().map(|(name, preset)| (format!("models {name}"), preset)));
    let defaults = [
        ("dialects.vosk", &vosk.preset),
        ("dialects.sherpa", &sherpa.preset),
        ("dialects.whisper-live", &whisper_live.preset),
        ("dialects.whisper-live-kit", &whisper_live_kit.preset),
        ("dialects.deepgram", &deepgram.preset),
        ("dialects.assemblyai", &assemblyai.preset),
        ("dialects.moshi", &moshi.preset),
        ("dialects.telephone", &telephone.preset),
        ("dialects.openai-realtime", &openai_realtime.preset),
        ("dialects.riva", &riva.preset),
        ("dialects.hisi", &hisi.preset),
        ("dialects.wyoming", &wyoming.preset),
        ("dialects.webrtc", &webrtc.preset),
    ];
    named.extend(defaults.into_iter().filter_map(|(name, preset)| Some((name.to_owned(), preset.as_deref()?))));
    named.extend(vosk.models.iter().map(|(model, preset)| (format!("dialects.vosk model {model}"), preset.as_str())));
    let keys = settings.keys.as_deref().and_then(|file| KeysDocument::open(file).ok()?.list().ok()).unwrap_or_default();
    for (name, entry) in &keys {
        named.extend(entry.presets.iter().flatten().map(|preset| (format!("key {name}"), preset.as_str())));
    }
    for (subject, preset) in named.into_iter().filter(|(_, preset)| !presets.iter().any(|name| name == preset)) {
        findings.push(Finding::warning(subject, format_args!("there is no preset `{preset}`")));
    }
}

/// The directories that the server writes: of the journal, and of stored points.
pub(super) fn written(settings: &Settings, findings: &mut Vec<Finding>) {
    let journal = settings.journal.as_ref().map(|journal| ("journal", &journal.dir));
    let resume = settings.resume.dir.as_ref().map(|dir| ("resume.dir", dir));
    findings.extend(journal.into_iter().chain(resume).map(|(name, dir)| directory(name, dir)));
}

fn directory(name: &str, dir: &Path) -> Finding {
    let subject = format!("{name} {}", dir.display());
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::ok(subject, "does not exist yet; the server creates it")
        }
        Err(error) => Finding::error(subject, error),
        Ok(metadata) if !metadata.is_dir() => Finding::error(subject, "is not a directory"),
        Ok(_) => match tempfile::NamedTempFile::new_in(dir) {
            Ok(_) => Finding::ok(subject, "can be written"),
            Err(error) => Finding::error(subject, format_args!("cannot be written: {error}")),
        },
    }
}
