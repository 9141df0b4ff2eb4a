//! The policy against its authors' code, and on speech that is made up.

mod cancelling;
mod engine;
mod fake;
mod hours;
mod replay;
mod restarts;
mod streams;
mod vac;
