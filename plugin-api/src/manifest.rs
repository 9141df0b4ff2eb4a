//! The description of a plugin, readable from the file before any of its code runs.
//!
//! Exported as the data symbol [`Manifest::SYMBOL`]: fixed size, no pointers, little-endian on every target, so that a
//! host can read it from a file for another architecture too. Later versions may append fields; `size` is the number of
//! bytes.

/// How a plugin's functions are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// The traits of this crate.
    Rust,
    /// The tables of functions in `auricle.h`.
    C,
}

/// The description of a plugin. See the accessors.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    magic: [u8; 16],
    size: [u8; 4],
    api_major: [u8; 4],
    api_minor: [u8; 4],
    /// 0 for the Rust interface, 1 for the C interface. Hosts before the C interface ignore it.
    interface: [u8; 4],
    target: [u8; 48],
    id: [u8; 64],
    version: [u8; 48],
    description: [u8; 192],
}

impl Manifest {
    /// The symbol's name in the file.
    pub const SYMBOL: &'static str = "AURICLE_PLUGIN_MANIFEST";
    /// Size of a manifest of this version, in bytes. Manifests of the same major version are never shorter.
    pub const SIZE: usize = size_of::<Self>();
    /// The target triple this crate was compiled for.
    pub const TARGET: &'static str = env!("AURICLE_TARGET");
    /// Major version of this crate, the plugin API. A plugin with another one is refused.
    pub const API_MAJOR: u32 = parse(env!("CARGO_PKG_VERSION_MAJOR"));
    /// Minor version of this crate. It may differ between plugin and host.
    pub const API_MINOR: u32 = parse(env!("CARGO_PKG_VERSION_MINOR"));

    const MAGIC: [u8; 16] = *b"auricle plugin\r\n";

    /// Creates the manifest of a plugin compiled with this crate. Texts that are too long for their fields are
    /// truncated.
    pub const fn new(id: &str, version: &str, description: &str) -> Self {
        Self {
            magic: Self::MAGIC,
            size: (Self::SIZE as u32).to_le_bytes(),
            api_major: Self::API_MAJOR.to_le_bytes(),
            api_minor: Self::API_MINOR.to_le_bytes(),
            interface: [0; 4],
            target: padded(Self::TARGET.as_bytes()),
            id: padded(id.as_bytes()),
            version: padded(version.as_bytes()),
            description: padded(description.as_bytes()),
        }
    }

    /// Reads a manifest from the bytes at its symbol.
    ///
    /// # Errors
    /// The bytes are not a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.get(..16) != Some(&Self::MAGIC) {
            return Err(format!("the symbol {} does not hold a manifest", Self::SYMBOL));
        }
        let mut rest = bytes;
        let manifest = (|| {
            Some(Self {
                magic: take(&mut rest)?,
                size: take(&mut rest)?,
                api_major: take(&mut rest)?,
                api_minor: take(&mut rest)?,
                interface: take(&mut rest)?,
                target: take(&mut rest)?,
                id: take(&mut rest)?,
                version: take(&mut rest)?,
                description: take(&mut rest)?,
            })
        })();
        match manifest {
            Some(manifest) if u32::from_le_bytes(manifest.size) as usize >= Self::SIZE => Ok(manifest),
            _ => Err(format!("the manifest is cut short ({} of {} bytes)", bytes.len(), Self::SIZE)),
        }
    }

    /// Major and minor version of the plugin API that the plugin was built with.
    pub fn api(&self) -> (u32, u32) {
        (u32::from_le_bytes(self.api_major), u32::from_le_bytes(self.api_minor))
    }

    /// The target triple that the plugin was compiled for, like [`Manifest::TARGET`].
    pub fn target(&self) -> String {
        text(&self.target)
    }

    /// The plugin's id: its package name. Of several plugins with the same id, the highest version is used.
    pub fn id(&self) -> String {
        text(&self.id)
    }

    /// The plugin's own version (semantic versioning).
    pub fn version(&self) -> String {
        text(&self.version)
    }

    /// A description of one line.
    pub fn description(&self) -> String {
        text(&self.description)
    }

    /// How its functions are called. `None` if it is an interface that this host does not know.
    pub fn interface(&self) -> Option<Interface> {
        match u32::from_le_bytes(self.interface) {
            0 => Some(Interface::Rust),
            1 => Some(Interface::C),
            _ => None,
        }
    }

    /// Checks whether this host can load the plugin: same target, same major version of the plugin API, a known interface.
    ///
    /// # Errors
    /// It cannot; the message is one line and names both sides.
    pub fn check(&self) -> Result<(), String> {
        if self.target() != Self::TARGET {
            return Err(format!("built for {}, this host is {}", self.target(), Self::TARGET));
        }
        let (major, minor) = self.api();
        if major != Self::API_MAJOR {
            let (host_major, host_minor) = (Self::API_MAJOR, Self::API_MINOR);
            return Err(format!(
                "built for plugin API {major}.{minor}, this host has {host_major}.{host_minor}; \
                 rebuild it against auricle-plugin-api {host_major}"
            ));
        }
        if self.interface().is_none() {
            let number = u32::from_le_bytes(self.interface);
            return Err(format!("its interface has number {number}, which a later version of this host may know"));
        }
        Ok(())
    }
}

const fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < text.len() && i < N {
        out[i] = text[i];
        i += 1;
    }
    out
}

const fn parse(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("the package version is made of numbers"),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    let printable = String::from_utf8_lossy(&field[..end]);
    printable.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(manifest: &Manifest) -> Vec<u8> {
        let Manifest { magic, size, api_major, api_minor, interface, target, id, version, description } = manifest;
        let parts: [&[u8]; 9] = [magic, size, api_major, api_minor, interface, target, id, version, description];
        parts.concat()
    }

    #[test]
    fn is_read_back() {
        let manifest = Manifest::new("an-engine", "1.2.3", "does things");
        let mut bytes = bytes(&manifest);
        assert_eq!(bytes.len(), Manifest::SIZE);
        bytes.extend([1; 100]); // a later version's fields
        let read = Manifest::parse(&bytes).unwrap();
        assert_eq!(read, manifest);
        assert_eq!((read.id().as_str(), read.version().as_str()), ("an-engine", "1.2.3"));
        assert_eq!(read.target(), Manifest::TARGET);
        read.check().unwrap();
    }

    #[test]
    fn another_major_version_is_refused_by_name() {
        let mut manifest = Manifest::new("an-engine", "1.2.3", "");
        manifest.api_major = 2u32.to_le_bytes();
        let reason = manifest.check().unwrap_err();
        assert!(reason.contains("plugin API 2.0") && reason.contains("has 1.0"), "{reason}");
    }

    #[test]
    fn an_interface_is_known_or_refused() {
        let mut manifest = Manifest::new("an-engine", "1.2.3", "");
        assert_eq!(manifest.interface(), Some(Interface::Rust));
        manifest.interface = 1u32.to_le_bytes();
        assert_eq!((manifest.interface(), manifest.check()), (Some(Interface::C), Ok(())));
        manifest.interface = 2u32.to_le_bytes();
        assert!(manifest.check().unwrap_err().contains("number 2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..600), whole in any::<bool>()) {
            let mut input = noise;
            if whole {
                input.splice(0..16.min(input.len()), Manifest::MAGIC);
            }
            if let Ok(manifest) = Manifest::parse(&input) {
                let _ = (manifest.id(), manifest.check());
            }
        }
    }
}
