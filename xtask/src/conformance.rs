//! Writes the table of what each dialect can do in `docs/dialects.md`. A test of the server compares it with real runs.

use crate::{
    run::{Done, cargo, run},
    stage,
};

/// Writes the table.
pub(crate) fn write() -> Done {
    let built = stage::development()?;
    // For the whole workspace, so that shared dependencies are not built twice.
    let test = ["test", "--workspace", "--test", "server", "--", "conformance::"];
    let mut command = cargo(&test);
    command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins).env("AURICLE_RUNTIME", built.runtime);
    run(command.env("AURICLE_WRITE_CONFORMANCE", "1"))
}
