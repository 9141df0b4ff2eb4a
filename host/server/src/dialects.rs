//! Selects the dialects that a listener serves.

use crate::{
    address::ListenAddress,
    settings::{DialectSettings, ListenerSettings, Role, Settings},
    webrtc::{Transport, WebRtcRoutes},
};
use auricle_dialects::{
    Dialect, RestDialect, SocketDialect,
    assembly_ai::AssemblyAi,
    deepgram::{Deepgram, flux::Flux},
    hisi::Hisi,
    moshi::Moshi,
    native::Native,
    openai::OpenAi,
    realtime::Realtime,
    riva::Riva,
    sherpa::{Sherpa, SherpaOffline},
    telephone::Telephone,
    vosk::Vosk,
    whisper_live::WhisperLive,
    whisper_live_kit::WhisperLiveKit,
    wyoming::Wyoming,
};
use std::sync::Arc;

/// The dialects of a listener.
pub(super) enum Dialects {
    /// Those over HTTP.
    Http(HttpDialects),
    /// One over HTTP/2.
    Http2(Arc<dyn RestDialect>),
    /// One without HTTP.
    Socket(Arc<dyn SocketDialect>),
}

/// Dialects over HTTP.
pub(super) enum HttpDialects {
    /// Each at its own paths, beside the HTTP routes.
    Shared(Vec<Arc<dyn Dialect>>, Vec<Arc<dyn RestDialect>>),
    /// A single one at every path, for clients that do not choose a path, and its requests at theirs.
    Own(Arc<dyn Dialect>, Vec<Arc<dyn RestDialect>>),
}

impl Dialects {
    /// Whether only those who have a key of the dialect's own are served.
    pub(super) fn have_own_key(&self) -> bool {
        matches!(self, Self::Socket(dialect) if dialect.has_own_key())
    }

    /// Whether clients can send a key.
    pub(super) fn show_keys(&self) -> bool {
        match self {
            Self::Http(HttpDialects::Shared(..)) | Self::Http2(_) => true,
            Self::Http(HttpDialects::Own(dialect, _)) => dialect.shows_keys(),
            Self::Socket(_) => false,
        }
    }

    /// Whether the web page fits: `/` is free, and the protocol of its streams is there.
    pub(super) fn can_have_page(&self) -> bool {
        matches!(self, Self::Http(HttpDialects::Shared(all, _)) if all.iter().any(|dialect| dialect.name() == Native.name()))
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

/// Selects the dialects of a listener. `webrtc` has the sockets for media; there are none when settings are only checked.
pub(super) fn dialects(
    settings: &Settings,
    listener: &ListenerSettings,
    webrtc: Option<&Arc<Transport>>,
) -> Result<Dialects, DialectsError> {
    if settings.role == Role::Engine {
        // Its clients are fronts, at an address of their own.
        return Ok(Dialects::Http(HttpDialects::Shared(Vec::new(), Vec::new())));
    }
    let DialectSettings {
        vosk,
        sherpa,
        whisper_live,
        whisper_live_kit,
        deepgram,
        assemblyai,
        moshi,
        telephone,
        openai_realtime,
        hisi,
        riva,
        wyoming,
        webrtc: _,
    } = &settings.dialects;
    let mut all: Vec<Arc<dyn Dialect>> = vec![
        Arc::new(Native),
        Arc::new(Vosk::new(vosk.clone())),
        Arc::new(Sherpa::new(sherpa.clone())),
        Arc::new(SherpaOffline::new(sherpa.clone())),
        Arc::new(WhisperLive::new(whisper_live.clone())),
        Arc::new(WhisperLiveKit::new(whisper_live_kit.clone())),
        Arc::new(Deepgram::new(deepgram.clone())),
        Arc::new(Flux::new(deepgram.clone())),
        Arc::new(AssemblyAi::new(assemblyai.clone())),
        Arc::new(Moshi::new(moshi.clone())),
        Arc::new(Telephone::new(telephone.clone())),
        Arc::new(Realtime::new(openai_realtime.clone())),
    ];
    let mut rest: Vec<Arc<dyn RestDialect>> = vec![
        Arc::new(OpenAi),
        Arc::new(Deepgram::new(deepgram.clone())),
        Arc::new(Telephone::new(telephone.clone())),
        Arc::new(Hisi::new(hisi.clone())),
        Arc::new(WebRtcRoutes { transport: webrtc.cloned() }),
    ];
    let http2: Arc<dyn RestDialect> = Arc::new(Riva::new(riva.clone()));
    let socket: Arc<dyn SocketDialect> = Arc::new(Wyoming::new(wyoming.clone()));
    let Some(names) = &listener.dialects else { return Ok(Dialects::Http(HttpDialects::Shared(all, rest))) };
    let address = || listener.address.clone();
    let of_http = all.iter().map(|dialect| dialect.name()).chain(rest.iter().map(|dialect| dialect.name()));
    let mut known: Vec<&str> = Vec::new();
    for name in of_http.chain([http2.name(), socket.protocol().name]) {
        // A dialect may be over WebSocket and over plain HTTP.
        if !known.contains(&name) {
            known.push(name);
        }
    }
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(DialectsError::Unknown { address: address(), name: name.clone(), known: known.join(", ") });
    }
    if let Some(name) = names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name)) {
        return Err(DialectsError::Twice { address: address(), name: name.clone() });
    }
    if names.is_empty() {
        return Err(DialectsError::Empty(address()));
    }
    let alone = [(http2.name(), Dialects::Http2(http2)), (socket.protocol().name, Dialects::Socket(socket))];
    for (own, dialects) in alone {
        if names.iter().any(|name| name == own) {
            return match &names[..] {
                [_] => Ok(dialects),
                _ => Err(DialectsError::NotAlone { address: address(), name: own.to_owned() }),
            };
        }
    }
    all.retain(|dialect| names.iter().any(|name| name == dialect.name()));
    rest.retain(|dialect| names.iter().any(|name| name == dialect.name()));
    Ok(Dialects::Http(match (all.as_slice(), rest.as_slice()) {
        ([own], rest) if own.name() != Native.name() && rest.iter().all(|dialect| dialect.name() == own.name()) => {
            HttpDialects::Own(Arc::clone(own), rest.to_vec())
        }
        _ => HttpDialects::Shared(all, rest),
    }))
}
