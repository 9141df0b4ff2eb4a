//! Sessions: the conversation of one client with the server, independent of the protocol. Admission, the choice of the
//! model, audio in, events out, and the journal.
#![forbid(unsafe_code)]

mod access;
mod admission;
mod caller;
mod catalog;
mod events;
pub mod journal;
mod lease;
mod presets;
mod registry;
mod session;
mod sessions;

pub use access::{Answer, Protocol, Refusal};
pub use admission::AdmissionSettings;
pub use caller::{Caller, Key, KeyLimits};
pub use catalog::{Catalog, CatalogSettings, PresetReport, PresetState};
pub use events::{NumberedEvent, SessionEvents};
pub use journal::Journal;
pub use presets::{Preset, PresetError, Presets};
pub use registry::{SessionRegistry, StreamReport};
pub use session::{Session, SessionInfo};
pub use sessions::{Admitted, SessionRequest, Sessions};
