//! Which dialects there are, and which of them a listener speaks.

use crate::settings::{ListenerSettings, Settings};
use auricle_dialects::{Dialect, native::Native, vosk::Vosk};
use std::sync::Arc;

/// What a listener speaks.
pub(super) enum Dialects {
    /// Each at its paths, beside the HTTP routes.
    Shared(Vec<Arc<dyn Dialect>>),
    /// One at every path: for clients that name none.
    Own(Arc<dyn Dialect>),
}

/// What a listener speaks.
pub(super) fn dialects(settings: &Settings, listener: &ListenerSettings) -> Result<Dialects, String> {
    let all: [Arc<dyn Dialect>; 2] = [Arc::new(Native), Arc::new(Vosk::new(settings.dialects.vosk.clone()))];
    let Some(names) = &listener.dialects else { return Ok(Dialects::Shared(all.into())) };
    let find = |name: &String| {
        all.iter().find(|dialect| dialect.name() == name).map(Arc::clone).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|dialect| dialect.name()).collect();
            format!("the listener on {} names a dialect `{name}`; there are: {}", listener.address, known.join(", "))
        })
    };
    if let Some(twice) = names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name)) {
        return Err(format!("the listener on {} names the dialect `{twice}` twice", listener.address));
    }
    let mut found: Vec<_> = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok(match found.pop() {
        None => return Err(format!("`dialects` of the listener on {} is empty", listener.address)),
        Some(own) if found.is_empty() && own.name() != Native.name() => Dialects::Own(own),
        last => {
            found.extend(last);
            Dialects::Shared(found)
        }
    })
}
