//! The fault matrix: every fault of an engine or its environment, for engines in the server's process and in workers.
//!
//! A table (`cases`) has the expected consequences of each fault. The tests here provoke it, in a stream with others
//! beside it, and `cargo xtask faults` generates `docs/faults.md` from the same table (`page`). With
//! `AURICLE_FAULT=TEXT` only the rows whose fault contains the text run.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "test code")]

mod acts;
mod cases;
mod cell;
mod engine_hosts;
mod page;
mod resumed;
mod stage;

use auricle_plugin_test::skip;
use cell::{Case, Column};
use stage::Stage;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Tests all cells of a column that can share a server, or all that need their own. Fails with a list of all that
/// differ.
fn run(column: Column, together: bool) {
    let only = env::var("AURICLE_FAULT").unwrap_or_default();
    let mut failed = Vec::new();
    for (_, cases) in cases::chapters() {
        // A server for each chapter: workers that crash repeatedly are replaced at growing intervals.
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
                        Err(problem) => return skip(format_args!("{name}: {problem}")),
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
    assert!(failed.is_empty(), "different from the table, see above:\n{}", failed.join("\n"));
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
