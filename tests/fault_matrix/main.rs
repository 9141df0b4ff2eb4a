//! The fault matrix: every way an engine, or what surrounds it, can go wrong, against where its code runs.
//!
//! One table (`cases`) says for each cell what comes of it; the tests here have it happen, with a faulty stream and others
//! beside it, and `cargo xtask faults` makes `docs/faults.md` of the same table (`page`). With `AURICLE_FAULT=TEXT` only
//! the rows whose fault holds the text are tried.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "test code")]

mod acts;
mod cases;
mod cell;
mod page;
mod stage;

use cell::{Case, Column};
use stage::Stage;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Has every cell of a column happen that a server is shared by, or every one that has a server of its own; fails with all
/// that went otherwise.
fn run(column: Column, together: bool) {
    let only = env::var("AURICLE_FAULT").unwrap_or_default();
    let mut failed = Vec::new();
    for (_, cases) in cases::chapters() {
        // A server for each chapter: workers that die in a row are replaced at growing intervals.
        let mut shared = None;
        let wanted = |case: &Case| case.exists(column) && case.shares(column) == together && case.fault.contains(&only);
        for case in cases.into_iter().filter(wanted) {
            let name = format!("{} in {}, {column:?}", case.fault, case.place);
            let played = catch_unwind(AssertUnwindSafe(|| {
                println!("--- {name}");
                let mut stage = match shared.take() {
                    Some(stage) => stage,
                    None => match Stage::set(column, &case) {
                        Ok(stage) => stage,
                        Err(problem) => return println!("skipped: {problem}"),
                    },
                };
                stage.play(&case, column);
                shared = Some(stage).filter(|_| together);
            }));
            if played.is_err() {
                failed.push(name);
            }
        }
    }
    assert!(failed.is_empty(), "went otherwise, as told above:\n{}", failed.join("\n"));
}

#[test]
fn engines_in_the_servers_process() {
    run(Column::InProcess, true);
}

#[test]
fn engines_in_the_servers_process_that_spoil_it() {
    run(Column::InProcess, false);
}

#[test]
fn engines_in_workers() {
    run(Column::Worker, true);
}

#[test]
fn engines_in_workers_of_servers_in_trouble() {
    run(Column::Worker, false);
}
