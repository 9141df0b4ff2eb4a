//! Sessions: one client's conversation with the server, whatever its protocol: who may open one, on which model, what goes in
//! and comes out, and what is kept of it.
#![forbid(unsafe_code)]

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

pub use admission::AdmissionSettings;
pub use caller::{Caller, Key, KeyLimits};
pub use catalog::{Catalog, CatalogSettings, PresetReport, PresetState};
pub use events::{NumberedEvent, SessionEvents};
pub use journal::Journal;
pub use presets::{Preset, PresetError, Presets};
pub use registry::{SessionRegistry, StreamReport};
pub use session::{Session, SessionInfo};
pub use sessions::{Admitted, SessionRequest, Sessions};
