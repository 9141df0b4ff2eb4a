//! OpenAI's HTTP requests for audio files: transcriptions, translations, and the list of models. `docs/dialects.md` describes
//! them for clients.

#[cfg(feature = "server")]
mod codes;
#[cfg(feature = "server")]
pub mod form;
#[cfg(feature = "server")]
mod hearing;
#[cfg(feature = "server")]
mod messages;
#[cfg(feature = "server")]
pub mod parameters;
#[cfg(feature = "server")]
mod problem;
#[cfg(feature = "server")]
mod requests;
#[cfg(feature = "server")]
mod response;
#[cfg(feature = "server")]
#[cfg(feature = "server")]
mod transcribe;
#[cfg(feature = "server")]
mod transcript;

// For OpenAI's protocol of live audio, and other requests with files.
#[cfg(feature = "server")]
pub(crate) use codes::status;
#[cfg(feature = "server")]
pub(crate) use hearing::{Hearing, event_stream};
#[cfg(feature = "server")]
pub(crate) use messages::{ErrorFields, Logprob, Usage};
#[cfg(feature = "server")]
pub(crate) use parameters::phrases;
#[cfg(feature = "server")]
pub use problem::Problem;
#[cfg(feature = "server")]
pub use requests::OpenAi;
#[cfg(feature = "server")]
pub(crate) use response::{error as refusal, error_body};
#[cfg(feature = "server")]
pub(crate) use transcript::Transcript;
