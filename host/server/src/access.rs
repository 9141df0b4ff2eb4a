//! Who may do what: API keys, origins of web pages, and whether the server may be reached from a network at all.

mod exposure;
mod keys;
mod origin;
mod request;

pub use exposure::check_exposure;
pub use keys::{KeyEntry, Keys, NewKey};
pub use origin::{Origins, OwnOrigin};
pub use request::presented_key;
