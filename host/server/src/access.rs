//! Access control: API keys, origins of web pages, and listeners that other machines can reach.

mod exposure;
mod keys;
mod keys_edit;
mod keys_file;
mod origin;
mod request;

pub use exposure::{ExposureError, check_exposure};
pub use keys::{KeyEntry, Keys, KeysError, NewKey};
pub use keys_edit::{KeysDocument, KeysEditError};
pub use keys_file::{KeysFileError, read_keys};
pub use origin::{OriginError, Origins, OwnOrigin};
pub use request::presented_key;
