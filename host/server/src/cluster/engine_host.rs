//! Serves fronts. Each connection of a front begins with the handshake and is for one purpose (`auricle_cluster::messages`).
//!
//! Invariant: nothing is read from a front but the handshake until it has proved the cluster's key. One task for each
//! connection; it ends with the connection, or when the server stops.

use super::wire::Wire;
use auricle_cluster::{
    ClusterKey,
    handshake::{self, HandshakeError, HostHandshake, Welcome},
    messages::{Answer, Request, Then, VERSION, to_samples},
};
use auricle_core::{Failure, FailureCode, Pace};
use auricle_dialects::{
    SocketDialect, Visitor,
    websocket::{ConnectionSettings, Duplex, registered_close_code},
};
use auricle_session::{Codes, HostedPlace, HostedRequest, HostedStream, Protocol, Step};
use futures_util::future::BoxFuture;
use std::{io, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Time between two states that a front is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// The protocol of fronts.
#[derive(Debug)]
pub(crate) struct EngineHostDialect {
    key: ClusterKey,
}

impl EngineHostDialect {
    pub(crate) fn new(key: ClusterKey) -> Self {
        Self { key }
    }
}

impl SocketDialect for EngineHostDialect {
    fn protocol(&self) -> Protocol {
        Protocol { name: "cluster", codes: Codes::Close(registered_close_code) }
    }

    fn has_own_key(&self) -> bool {
        true
    }

    fn serve(
        self: Arc<Self>,
        socket: Box<dyn Duplex>,
        limits: Arc<ConnectionSettings>,
        visitor: Result<Visitor, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut wire = Wire::new(socket, limits.write_limit);
            match visitor {
                Ok(visitor) => self.converse(&mut wire, &limits, &visitor).await,
                Err(failure) => {
                    // It is recorded already.
                    let _ = wire.greet(&Welcome::Refused { version: VERSION, reason: failure.message }).await;
                }
            }
        })
    }
}

impl EngineHostDialect {
    async fn converse(&self, wire: &mut Wire, limits: &ConnectionSettings, visitor: &Visitor) {
        let shaken = timeout(limits.start_limit, self.shake(wire)).await;
        let problem = match shaken {
            Ok(Ok(())) => {
                let drain = visitor.caller.drain.clone();
                tokio::select! {
                    // What a front does that is gone or does not keep to the protocol needs no more words.
                    outcome = serve(wire, visitor) => {
                        if let Err(error) = outcome {
                            tracing::debug!(front = %visitor.caller.address, "a front's connection has ended: {error}");
                        }
                    }
                    () = drain.cancelled() => {}
                }
                return;
            }
            Ok(Err(problem)) => problem.to_string(),
            Err(_) => "it did not prove the cluster's key in time".to_owned(),
        };
        let message = format!("a front is not accepted: {problem}");
        visitor.refuse(&Failure::new(FailureCode::Unauthorized, message));
    }

    async fn shake(&self, wire: &mut Wire) -> Result<(), HandshakeError> {
        let hello = handshake::decode(wire.greeting().await?)?;
        let (welcome, waiting) = HostHandshake::answer(&self.key, hello)?;
        wire.greet(&welcome).await?;
        let waiting = waiting?;
        let proof = match wire.greeting().await {
            Ok(bytes) => handshake::decode(bytes)?,
            // A front that has another key has seen that, and leaves.
            Err(HandshakeError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(HandshakeError::Key);
            }
            Err(problem) => return Err(problem),
        };
        waiting.check(&self.key, &proof).map(drop)
    }
}

/// Serves a connection after the handshake.
async fn serve(wire: &mut Wire, visitor: &Visitor) -> io::Result<()> {
    match wire.request().await? {
        Request::Watch => tell(wire, visitor).await,
        Request::Load { preset, identity } => {
            let loaded = visitor.sessions.load_for_front(preset, identity).await;
            match loaded.map(|metadata| serde_json::to_string(&metadata)) {
                Ok(Ok(metadata)) => wire.answer(&Answer::Loaded(&metadata)).await,
                Ok(Err(error)) => Err(error.into()),
                Err(failure) => fail(wire, &failure).await,
            }
        }
        Request::Open { stream, preset, identity, options, is_live, continues } => {
            let request = HostedRequest {
                stream: stream.to_owned(),
                preset: preset.to_owned(),
                identity: identity.to_owned(),
                options: serde_json::from_str(options)?,
                pace: if is_live { Pace::Live } else { Pace::File },
                continues,
            };
            // A refusal is recorded where it is made.
            let place = match visitor.admit() {
                Ok(admitted) => admitted.host(request).await,
                Err(failure) => Err(failure),
            };
            match place {
                Ok(place) => {
                    wire.answer(&Answer::Done).await?;
                    process(wire, place).await
                }
                Err(failure) => fail(wire, &failure).await,
            }
        }
        Request::Init { .. } | Request::Restore { .. } | Request::Process { .. } => Err(out_of_turn()),
    }
}

/// Tells how full the host is until the front closes, or the host stops and has no streams any more.
async fn tell(wire: &mut Wire, visitor: &Visitor) -> io::Result<()> {
    loop {
        let status = visitor.sessions.host_status();
        let text = serde_json::to_string(&status)?;
        wire.answer(&Answer::Status(&text)).await?;
        if status.stopping && status.streams == 0 {
            return Ok(());
        }
        tokio::select! {
            () = wire.stirs() => return Ok(()),
            () = sleep(TELL_EVERY) => {}
        }
    }
}

/// Serves a stream, from its processor to its end.
async fn process(wire: &mut Wire, place: HostedPlace) -> io::Result<()> {
    let mut stream = match wire.request().await? {
        Request::Init { offset } => place.begin(offset, None),
        Request::Restore { sample, state } => place.begin(sample, Some(state)),
        _ => return Err(out_of_turn()),
    };
    while finish_call(wire, &mut stream).await? {
        loop {
            match wire.request().await? {
                Request::Init { offset } => match stream.start(offset) {
                    Ok(true) => {}
                    Ok(false) => {
                        wire.answer(&Answer::Done).await?;
                        continue;
                    }
                    Err(failure) => return fail(wire, &failure).await,
                },
                Request::Process { audio, then: Then::More } => stream.process(to_samples(audio)),
                Request::Process { audio, then: Then::Flush } => stream.flush(to_samples(audio)),
                Request::Process { audio, then: Then::End } => stream.finish(to_samples(audio)),
                Request::Process { then: Then::EndTurn, .. } => stream.end_turn(),
                _ => return Err(out_of_turn()),
            }
            break;
        }
    }
    Ok(())
}

/// Sends what the running call reports, and its end. Returns whether the stream goes on.
async fn finish_call(wire: &mut Wire, stream: &mut HostedStream) -> io::Result<bool> {
    loop {
        match stream.next().await {
            Step::Reports(reports) => {
                for report in reports {
                    report.with(|event| wire.add(&Answer::Event(event)))?;
                }
                // With the end of the call, unless that comes later.
                if !stream.is_at_rest() {
                    wire.send().await?;
                }
            }
            Step::Over => {
                wire.answer(&Answer::Done).await?;
                return Ok(true);
            }
            Step::Failed(failure) => {
                fail(wire, &failure).await?;
                return Ok(false);
            }
            Step::Lost => {
                wire.answer(&Answer::Lost).await?;
                return Ok(false);
            }
        }
    }
}

async fn fail(wire: &mut Wire, failure: &Failure) -> io::Result<()> {
    wire.answer(&Answer::failed(failure, &failure.code.name())).await
}

fn out_of_turn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a request out of turn")
}
