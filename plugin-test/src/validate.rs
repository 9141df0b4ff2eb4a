//! Checks an engine against the contract of the plugin API: a case for each clause ([`SECTIONS`]), and random calls
//! ([`fuzz`]). `auricle validate` runs each case in a process of its own, with limits, because an engine may crash.
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
mod state;
mod stream;
mod subject;
mod table;
mod together;
mod wrong;

pub use case::{Case, Outcome, Section, Verdict};
pub use fuzz::{Round, fuzz};
pub use subject::{Speech, Subject};
pub use table::SECTIONS;

use case::ensure;

/// The case with this name.
pub fn case(name: &str) -> Option<&'static Case> {
    SECTIONS.iter().flat_map(|section| section.cases).find(|case| case.name() == name)
}
