//! Plugin files: the ABI across versions, discovery and trust, what the command line says of them, crates from outside.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod abi_matrix;
mod cli;
mod files;
mod outside_crate;
mod trust;
mod workshop;
