//! Reads a plugin file's manifest and claims without running any of its code.
//!
//! The file is untrusted input: for any bytes the result is a manifest or one of the two refusals, never a panic.

use crate::{Claims, Manifest};
use object::{BinaryFormat, ExportTarget, NameOrOrdinal, Object, ObjectSection, ObjectSymbol};
use std::{fs, path::Path};

/// Maximum number of exports that are searched for a symbol.
const MOST_EXPORTS: usize = 1 << 16;

/// The reason why a file cannot be loaded as a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLoadable {
    /// A valid shared library without a manifest: another file in the directory.
    NotAPlugin,
    /// A plugin, or something meant to be one, that this host cannot load. The text is one line.
    Refused(String),
}

/// Reads the manifest of the plugin file at `path` and checks that this host can load it ([`Manifest::check`]).
///
/// # Errors
/// [`NotLoadable`], with the reason.
pub fn read_manifest(path: &Path) -> Result<Manifest, NotLoadable> {
    Ok(read_plugin(path)?.0)
}

/// Reads the manifest, like [`read_manifest`], and the claims, if there are any.
///
/// # Errors
/// [`NotLoadable`], with the reason.
pub fn read_plugin(path: &Path) -> Result<(Manifest, Option<Claims>), NotLoadable> {
    let bytes = fs::read(path).map_err(|error| NotLoadable::Refused(format!("cannot be read: {error}")))?;
    let manifest = manifest_in(&bytes)?;
    manifest.check().map_err(NotLoadable::Refused)?;
    Ok((manifest, claims_in(&bytes)?))
}

/// Reads the manifest in the bytes of a plugin file, for any host.
///
/// # Errors
/// [`NotLoadable`], with the reason.
pub fn manifest_in(bytes: &[u8]) -> Result<Manifest, NotLoadable> {
    let file = library(bytes)?;
    let Some(address) = address_of(&file, Manifest::SYMBOL) else {
        // A file that is cut off before its symbol table has lost its sections too.
        return Err(if file.sections().next().is_none() {
            NotLoadable::Refused("the file is cut short".into())
        } else {
            NotLoadable::NotAPlugin
        });
    };
    let data = data_at(&file, address).ok_or_else(|| cut_short("manifest"))?;
    Manifest::parse(data).map_err(NotLoadable::Refused)
}

/// Reads the claims in the bytes of a plugin file, for any host. `None` if there are none.
///
/// # Errors
/// [`NotLoadable`], with the reason.
pub fn claims_in(bytes: &[u8]) -> Result<Option<Claims>, NotLoadable> {
    let file = library(bytes)?;
    let Some(address) = address_of(&file, Claims::SYMBOL) else { return Ok(None) };
    let data = data_at(&file, address).ok_or_else(|| cut_short("claims"))?;
    Claims::parse(data).map(Some).map_err(NotLoadable::Refused)
}

fn library(bytes: &[u8]) -> Result<object::File<'_>, NotLoadable> {
    object::File::parse(bytes).map_err(|_| {
        let what = if bytes.is_empty() { "is empty" } else { "is not a shared library, or cut short" };
        NotLoadable::Refused(format!("the file {what}"))
    })
}

fn cut_short(missing: &str) -> NotLoadable {
    NotLoadable::Refused(format!("the file is cut short: its {missing} cannot be read"))
}

/// The address of a symbol. Mach-O prefixes symbols with an underscore; PE lists them as exports.
fn address_of(file: &object::File<'_>, symbol: &str) -> Option<u64> {
    let prefixed = format!("_{symbol}");
    let wanted = if file.format() == BinaryFormat::MachO { &prefixed } else { symbol };
    file.dynamic_symbols()
        .chain(file.symbols())
        .find(|symbol| symbol.is_definition() && symbol.name() == Ok(wanted))
        .map(|symbol| symbol.address())
        .or_else(|| {
            let mut exports = file.exports().ok()?;
            let wanted = NameOrOrdinal::Name(wanted.as_bytes());
            // A damaged table may be endless, in entries or in errors.
            let mut exports = exports.by_ref().take(MOST_EXPORTS).map_while(Result::ok);
            exports.find(|export| export.name() == wanted).and_then(|export| match export.target() {
                ExportTarget::Address { address } => Some(address),
                _ => None,
            })
        })
}

/// The data from an address to the end of its section.
fn data_at<'a>(file: &object::File<'a>, address: u64) -> Option<&'a [u8]> {
    let section = file
        .sections()
        .find(|section| (section.address()..section.address().saturating_add(section.size())).contains(&address))?;
    section.data().ok()?.get(usize::try_from(address - section.address()).ok()?..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_executable_without_a_manifest_is_not_a_plugin() {
        let found = read_manifest(Path::new("/proc/self/exe"));
        // This test binary contains no manifest.
        assert_eq!(found, Err(NotLoadable::NotAPlugin));
    }

    #[test]
    fn what_is_no_library_is_refused() {
        for bytes in [&b""[..], b"hello", b"\x7fELF"] {
            assert!(matches!(manifest_in(bytes), Err(NotLoadable::Refused(_))));
        }
    }

    proptest! {
        #[test]
        fn damaged_libraries_never_panic(cut in 0usize..20_000, at in 0usize..4_096, value in any::<u8>()) {
            let mut bytes = fs::read("/proc/self/exe").unwrap();
            bytes.truncate(cut);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let _ = (manifest_in(&bytes), claims_in(&bytes));
        }
    }
}
