//! Selects the dialects that a listener serves.

use crate::{
    address::ListenAddress,
    settings::{DialectSettings, ListenerSettings, Settings},
};
use auricle_dialects::{
    Dialect, SocketDialect,
    native::Native,
    sherpa::{Sherpa, SherpaOffline},
    vosk::Vosk,
    whisper_live::WhisperLive,
    wyoming::Wyoming,
};
use std::sync::Arc;

/// The dialects of a listener.
pub(super) enum Dialects {
    /// Those over HTTP.
    Http(HttpDialects),
    /// One without HTTP.
    Socket(Arc<dyn SocketDialect>),
}

/// Dialects over HTTP.
pub(super) enum HttpDialects {
    /// Each at its own paths, beside the HTTP routes.
    Shared(Vec<Arc<dyn Dialect>>),
    /// A single one at every path, for clients that do not choose a path.
    Own(Arc<dyn Dialect>),
}

impl Dialects {
    /// Whether clients can send a key.
    pub(super) fn show_keys(&self) -> bool {
        match self {
            Self::Http(HttpDialects::Shared(_)) => true,
            Self::Http(HttpDialects::Own(dialect)) => dialect.shows_keys(),
            Self::Socket(_) => false,
        }
    }
}

/// A listener's `dialects` is invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialectsError {
    #[error("the listener on {address} has an unknown dialect `{name}`; known dialects: {known}")]
    Unknown { address: ListenAddress, name: String, known: String },
    #[error("the listener on {address} has the dialect `{name}` twice")]
    Twice { address: ListenAddress, name: String },
    #[error("the listener on {address} has other dialects beside `{name}`: `{name}` needs a listener of its own")]
    NotAlone { address: ListenAddress, name: String },
    #[error("`dialects` of the listener on {0} is empty")]
    Empty(ListenAddress),
}

/// Selects the dialects of a listener.
pub(super) fn dialects(settings: &Settings, listener: &ListenerSettings) -> Result<Dialects, DialectsError> {
    let DialectSettings { vosk, sherpa, whisper_live, wyoming } = &settings.dialects;
    let all: [Arc<dyn Dialect>; 5] = [
        Arc::new(Native),
        Arc::new(Vosk::new(vosk.clone())),
        Arc::new(Sherpa::new(sherpa.clone())),
        Arc::new(SherpaOffline::new(sherpa.clone())),
        Arc::new(WhisperLive::new(whisper_live.clone())),
    ];
    let socket: Arc<dyn SocketDialect> = Arc::new(Wyoming::new(wyoming.clone()));
    let Some(names) = &listener.dialects else { return Ok(Dialects::Http(HttpDialects::Shared(all.into()))) };
    let address = || listener.address.clone();
    let find = |name: &String| {
        all.iter().find(|dialect| dialect.name() == name).map(Arc::clone).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|dialect| dialect.name()).chain([socket.protocol().name]).collect();
            DialectsError::Unknown { address: address(), name: name.clone(), known: known.join(", ") }
        })
    };
    if let Some(name) = names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name)) {
        return Err(DialectsError::Twice { address: address(), name: name.clone() });
    }
    if names.iter().any(|name| name == socket.protocol().name) {
        return match &names[..] {
            [_] => Ok(Dialects::Socket(socket)),
            _ => Err(DialectsError::NotAlone { address: address(), name: socket.protocol().name.to_owned() }),
        };
    }
    let mut found: Vec<_> = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok(Dialects::Http(match found.pop() {
        None => return Err(DialectsError::Empty(address())),
        Some(own) if found.is_empty() && own.name() != Native.name() => HttpDialects::Own(own),
        last => {
            found.extend(last);
            HttpDialects::Shared(found)
        }
    }))
}
