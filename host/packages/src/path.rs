//! Paths in a package: relative, with `/`, below one of three folders. What is unusual in a path is refused, on every system.

/// The folder of the engine: its library, licence and own files.
pub(crate) const ENGINE: &str = "engine";
/// The folder of what goes into a resource directory.
pub(crate) const RESOURCES: &str = "resources";
/// The folder of presets.
pub(crate) const PRESETS: &str = "presets";

const MOST_BYTES: usize = 200;

/// Why a path is refused, or `None`.
pub(crate) fn problem(path: &str) -> Option<&'static str> {
    let is_odd = |c: char| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let (folder, rest) = path.split_once('/').unwrap_or((path, ""));
    if path.starts_with('/') {
        Some("is absolute")
    } else if path.len() > MOST_BYTES {
        Some("is longer than 200 bytes")
    } else if path.contains(is_odd) {
        Some("has characters that file names must not have on some system")
    } else if path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        Some("has a part that is empty, `..` or hidden")
    } else if path.split('/').any(|part| part.ends_with(['.', ' '])) {
        Some("has a part that ends with a dot or a space")
    } else if rest.is_empty() || ![ENGINE, RESOURCES, PRESETS].contains(&folder) {
        Some("is not below `engine`, `resources` or `presets`")
    } else if folder == PRESETS && (rest.contains('/') || !rest.ends_with(".json")) {
        Some("is no preset: presets are `presets/NAME.json`")
    } else {
        None
    }
}

/// Whether the text is a name of 1 to 63 letters, digits, dots, dashes and underscores, which begins with a letter or digit.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_below_the_three_folders_are_accepted() {
        for good in ["engine/libx.so", "engine/data/words (en).txt", "resources/m/é.onnx", "presets/x.json"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in [
            "/etc/passwd",
            "engine/../../x",
            "..",
            "engine/..",
            "engine//x",
            "engine/",
            "engine",
            "",
            "libx.so",
            "presets/a/b.json",
            "presets/x.toml",
            "engine/.hidden",
            "engine/a\\b",
            "engine/c:x",
            "engine/a\nb",
            "other/x",
            "resources/x.",
            "engine/./x",
            "./engine/x",
        ] {
            assert!(problem(bad).is_some(), "{bad}");
        }
        assert!(problem(&format!("engine/{}", "x".repeat(200))).is_some());
        for (good, bad) in [("a-1_b.C", ""), ("x", "-x"), ("9", "a/b"), ("a..b", ".x"), ("ab", "ä")] {
            assert!(is_name(good) && !is_name(bad), "{good} {bad}");
        }
    }
}
