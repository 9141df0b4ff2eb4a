//! Generates `docs/faults.md` from the table of the fault matrix.

use crate::run::{Done, cargo, run};

/// Writes the page.
pub(crate) fn write() -> Done {
    run(page().env("AURICLE_WRITE_FAULTS", "1"))
}

/// Checks that the page matches the table.
pub(crate) fn check() -> Done {
    run(&mut page())
}

/// The test that compares them, and writes the page on request.
fn page() -> std::process::Command {
    // For the whole workspace, so that shared dependencies are not built twice.
    cargo(&["test", "--workspace", "--test", "fault_matrix", "--", "--exact", "page::it_is_up_to_date"])
}
