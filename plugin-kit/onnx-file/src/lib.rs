//! The protobuf messages of ONNX files, for code that changes or writes networks.
//!
//! - [`Model`] and its parts: the messages
//! - [`Node`] and [`Tensor`] also have methods to read and create them
//!
//! The crate is not part of `auricle-plugin-kit`, because a program that writes networks is not always an engine.

#![forbid(unsafe_code)]

mod node;
mod proto;
mod tensor;

pub use proto::*;
