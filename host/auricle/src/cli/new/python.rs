//! Projects in Python, for the server's engine and stage `python`.

use super::{
    name::Name,
    project::{Kind, Project},
};

pub(super) fn project(name: &Name, kind: Kind) -> Project {
    let preset = include_str!("python/preset.json");
    let (engine, preset) = match kind {
        Kind::Streaming => (include_str!("python/streaming.py"), preset.to_owned()),
        Kind::Buffer => (include_str!("python/buffer.py"), preset.replace("\"chunk_ms\": 20", "\"chunk_ms\": 100")),
    };
    Project::new(name, module(name, "engine"))
        .file("my-engine/my_engine.py", engine)
        .file("my-engine/keypad.py", include_str!("python/keypad.py"))
        .file("my-engine/requirements.txt", include_str!("python/requirements.txt"))
        .file("tests/test_engine.py", include_str!("python/tests.py"))
        .file("configs/presets/my-engine.json", &preset)
        .file(".github/workflows/ci.yml", include_str!("python/ci.yml"))
        .file(".gitignore", include_str!("python/gitignore"))
        .file("README.md", include_str!("python/README.md.in"))
        .command("cd my-engine && python3 -m venv my-engine/venv && my-engine/venv/bin/pip install -r my-engine/requirements.txt")
        .command("my-engine/venv/bin/python -m unittest discover tests")
        .command("auricle serve --plugins PLUGINS --configs configs --resources .    # PLUGINS: where the server's engines are")
}

/// A project of a stage.
pub(super) fn stage(name: &Name) -> Project {
    Project::empty(name, module(name, "stage"))
        .file("my-engine/my_engine.py", include_str!("python/stage/stage.py"))
        .file("my-engine/requirements.txt", include_str!("python/requirements.txt"))
        .file("tests/test_stage.py", include_str!("python/stage/tests.py"))
        .file("configs/presets/my-engine.json", include_str!("python/stage/preset.json"))
        .file(".github/workflows/ci.yml", include_str!("python/ci.yml"))
        .file(".gitignore", include_str!("python/gitignore"))
        .file("README.md", include_str!("python/stage/README.md.in"))
        .command("cd my-engine && python3 -m venv my-engine/venv && my-engine/venv/bin/pip install -r my-engine/requirements.txt")
        .command("my-engine/venv/bin/python -m unittest discover tests")
        .command("auricle validate PLUGINS/libauricle_engine_python.so --stage python --preset configs/presets/my-engine.json --resources .    # PLUGINS: where the server's engines are")
}

/// The module's name ends with what it is: so it is no module of Python, and no keyword.
fn module(name: &Name, end: &str) -> String {
    let identifier = name.identifier();
    if identifier.ends_with(end) { identifier } else { format!("{identifier}_{end}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_hides_none_of_the_standard_library() {
        let module = |name: &str| module(&name.parse().unwrap(), "engine");
        assert_eq!(
            [module("json"), module("my-engine"), module("class")],
            ["json_engine", "my_engine", "class_engine"]
        );
    }
}
