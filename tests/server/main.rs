//! The server from outside: protocols, limits, keys, presets, logs, signals.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod access_log;
mod admission;
mod agents;
mod asyncapi;
mod bad_input;
mod check;
mod conformance;
mod connections;
mod convert;
mod deepgram;
mod deepgram_containers;
mod deepgram_recordings;
mod details;
mod evaluate;
mod exposition;
mod javascript;
mod journal;
mod keys;
mod limits;
mod listeners;
mod load;
mod logging;
mod metrics;
mod openai;
mod openapi;
mod packaging;
mod page;
mod peers;
mod presets;
mod pull;
mod python_client;
mod realtime;
mod sessions;
mod sherpa;
mod signals;
mod status;
mod streams;
mod timed;
mod tls;
mod together;
mod two_servers;
mod vosk;
mod whisper_live;
mod wyoming;
