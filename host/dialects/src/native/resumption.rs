//! Opens the session of a connection: a new one, or one whose connection before broke.
//!
//! A client that resumes gets `resumed` first, then the events that it does not have, with their numbers. Threads: the
//! connection's reading task.

use super::{messages::Resume, translate::Translator, writer::json};
use auricle_core::Failure;
use auricle_session::{Admitted, Hold, Resumed, SessionRequest};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

/// The session of a connection.
pub(super) struct Opened {
    pub(super) state: Resumed,
    /// If its client can resume it.
    pub(super) hold: Option<Hold>,
    /// What the client is sent first.
    pub(super) first: Vec<Message>,
}

/// Opens a session.
pub(super) async fn open(admitted: Admitted, request: SessionRequest, is_resumable: bool) -> Result<Opened, Failure> {
    let (sessions, caller) = (Arc::clone(admitted.sessions()), admitted.caller().clone());
    let (session, events) = admitted.open(request).await?;
    let hold = is_resumable.then(|| sessions.hold(&session, &caller)).flatten();
    Ok(Opened { state: Resumed::Open(Box::new(session), events), hold, first: Vec::new() })
}

/// Finds a session again.
pub(super) async fn resume(admitted: Admitted, request: Resume) -> Result<Opened, Failure> {
    let Resume { stream, token, last_seq } = request;
    let resumed = admitted.sessions().resume(admitted.caller(), &stream, &token).await;
    let (mut state, hold) = resumed.inspect_err(|failure| admitted.refuse(failure))?;
    let (info, progress, (events, missed)) = match &mut state {
        Resumed::Open(session, events) => {
            session.resumed();
            (session.info(), session.progress(), events.after(last_seq))
        }
        Resumed::Ended(ended) => (&ended.info, ended.progress, ended.after(last_seq)),
    };
    let translator = Translator::new(Arc::clone(info), Some(&hold));
    let resumed = json(None, translator.resumed(progress, missed));
    let replayed = events.iter().map(|event| json(Some(event.seq), translator.message(&event.event)));
    let first = [resumed].into_iter().chain(replayed).collect();
    Ok(Opened { state, hold: Some(hold), first })
}
