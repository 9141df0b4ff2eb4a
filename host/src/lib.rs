//! Auricle: a real-time speech-recognition server whose engines are shared libraries.
#![forbid(unsafe_code)]

pub mod audio;
pub mod failure;
pub mod native;
