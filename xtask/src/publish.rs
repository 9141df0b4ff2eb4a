//! The crates that can be published on crates.io: those for authors of engines, and the program with all that it uses.
//!
//! Nothing is compiled from the packages, which would take as long as a build. What could only fail there is a file that is
//! included from outside a crate's folder, so that is looked for.

use crate::run::{Done, cargo, root, run, target};
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The crates with their folders.
const CRATES: [(&str, &str); 19] = [
    ("auricle-plugin-api", "plugin-api"),
    ("auricle-onnx-file", "plugin-kit/onnx-file"),
    ("auricle-plugin-test", "plugin-test"),
    ("auricle-plugin-kit", "plugin-kit"),
    ("auricle-whisper-convert", "plugins/whisper/convert"),
    ("auricle-core", "host/core"),
    ("auricle-audio", "host/audio"),
    ("auricle-stream", "host/stream"),
    ("auricle-engines", "host/engines"),
    ("auricle-packages", "host/packages"),
    ("auricle-cluster", "host/cluster"),
    ("auricle-session", "host/session"),
    ("auricle-dialects", "host/dialects"),
    ("auricle-javascript", "clients/javascript"),
    ("auricle-server", "host/server"),
    ("auricle-client", "host/client"),
    ("auricle-jobs", "host/jobs"),
    ("auricle-loadtest", "host/loadtest"),
    ("auricle", "host/auricle"),
];

/// Packages them: their metadata, their files, and the versions of what they use.
pub(crate) fn check() -> Done {
    let mut command = cargo(&["package", "--no-verify", "--allow-dirty", "--quiet"]);
    for (name, _) in CRATES {
        command.args(["--package", name]);
    }
    run(command.arg("--target-dir").arg(target().join("published")))?;
    let mut outside = Vec::new();
    for (_, folder) in CRATES {
        included_from_outside(&root().join(folder), &root().join(folder).join("src"), &mut outside)?;
    }
    if outside.is_empty() {
        Ok(())
    } else {
        Err(format!("packages would lack these files:\n  {}", outside.join("\n  ")))
    }
}

/// Adds the files outside of a crate that its source in `folder` includes. Tests are not compiled from a package.
fn included_from_outside(krate: &Path, folder: &Path, outside: &mut Vec<String>) -> Done {
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() && !path.ends_with("tests") {
            included_from_outside(krate, &path, outside)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(io)?;
            let parts = ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|call| text.split(call).skip(1));
            let files = parts.filter_map(|rest| Some(rest.split_once('"')?.0));
            let is_outside = |file: &&str| !resolved(&folder.join(file)).starts_with(krate);
            outside.extend(files.filter(is_outside).map(|file| format!("{}: {file}", path.display())));
        }
    }
    Ok(())
}

/// The path without `..`.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |path, part| match part {
        Component::ParentDir => path.parent().map(Path::to_owned).unwrap_or_default(),
        _ => path.join(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_package_would_lack_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (krate, source) = (folder.path(), folder.path().join("src"));
        for path in ["src/inner", "src/tests"] {
            fs::create_dir_all(krate.join(path)).unwrap();
        }
        let include = |path: &str| format!("const TEXT: &str = include_str!(\"{path}\");");
        fs::write(source.join("lib.rs"), include("../README.md")).unwrap();
        fs::write(source.join("tests/a.rs"), include("../../../a.txt")).unwrap();
        fs::write(source.join("inner/a.rs"), include("../../../a.txt")).unwrap();
        let mut outside = Vec::new();
        included_from_outside(krate, &source, &mut outside).unwrap();
        assert_eq!(outside, [format!("{}: ../../../a.txt", source.join("inner/a.rs").display())]);
    }

    #[test]
    fn packages_lack_nothing() {
        let mut outside = Vec::new();
        for (_, folder) in CRATES {
            included_from_outside(&root().join(folder), &root().join(folder).join("src"), &mut outside).unwrap();
        }
        assert_eq!(outside, Vec::<String>::new());
    }
}
