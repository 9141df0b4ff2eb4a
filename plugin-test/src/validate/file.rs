//! The plugin file, before any of its code runs.

use super::{Subject, Verdict, case::Checked, ensure};
use auricle_plugin_api::{
    Claims, Interface, Manifest,
    host::{NotLoadable, claims_in, manifest_in},
};
use object::{BinaryFormat, Object, ObjectSymbol};
use std::{env::consts::DLL_EXTENSION, fs};

/// The field of the manifest has one byte more.
const LONGEST_ID: usize = 63;

fn bytes(subject: &Subject) -> Result<Vec<u8>, Verdict> {
    let file = &subject.library;
    fs::read(file).map_err(|error| Verdict::fail(format!("{} cannot be read: {error}", file.display())))
}

fn read(subject: &Subject) -> Result<Manifest, Verdict> {
    manifest_in(&bytes(subject)?).map_err(|problem| match problem {
        NotLoadable::NotAPlugin => Verdict::fail(format!("the library does not export {}", Manifest::SYMBOL)),
        NotLoadable::Refused(reason) => Verdict::fail(reason),
    })
}

pub(super) fn manifest(subject: &Subject) -> Checked {
    let manifest = read(subject)?;
    Ok(format!("{} {}", manifest.id(), manifest.version()))
}

pub(super) fn name(subject: &Subject) -> Checked {
    let name = subject.library.file_name().unwrap_or_default().to_string_lossy();
    ensure!(!name.starts_with('.'), fail, "`{name}` is hidden, and servers skip hidden files");
    let extension = subject.library.extension().unwrap_or_default();
    ensure!(extension == DLL_EXTENSION, fail, "`{name}` does not end in .{DLL_EXTENSION}: servers skip it");
    Ok(String::new())
}

pub(super) fn target(subject: &Subject) -> Checked {
    let target = read(subject)?.target();
    ensure!(target == Manifest::TARGET, fail, "built for {target}, this host is {}", Manifest::TARGET);
    Ok(target)
}

pub(super) fn api(subject: &Subject) -> Checked {
    let (major, minor) = read(subject)?.api();
    let (ours, our_minor) = (Manifest::API_MAJOR, Manifest::API_MINOR);
    ensure!(major == ours, fail, "built for plugin API {major}.{minor}, this host has {ours}.{our_minor}");
    Ok(format!("{major}.{minor}"))
}

pub(super) fn version(subject: &Subject) -> Checked {
    let version = read(subject)?.version();
    match semver::Version::parse(&version) {
        Ok(_) => Ok(version),
        Err(error) => Err(Verdict::fail(format!("the version `{version}` is not a semantic version: {error}"))),
    }
}

pub(super) fn identity(subject: &Subject) -> Checked {
    let manifest = read(subject)?;
    let (id, description) = (manifest.id(), manifest.description());
    ensure!(!id.is_empty(), fail, "the id is empty");
    ensure!(id.len() <= LONGEST_ID, warning, "the id `{id}` fills its field and may be cut off");
    ensure!(!description.is_empty(), warning, "the description is empty");
    Ok(description)
}

/// The plugin's claims.
pub(super) fn read_claims(subject: &Subject) -> Result<Claims, Verdict> {
    let claims = claims_in(&bytes(subject)?).map_err(|problem| match problem {
        NotLoadable::NotAPlugin => Verdict::fail("the library is not a plugin"),
        NotLoadable::Refused(reason) => Verdict::fail(reason),
    })?;
    claims.ok_or_else(|| Verdict::skipped("the plugin claims nothing"))
}

pub(super) fn claims(subject: &Subject) -> Checked {
    let claims = read_claims(subject)?;
    let unknown = claims.can.iter().find(|name| !Claims::ABILITIES.contains(&name.as_str()));
    if let Some(name) = unknown {
        let known = Claims::ABILITIES.join(", ");
        return Err(Verdict::warning(format!("hosts ignore `{name}`: they know {known}")));
    }
    Ok(claims.to_string())
}

pub(super) fn unwinds(subject: &Subject) -> Checked {
    ensure!(read(subject)?.interface() == Some(Interface::Rust), skipped, "an engine in C has no panics");
    let bytes = bytes(subject)?;
    let file = object::File::parse(&*bytes).map_err(|error| Verdict::fail(error.to_string()))?;
    ensure!(file.format() == BinaryFormat::Elf, skipped, "can be seen in ELF files only");
    let raises = |name: &[u8]| name.starts_with(b"_Unwind_RaiseException");
    let found = file.dynamic_symbols().any(|symbol| symbol.name_bytes().is_ok_and(raises));
    ensure!(found, fail, "the library does not use `_Unwind_RaiseException`, so its panics end the process");
    Ok(String::new())
}
