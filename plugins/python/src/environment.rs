//! Finds a Python environment: its interpreter's shared library and standard library.
//!
//! Invariant: reads files only and starts nothing, so that it has the same result inside the sandbox and outside.
//! Threads: any.

use auricle_plugin_api::Error;
use std::{
    env, fmt,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The oldest Python that is supported.
const OLDEST: Version = Version(3, 10);

/// Major and minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl Version {
    /// Reads `3.11`, `3.11.7` or `3.11.7.final.0`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.').map(str::parse);
        match (parts.next()?, parts.next()?) {
            (Ok(major), Ok(minor)) => Some(Self(major, minor)),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An interpreter with its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The interpreter's program, from whose place Python finds its packages.
    pub(crate) program: PathBuf,
    /// The interpreter's shared library.
    pub(crate) library: PathBuf,
    /// The folder of the standard library.
    standard: PathBuf,
    /// The virtual environment.
    venv: Option<PathBuf>,
}

impl Environment {
    /// The virtual environment in this folder, or without one the first `python3` in `PATH`.
    ///
    /// # Errors
    /// What is missing or does not match; the message names the field `venv`.
    pub(crate) fn find(venv: Option<&Path>) -> Result<Self, Error> {
        let found = match venv {
            Some(venv) => Self::virtual_environment(venv),
            None => Self::in_path(&env::var_os("PATH").unwrap_or_default()),
        };
        found.map_err(|problem| Error::config("venv", problem))
    }

    /// The files that the interpreter and its packages consist of.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let library = self.library.parent().map(Path::to_owned);
        self.venv.iter().cloned().chain(library).chain([self.standard.clone()]).collect()
    }

    fn virtual_environment(venv: &Path) -> Result<Self, String> {
        let shown = venv.display();
        let text = fs::read_to_string(venv.join("pyvenv.cfg")).map_err(|error| {
            format!("{shown} is not a virtual environment (pyvenv.cfg: {error}); make it: python3 -m venv {shown}")
        })?;
        let value = |name: &str| {
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let version = value("version").or_else(|| value("version_info")).and_then(Version::parse);
        let (Some(home), Some(version)) = (value("home").map(Path::new), version) else {
            return Err(format!("{shown}/pyvenv.cfg has no `home` or no `version`; make the environment again"));
        };
        let packages = venv.join(format!("lib/python{version}/site-packages"));
        if !packages.is_dir() {
            return Err(format!("{shown} is said to be for Python {version} but has no {}", packages.display()));
        }
        let program = venv.join("bin/python3");
        Self::of(home, version, program, Some(venv.to_owned())).map_err(|problem| format!("{shown}: {problem}"))
    }

    fn in_path(path: &std::ffi::OsStr) -> Result<Self, String> {
        let program = env::split_paths(path).map(|folder| folder.join("python3")).find(|program| program.is_file());
        let program = program.ok_or("there is no python3 in PATH; name a virtual environment")?;
        let shown = program.display();
        let mut start = [0; 2];
        if File::open(&program).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!" {
            return Err(format!("{shown}, the first python3 in PATH, is a script; name a virtual environment"));
        }
        let real = program.canonicalize().map_err(|error| format!("{shown}: {error}"))?;
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let version = name.strip_prefix("python").and_then(Version::parse);
        let version =
            version.ok_or_else(|| format!("the version of {shown} is not in its name; name a virtual environment"))?;
        Self::of(real.parent().unwrap_or(Path::new("/")), version, real.clone(), None)
    }

    /// The installation whose programs are in `home`.
    fn of(home: &Path, version: Version, program: PathBuf, venv: Option<PathBuf>) -> Result<Self, String> {
        if version < OLDEST {
            return Err(format!("this is Python {version}; {OLDEST} or later is needed"));
        }
        // The folder may hold a link to the program, whose real place has the libraries.
        let named = home.join(format!("python{version}"));
        let real = named.canonicalize().ok().and_then(|real| real.parent().map(Path::to_owned));
        let homes: Vec<PathBuf> = [home.to_owned()].into_iter().chain(real).collect();
        let folders: Vec<PathBuf> = homes.iter().filter_map(|home| home.parent()).flat_map(library_folders).collect();
        let first = |names: &[String]| {
            folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|path| path.is_file())
        };
        let names = [
            format!("libpython{version}.so.1.0"),
            format!("libpython{version}t.so.1.0"),
            format!("libpython{version}.dylib"),
        ];
        let library = first(&names).ok_or_else(|| {
            let [name, ..] = &names;
            format!(
                "Python {version} of {} has no shared library {name}; install it (Debian: apt install \
                 libpython{version}), or build Python with --enable-shared and make the environment again",
                home.display()
            )
        })?;
        // Python ends the process if it does not find this package.
        let standard = first(&["", "t"].map(|kind| format!("python{version}{kind}/encodings/__init__.py")));
        let standard = standard.as_deref().and_then(Path::parent).and_then(Path::parent).map(Path::to_owned);
        let standard = standard.ok_or_else(|| {
            format!("Python {version} of {} has no standard library (python{version}/encodings)", home.display())
        })?;
        Ok(Self { program, library, standard, venv })
    }
}

/// The folders of libraries in an installation: Debian has the shared ones in a folder named by the target.
fn library_folders(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let targets = fs::read_dir(&lib).into_iter().flatten().flatten().map(|entry| entry.path());
    let targets =
        targets.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-")));
    [lib.clone(), prefix.join("lib64")].into_iter().chain(targets).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tempfile::TempDir;

    fn write(folder: &TempDir, path: &str, text: &str) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An installation of Python 3.12 and a virtual environment of the version in `cfg`.
    fn installed(version_line: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "base/lib/libpython3.12.so.1.0", "");
        write(&folder, "base/lib/python3.12/encodings/__init__.py", "");
        write(&folder, "base/bin/python3.12", "\x7fELF");
        write(&folder, "venv/lib/python3.12/site-packages/numpy/__init__.py", "");
        let home = folder.path().join("base/bin");
        write(&folder, "venv/pyvenv.cfg", &format!("home = {}\n{version_line}\n", home.display()));
        folder
    }

    fn message(folder: &TempDir) -> String {
        Environment::find(Some(&folder.path().join("venv"))).unwrap_err().message
    }

    #[test]
    fn an_environment_names_its_interpreter() {
        for line in ["version = 3.12.1", "version_info = 3.12.1.final.0"] {
            let folder = installed(line);
            let found = Environment::find(Some(&folder.path().join("venv"))).unwrap();
            assert_eq!(found.library, folder.path().join("base/lib/libpython3.12.so.1.0"));
            assert_eq!(found.program, folder.path().join("venv/bin/python3"));
            let files = ["venv", "base/lib", "base/lib/python3.12"].map(|path| folder.path().join(path));
            assert_eq!(found.files(), files);
        }
    }

    #[test]
    fn the_library_may_be_in_a_folder_of_its_target() {
        let folder = installed("version = 3.12.1");
        fs::remove_file(folder.path().join("base/lib/libpython3.12.so.1.0")).unwrap();
        write(&folder, "base/lib/x86_64-linux-gnu/libpython3.12.so.1.0", "");
        let found = Environment::find(Some(&folder.path().join("venv"))).unwrap();
        assert_eq!(found.library, folder.path().join("base/lib/x86_64-linux-gnu/libpython3.12.so.1.0"));
    }

    #[test]
    fn what_is_missing_or_does_not_match_is_named() {
        let folder = installed("version = 3.12.1");
        fs::remove_file(folder.path().join("base/lib/libpython3.12.so.1.0")).unwrap();
        assert!(message(&folder).contains("has no shared library libpython3.12.so.1.0"), "{}", message(&folder));
        let folder = installed("version = 3.12.1");
        fs::remove_dir_all(folder.path().join("base/lib/python3.12")).unwrap();
        assert!(message(&folder).contains("has no standard library"), "{}", message(&folder));
        // The installation was upgraded under the environment, or the other way round.
        let folder = installed("version = 3.13.0");
        assert!(message(&folder).contains("is said to be for Python 3.13"), "{}", message(&folder));
        let folder = installed("version = 3.9.1");
        write(&folder, "venv/lib/python3.9/site-packages/x.py", "");
        assert!(message(&folder).contains("this is Python 3.9; 3.10 or later"), "{}", message(&folder));
        let folder = installed("implementation = CPython");
        assert!(message(&folder).contains("no `home` or no `version`"), "{}", message(&folder));
        fs::remove_file(folder.path().join("venv/pyvenv.cfg")).unwrap();
        assert!(message(&folder).starts_with("field `venv`: "), "{}", message(&folder));
        assert!(message(&folder).contains("is not a virtual environment"), "{}", message(&folder));
    }

    proptest! {
        #[test]
        fn any_description_of_an_environment_is_read_or_refused(text in "(home|version|[a-z_]{1,9})?( = |=)?[ -~]{0,20}(\n[ -~]{0,30}){0,4}") {
            let folder = installed("");
            write(&folder, "venv/pyvenv.cfg", &text);
            let _ = Environment::find(Some(&folder.path().join("venv")));
        }
    }

    #[test]
    fn without_an_environment_the_program_in_the_path_counts() {
        let folder = installed("");
        let home = folder.path().join("base/bin");
        let find = || Environment::in_path(home.as_os_str());
        assert!(find().unwrap_err().contains("there is no python3 in PATH"));
        write(&folder, "base/bin/python3", "#!/bin/sh\n");
        assert!(find().unwrap_err().contains("is a script"));
        #[cfg(unix)]
        {
            fs::remove_file(home.join("python3")).unwrap();
            std::os::unix::fs::symlink("python3.12", home.join("python3")).unwrap();
            assert_eq!(find().unwrap().standard, folder.path().canonicalize().unwrap().join("base/lib/python3.12"));
        }
    }
}
