//! Passes the target triple on to the crate: the manifest states it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=AURICLE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
