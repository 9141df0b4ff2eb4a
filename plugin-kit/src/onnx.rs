//! ONNX Runtime for engines: the shared library is found with the server's help, loaded at run time, and shared by all
//! engines of a process.

mod runtime;
mod sessions;
mod weights;

pub use runtime::{LIBRARY, Runtime};
pub use sessions::{Lent, Options, Sessions};

/// Formats an error of ONNX Runtime as one line.
fn one_line(error: impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
