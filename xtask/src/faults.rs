//! `docs/faults.md`: made of the table that the fault matrix is tested by.

use crate::run::{Done, cargo, run};

/// Writes the page.
pub(crate) fn write() -> Done {
    run(page().env("AURICLE_WRITE_FAULTS", "1"))
}

/// Whether the page is what the table says.
pub(crate) fn check() -> Done {
    run(&mut page())
}

/// The test that compares them, and writes the page where it is asked to.
fn page() -> std::process::Command {
    // Of the whole workspace, so that what the tests share is not built twice.
    cargo(&["test", "--workspace", "--test", "fault_matrix", "--", "--exact", "page::it_is_up_to_date"])
}
