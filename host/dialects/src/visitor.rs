//! A client on a connection that may open several sessions, one after another.

use auricle_core::Failure;
use auricle_session::{Admitted, Caller, Protocol, Refusal, Sessions};
use std::sync::Arc;

/// Who opens sessions on a connection.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The server's sessions.
    pub sessions: Arc<Sessions>,
    /// The client.
    pub caller: Caller,
    /// Its protocol.
    pub protocol: Protocol,
}

impl Visitor {
    /// Admits the client for one session.
    ///
    /// # Errors
    /// It can open no session now. The refusal is recorded.
    pub fn admit(&self) -> Result<Admitted, Failure> {
        self.sessions.admit(self.caller.clone(), self.protocol).inspect_err(|failure| self.refuse(failure))
    }

    /// Records that the client is refused before it requested a session.
    pub fn refuse(&self, failure: &Failure) {
        let Self { sessions, caller, protocol } = self;
        let answer = Some(protocol.codes.answer(Some(failure.code)));
        let (peer, key, dialect) = (caller.address, caller.key_name(), Some(protocol.name));
        Refusal { failure, peer, key, dialect, stream: None, preset: None, answer }.record(sessions.metrics());
    }
}
