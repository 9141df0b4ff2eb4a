//! Compiles PocketSphinx's C sources and the bridge to them into one static library.
//!
//! Invariant: always optimised, in every Cargo profile (decoding is six times slower without), and with all symbols
//! hidden, so that two engines in one server never use each other's copy. `cargo xtask build` downloads the source;
//! SOURCE.md says from where.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const SOURCE: &str = "pocketsphinx-5.1.1";

fn main() {
    println!("cargo::rerun-if-env-changed=POCKETSPHINX_SOURCE");
    println!("cargo::rerun-if-changed=bridge");
    let source = source_folder();
    println!("cargo::rerun-if-changed={}", source.join("src").display());
    println!("cargo::rustc-env=POCKETSPHINX_TEST_MODEL={}", source.join("model/en-us").display());

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    let generated = out.join("generated");
    write_config(&generated);

    let mut sources = Vec::new();
    c_files(&source.join("src"), &mut sources);
    sources.sort();

    let mut upstream = compiler(&source, &generated);
    upstream.define("HAVE_CONFIG_H", None).files(sources).warnings(false);
    // Every C file includes `bridge.h` first, which turns the end of the process into an error (explained in
    // bridge/bridge.c).
    let header = fs::canonicalize("bridge/bridge.h").expect("bridge/bridge.h is part of this crate");
    let force = if upstream.get_compiler().is_like_msvc() { "/FI" } else { "-include" };
    upstream.flag(force).flag(header).compile("pocketsphinx");

    compiler(&source, &generated).file("bridge/bridge.c").compile("auricle_pocketsphinx_bridge");
}

/// The settings of both compilations.
fn compiler(source: &Path, generated: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .include("bridge/include")
        .include(generated)
        .include(source.join("include"))
        .include(source.join("src"))
        .opt_level(3)
        .flag_if_supported("-std=gnu11")
        .flag_if_supported("-fvisibility=hidden")
        // The same results on every processor: no fused multiply-add.
        .flag_if_supported("-ffp-contract=off");
    build
}

/// The folder in POCKETSPHINX_SOURCE, or else the one that `cargo xtask build` unpacked into this build's target
/// folder.
fn source_folder() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    let unpacked = || out.ancestors().map(|folder| folder.join("vendor").join(SOURCE)).find(|folder| is_source(folder));
    match env::var_os("POCKETSPHINX_SOURCE").map(PathBuf::from) {
        Some(named) if is_source(&named) => named,
        Some(named) => panic!("POCKETSPHINX_SOURCE is {}, which does not contain src/pocketsphinx.c", named.display()),
        None => unpacked().unwrap_or_else(|| panic!("{SOURCE} is not in target/vendor: run `cargo xtask build`")),
    }
}

fn is_source(folder: &Path) -> bool {
    folder.join("src/pocketsphinx.c").is_file()
}

fn c_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|problem| panic!("{}: {problem}", folder.display())).path();
        if path.is_dir() {
            c_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "c") {
            found.push(path);
        }
    }
}

/// The two headers that upstream's own build generates for the platform.
fn write_config(folder: &Path) {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let windows = target("OS") == "windows";
    let long = if windows || target("POINTER_WIDTH") == "32" { 4 } else { 8 };
    let public = format!(
        "#define DEFAULT_RADIX 12\n#define HAVE_STDINT_H\n#define HAVE_LONG_LONG\n\
         #define SIZEOF_LONG {long}\n#define SIZEOF_LONG_LONG 8\n"
    );
    let mut private = public.clone() + "#define HAVE_SNPRINTF\n#define HAVE_SYS_TYPES_H\n#define HAVE_SYS_STAT_H\n";
    private += "#define PS_USE_THREAD_LOCAL_RNG\n";
    if !windows {
        private += "#define HAVE_UNISTD_H\n";
    }
    if target("ENDIAN") == "big" {
        private += "#define WORDS_BIGENDIAN\n";
    }
    for (name, text) in [("config.h", private), ("pocketsphinx/sphinx_config.h", public)] {
        let path = folder.join(name);
        let folder = path.parent().unwrap_or(folder);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, guarded(&text)))
            .unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    }
}

/// Guards each definition, because the two headers overlap.
fn guarded(text: &str) -> String {
    let one = |line: &str| {
        let name = line.split(' ').nth(1).unwrap_or_default();
        format!("#ifndef {name}\n{line}\n#endif\n")
    };
    text.lines().map(one).collect()
}
