//! Sessions: the conversation of one client with the server, independent of the protocol. Admission, the choice of the
//! model, audio in, events out, and the journal.
#![forbid(unsafe_code)]

mod access;
mod admission;
mod admitted;
mod caller;
mod catalog;
mod channels;
mod events;
mod failures;
mod hosted;
pub mod journal;
mod lease;
mod loaded;
mod loading;
mod model_names;
mod models;
mod names_only;
mod own_fields;
mod preset;
mod presets;
mod registry;
mod report;
mod resume;
mod room;
mod session;
mod sessions;
mod stage_list;
mod status;
mod suggest;
mod versions;

pub use access::{Answer, Codes, Protocol, Refusal};
pub use admission::AdmissionSettings;
pub use admitted::Admitted;
pub use caller::{Caller, Key, KeyLimits};
pub use catalog::Catalog;
pub use events::{Heard, NumberedEvent, SessionEvents};
pub use failures::{FailureReport, RecentFailures};
pub use hosted::{HostedPlace, HostedRequest, HostedStream, Report, Step};
pub use journal::Journal;
pub use loading::Load;
pub use model_names::ModelNames;
pub use models::CatalogSettings;
pub use own_fields::{KEYTERMS, LANGUAGE, LANGUAGES, is_same};
pub use preset::{HostFields, Preset, PresetError, Unsupported};
pub use presets::Presets;
pub use registry::{SessionRegistry, StreamReport};
pub use report::{CandidateReport, CandidateState, PresetReport, PresetState};
pub use resume::{
    Durable, EndedSession, Hold, ResumeRequest, ResumeSettings, Resumed, ResumedSession, Seam, Survives, Told, fuzzing,
};
pub use session::{Progress, Session, SessionInfo};
pub use sessions::{Offer, SessionRequest, Sessions};
pub use stage_list::{StageEntry, StageListError};
pub use status::{LoadedModel, PresetStatus, Status};
