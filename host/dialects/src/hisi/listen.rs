//! What requests with a file have in common: the form is received, then the file goes through a session.

use super::{HisiSettings, NAME, answer::status};
use crate::{
    RequestContext, Uploads,
    openai::{
        Hearing, Problem, Transcript,
        form::{Form, FormParts, boundary},
    },
    preset::{default_preset, named_preset},
    upload::{
        discard,
        feed::{Feed, Warnings},
        recording::Recording,
    },
};
use auricle_core::{Failure, FailureCode, Pace};
use auricle_session::{Admitted, Codes, Protocol, SessionRequest};
use axum::extract::Request;
use serde_json::Map;
use std::sync::Arc;

/// A request that was received.
pub(super) struct Received {
    pub(super) fields: Vec<(String, String)>,
    admitted: Admitted,
    preset: String,
    recording: Recording,
    uploads: Uploads,
}

/// Receives a form whose part `file` is a recording. The field `preset`, or the query's, names the preset.
///
/// # Errors
/// The request is refused before it requested a session.
pub(super) async fn receive(
    request: Request,
    RequestContext { caller, sessions, uploads, .. }: RequestContext,
    settings: &HisiSettings,
    file: &'static str,
) -> Result<Received, Failure> {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let protocol = Protocol { name: NAME, codes: Codes::Status(status) };
    let read = async {
        let admitted = sessions.admit(caller, protocol)?;
        let boundary = boundary(&parts.headers, &uploads)?;
        let parts = FormParts { file, check_name: |_| Ok(()) };
        Ok::<_, Problem>((admitted, Form::read_parts(&mut body, &boundary, &uploads, parts).await?))
    };
    let (admitted, Form { fields, file: upload }) = match read.await {
        Ok(read) => read,
        Err(problem) => {
            discard(&parts.headers, &mut body, &uploads).await;
            return Err(problem.failure);
        }
    };
    let missing = || Failure::new(FailureCode::BadMessage, format!("the file is missing: send it as `{file}`"));
    let upload = upload.ok_or_else(missing)?;
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let in_query = query.into_owned().find(|(name, _)| name == "preset").map(|(_, preset)| preset);
    let named = field(&fields, "preset").map(str::to_owned).or(in_query);
    let preset = preset(named.as_deref(), settings, &admitted)?;
    let recording = Recording::open(upload, None).await?;
    if let Some(seconds) = recording.seconds() {
        uploads.check_length(seconds)?;
    }
    Ok(Received { fields, admitted, preset, recording, uploads })
}

/// A field of the form.
pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// The preset that is named, or was loaded last by the client's key, or is the default one.
fn preset(named: Option<&str>, settings: &HisiSettings, admitted: &Admitted) -> Result<String, Failure> {
    let (sessions, caller) = (admitted.sessions(), admitted.caller());
    if let Some(named) = named {
        return named_preset(named, sessions, caller);
    }
    let set = sessions.loaded_by(caller).or_else(|| settings.preset.clone());
    let advice = "name a `preset` in the form or in the URL, load a model, or ";
    let preset = default_preset(set.as_ref(), NAME, advice, admitted)?;
    caller.check_preset(&preset)?;
    Ok(preset)
}

impl Received {
    /// The length of the recording in seconds, if the file states it.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.recording.seconds()
    }

    /// Opens the session, and sends the recording to it.
    ///
    /// # Errors
    /// The session is refused, which is recorded.
    pub(super) async fn listen(self) -> Result<Hearing, Failure> {
        let Self { admitted, preset, recording, uploads, fields: _ } = self;
        let drain = admitted.caller().drain.clone();
        let audio = recording.format();
        let request = SessionRequest { preset, options: Map::new(), audio, multichannel: false, pace: Pace::File };
        let (session, events) = admitted.open(request).await?;
        let info = Arc::clone(session.info());
        let warnings = Warnings::default();
        let feed = Feed { recording, uploads, drain, warnings: Arc::clone(&warnings) };
        let feeding = tokio::spawn(feed.run(session, None));
        Ok(Hearing::new(events, feeding, Transcript::new(&info.metadata, warnings), false))
    }
}
