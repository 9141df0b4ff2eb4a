//! The name of a project: of its folder, its backend, its plugin, and, with underscores, of its library or module.

use std::{fmt, str::FromStr};

/// The longest id of a plugin.
const MOST_BYTES: usize = 63;

/// Cargo accepts none of these as a package, or the compiler not as a crate.
const RESERVED: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "std", "struct",
    "super", "test", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield",
];

/// A valid name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a library or module.
    pub(super) fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) || !text.bytes().all(is_part) {
            return Err("use lower-case letters, digits, dashes and underscores, and a letter first".into());
        }
        if text.len() > MOST_BYTES {
            return Err(format!("use at most {MOST_BYTES} letters"));
        }
        if RESERVED.contains(&text) {
            return Err(format!("`{text}` means something else to the compiler: choose another name"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_packages() {
        assert_eq!("my-engine_2".parse::<Name>().unwrap().identifier(), "my_engine_2");
        for text in ["", "-a", "2keys", "Keys", "my engine", "../keys", "kéys", "a.b", "fn", "test", &"a".repeat(64)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_no_path(text in ".{0,70}") {
            if text.parse::<Name>().is_ok() {
                prop_assert_eq!(std::path::Path::new(&text).components().count(), 1);
                prop_assert!(!text.starts_with('.'));
            }
        }
    }
}
