//! Selects the dialects that a listener serves.

use crate::{
    address::ListenAddress,
    settings::{DialectSettings, ListenerSettings, Settings},
};
use auricle_dialects::{
    Dialect,
    native::Native,
    sherpa::{Sherpa, SherpaOffline},
    vosk::Vosk,
    whisper_live::WhisperLive,
};
use std::sync::Arc;

/// The dialects of a listener.
pub(super) enum Dialects {
    /// Each at its own paths, beside the HTTP routes.
    Shared(Vec<Arc<dyn Dialect>>),
    /// A single one at every path, for clients that do not choose a path.
    Own(Arc<dyn Dialect>),
}

/// A listener's `dialects` is invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialectsError {
    #[error("the listener on {address} has an unknown dialect `{name}`; known dialects: {known}")]
    Unknown { address: ListenAddress, name: String, known: String },
    #[error("the listener on {address} has the dialect `{name}` twice")]
    Twice { address: ListenAddress, name: String },
    #[error("`dialects` of the listener on {0} is empty")]
    Empty(ListenAddress),
}

/// Selects the dialects of a listener.
pub(super) fn dialects(settings: &Settings, listener: &ListenerSettings) -> Result<Dialects, DialectsError> {
    let DialectSettings { vosk, sherpa, whisper_live } = &settings.dialects;
    let all: [Arc<dyn Dialect>; 5] = [
        Arc::new(Native),
        Arc::new(Vosk::new(vosk.clone())),
        Arc::new(Sherpa::new(sherpa.clone())),
        Arc::new(SherpaOffline::new(sherpa.clone())),
        Arc::new(WhisperLive::new(whisper_live.clone())),
    ];
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
