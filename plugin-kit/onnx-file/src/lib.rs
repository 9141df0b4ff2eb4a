//! The messages of ONNX files, for code that rewrites or writes networks.
//!
//! - [`Model`] and its parts: the messages of the format
//! - [`Node`] and [`Tensor`] also have methods to read and make them
//!
//! It is not part of `auricle-plugin-kit`, because programs that write networks need not be engines.

#![forbid(unsafe_code)]

mod node;
mod proto;
mod tensor;

pub use proto::*;
