//! Checks an engine against the contract of the plugin API: a case for each clause ([`SECTIONS`]), and random calls
//! ([`fuzz`]). A stage has cases of its own ([`stage_sections`]). `auricle validate` runs each case in a process of its own, with limits, because an engine may crash.
//!
//! ```no_run
//! use auricle_plugin_test::validate::{SECTIONS, Subject};
//!
//! # let subject: Subject = todo!();
//! for case in SECTIONS.iter().flat_map(|section| section.cases) {
//!     println!("{}: {:?}", case.name(), case.run(&subject));
//! }
//! ```
//!
//! Invariant: whatever an engine returns becomes a verdict; nothing here panics. Threads: those that a case starts end with it.

#![deny(clippy::unwrap_used)]

mod batch;
mod case;
mod config;
mod events;
mod extension;
mod file;
mod fuzz;
mod model;
mod open;
mod options;
mod process;
mod resources;
mod restart;
mod signal;
mod stage_events;
mod stage_load;
mod stage_resources;
mod stage_run;
mod stage_state;
mod stage_stream;
mod stage_table;
mod state;
mod stream;
mod subject;
mod table;
mod together;
mod wrong;

pub use case::{Case, Outcome, Section, Verdict};
pub use fuzz::{Round, fuzz};
pub use stage_table::STAGE_SECTIONS;
pub use subject::{Speech, Subject};
pub use table::SECTIONS;

use case::ensure;

/// The sections for stages: those of engines about the file and the configuration, and [`STAGE_SECTIONS`].
pub fn stage_sections() -> impl Iterator<Item = &'static Section> {
    let shared = |section: &&Section| section.cases.iter().all(|case| matches!(case.group, "file" | "config"));
    SECTIONS.iter().filter(shared).chain(STAGE_SECTIONS)
}

/// The case with this name, for engines or stages.
pub fn case(name: &str) -> Option<&'static Case> {
    SECTIONS.iter().chain(STAGE_SECTIONS).flat_map(|section| section.cases).find(|case| case.name() == name)
}
