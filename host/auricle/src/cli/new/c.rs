//! Projects in C and C++. They have a copy of the server's header.

use super::{
    name::Name,
    project::{Kind, Project},
};
use auricle_plugin_api::abi::c::{CPP_HEADER, HEADER};

pub(super) fn project(name: &Name, kind: Kind) -> Project {
    let engine = match kind {
        Kind::Streaming => include_str!("c/streaming.c"),
        Kind::Buffer => include_str!("c/buffer.c"),
    };
    shared(name, "my_engine.c").file("src/my_engine.c", engine).file("Makefile", include_str!("c/Makefile"))
}

pub(super) fn project_in_cpp(name: &Name, kind: Kind) -> Project {
    let engine = match kind {
        Kind::Streaming => include_str!("cpp/streaming.cpp"),
        Kind::Buffer => include_str!("cpp/buffer.cpp"),
    };
    shared(name, "my_engine.cpp")
        .file("src/my_engine.cpp", engine)
        .file("include/auricle.hpp", CPP_HEADER)
        .file("Makefile", include_str!("cpp/Makefile"))
}

/// A project of a stage in C.
pub(super) fn stage(name: &Name) -> Project {
    shared_stage(name, "my_engine.c")
        .file("src/my_engine.c", include_str!("c/stage/stage.c"))
        .file("Makefile", include_str!("c/stage/Makefile"))
}

/// A project of a stage in C++.
pub(super) fn stage_in_cpp(name: &Name) -> Project {
    shared_stage(name, "my_engine.cpp")
        .file("src/my_engine.cpp", include_str!("cpp/stage.cpp"))
        .file("include/auricle.hpp", CPP_HEADER)
        .file("Makefile", include_str!("cpp/stage.mk"))
}

fn shared_stage(name: &Name, source: &str) -> Project {
    Project::empty(name, name.identifier())
        .file("include/auricle.h", HEADER)
        .file("configs/presets/my-engine.json", include_str!("c/stage/preset.json"))
        .file(".github/workflows/ci.yml", include_str!("c/ci.yml"))
        .file(".gitignore", include_str!("c/gitignore"))
        .file("README.md", &include_str!("c/stage/README.md.in").replace("SOURCE", source))
        .command("cd my-engine && make")
        .command("make test")
}

fn shared(name: &Name, source: &str) -> Project {
    Project::new(name, name.identifier())
        .file("src/keypad.h", include_str!("shared/keypad.h"))
        .file("include/auricle.h", HEADER)
        .file("configs/presets/my-engine.json", include_str!("shared/preset.json"))
        .file(".github/workflows/ci.yml", include_str!("c/ci.yml"))
        .file(".gitignore", include_str!("c/gitignore"))
        .file("README.md", &include_str!("c/README.md.in").replace("SOURCE", source))
        .command("cd my-engine && make")
        .command("make test")
        .command("auricle serve --plugins build --configs configs")
}
