//! Plugin files: the ABI across versions, discovery and trust, the command line, and crates outside this repository.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod abi_matrix;
mod book;
mod c_engines;
mod c_stages;
mod claims;
mod cli;
mod files;
mod later_version;
mod new;
mod outside_crate;
mod port;
mod run;
mod trust;
mod validate;
mod workshop;
