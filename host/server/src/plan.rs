//! Checks the settings of a listener before it is bound, against the other settings and the keys.

use super::{
    access::{ExposureError, Keys, check_exposure},
    address::ListenAddress,
    dialects::{Dialects, DialectsError, dialects},
    settings::{ListenerSettings, ListenerTls, Settings, Tls},
    webrtc::Transport,
};
use std::sync::Arc;

/// What a listener serves.
pub(super) struct Plan<'a> {
    pub(super) dialects: Dialects,
    /// The files of its certificate, if it uses TLS.
    pub(super) tls: Option<&'a Tls>,
    /// Whether it has the web page.
    pub(super) page: bool,
}

/// A listener cannot be started with these settings.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error(transparent)]
    Dialects(#[from] DialectsError),
    #[error("the listener on {address} is bound to the key `{key}`, which is not in `keys`")]
    UnknownKey { address: ListenAddress, key: String },
    #[error(
        "the listener on {address} is bound to the key `{key}`, which is an operator's key: everybody who can reach the address \
         would be an operator"
    )]
    OperatorKey { address: ListenAddress, key: String },
    #[error("the listener on {0} has `tls = true`, but there is no [tls]")]
    NoTls(ListenAddress),
    #[error("`allow` has no effect on the socket file {0}: its permissions decide")]
    AllowOnSocketFile(ListenAddress),
    #[error(transparent)]
    Exposure(#[from] ExposureError),
}

/// Checks a listener. `keys` are those of the key file, if there is one; `webrtc` has the sockets for media, if there are any.
///
/// # Errors
/// The first setting that is wrong.
pub(super) fn plan<'a>(
    settings: &'a Settings,
    listener: &'a ListenerSettings,
    keys: Option<&Keys>,
    webrtc: Option<&Arc<Transport>>,
) -> Result<Plan<'a>, PlanError> {
    let address = || listener.address.clone();
    let dialects = dialects(settings, listener, webrtc)?;
    if let Some(name) = &listener.key {
        match keys.and_then(|keys| keys.named(name)) {
            None => return Err(PlanError::UnknownKey { address: address(), key: name.clone() }),
            Some(key) if key.is_operator() && !listener.address.is_local() => {
                return Err(PlanError::OperatorKey { address: address(), key: name.clone() });
            }
            Some(_) => {}
        }
    }
    let tls = match &listener.tls {
        Some(ListenerTls::Own(tls)) => Some(tls),
        Some(ListenerTls::Use(false)) => None,
        Some(ListenerTls::Use(true)) if settings.tls.is_none() => return Err(PlanError::NoTls(address())),
        Some(ListenerTls::Use(true)) | None => settings.tls.as_ref(),
    };
    if !listener.allow.is_empty() && matches!(listener.address, ListenAddress::Unix(_)) {
        return Err(PlanError::AllowOnSocketFile(address()));
    }
    check_exposure(settings, listener, tls.is_some(), dialects.show_keys())?;
    let page = settings.page.enabled && dialects.can_have_page();
    Ok(Plan { dialects, tls, page })
}
