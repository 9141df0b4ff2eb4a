//! Compares the policy with its authors' code, and tests it on synthetic speech.

mod cancelling;
mod engine;
mod fake;
mod hours;
mod replay;
mod restarts;
mod seam;
mod streams;
mod vac;
