//! Which dialects there are, and which of them a listener speaks.

use crate::{
    address::ListenAddress,
    settings::{ListenerSettings, Settings},
};
use auricle_dialects::{Dialect, native::Native, vosk::Vosk};
use std::sync::Arc;

/// What a listener speaks.
pub(super) enum Dialects {
    /// Each at its paths, beside the HTTP routes.
    Shared(Vec<Arc<dyn Dialect>>),
    /// One at every path: for clients that name none.
    Own(Arc<dyn Dialect>),
}

/// What is wrong with a listener's `dialects`.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialectsError {
    #[error("the listener on {address} names a dialect `{name}`; there are: {known}")]
    Unknown { address: ListenAddress, name: String, known: String },
    #[error("the listener on {address} names the dialect `{name}` twice")]
    Twice { address: ListenAddress, name: String },
    #[error("`dialects` of the listener on {0} is empty")]
    Empty(ListenAddress),
}

/// What a listener speaks.
pub(super) fn dialects(settings: &Settings, listener: &ListenerSettings) -> Result<Dialects, DialectsError> {
    let all: [Arc<dyn Dialect>; 2] = [Arc::new(Native), Arc::new(Vosk::new(settings.dialects.vosk.clone()))];
    let Some(names) = &listener.dialects else { return Ok(Dialects::Shared(all.into())) };
    let address = || listener.address.clone();
    let find = |name: &String| {
        all.iter().find(|dialect| dialect.name() == name).map(Arc::clone).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|dialect| dialect.name()).collect();
            DialectsError::Unknown { address: address(), name: name.clone(), known: known.join(", ") }
        })
    };
    if let Some(name) = names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name)) {
        return Err(DialectsError::Twice { address: address(), name: name.clone() });
    }
    let mut found: Vec<_> = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok(match found.pop() {
        None => return Err(DialectsError::Empty(address())),
        Some(own) if found.is_empty() && own.name() != Native.name() => Dialects::Own(own),
        last => {
            found.extend(last);
            Dialects::Shared(found)
        }
    })
}
