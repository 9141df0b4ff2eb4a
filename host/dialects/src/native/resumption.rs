//! Opens the session of a connection: a new one, or one whose connection before broke.
//!
//! A client that resumes gets `resumed` first, then the events that it does not have, with their numbers. Threads: the
//! connection's reading task.

use super::{
    messages::{Resume, Told},
    translate::Translator,
    writer::{json, numbered},
};
use auricle_core::Failure;
use auricle_session::{self as session, Admitted, Hold, ResumeRequest, Resumed, ResumedSession, SessionRequest};
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
    let (session, events, hold) = match is_resumable {
        true => admitted.open_resumable(request).await?,
        false => admitted.open(request).await.map(|(session, events)| (session, events, None))?,
    };
    Ok(Opened { state: Resumed::Open(Box::new(session), events), hold, first: Vec::new() })
}

/// Finds a session again.
pub(super) async fn resume(admitted: Admitted, request: Resume) -> Result<Opened, Failure> {
    let Resume { stream, token, last_seq, told } = request;
    let told = told.map(|Told { epoch, flushes, events, text_end, text, event_time }| session::Told {
        epoch,
        flushes,
        events,
        text_end,
        text,
        event_time,
    });
    let ResumedSession { mut state, hold, seam } =
        admitted.resume(ResumeRequest { stream, token, last_seq, told }).await?;
    let (info, progress, (events, missed)) = match &mut state {
        Resumed::Open(session, events) => {
            session.resumed();
            (session.info(), session.progress(), events.after(last_seq))
        }
        Resumed::Ended(ended) => (&ended.info, ended.progress, ended.after(last_seq)),
    };
    let translator = Translator::new(Arc::clone(info), Some(&hold));
    let resumed = json(translator.resumed(progress, missed, seam));
    let replayed = events.iter().map(|event| numbered(event, &translator));
    let first = [resumed].into_iter().chain(replayed).collect();
    Ok(Opened { state, hold: Some(hold), first })
}
