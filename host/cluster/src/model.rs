//! A preset's model on the engine hosts, called like one in a worker process.
//!
//! Invariant: a processor that continues what another one began is on an engine host whose preset has the same identity.
//! Threads: those of the model's scheduler; they wait for the engine host.

use super::{
    EngineHosts,
    link::{Link, Received},
    messages::{Answer, Request, ToldPreset, failure},
    processor::{HostedProcessor, OpenError},
};
use auricle_core::{Failure, FailureCode, Pace};
use auricle_engines::plugins::Elsewhere;
use auricle_plugin_api::{Error, Metadata};
use auricle_stream::{BatchEntry, CallError, Model, Processor};
use serde_json::{Map, Value};
use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Time between two looks for an engine host.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// Where the models of a preset are.
#[derive(Debug, Clone)]
pub(crate) struct PresetModels {
    hosts: Arc<EngineHosts>,
    preset: String,
    identity: String,
    /// The fields that clients may set, and what the preset sets: only what differs is sent.
    open: Vec<String>,
    fields: Map<String, Value>,
}

/// A preset's model, wherever it is loaded.
#[derive(Debug)]
struct HostedModel {
    models: PresetModels,
    metadata: Metadata,
}

impl PresetModels {
    pub(crate) fn new(hosts: Arc<EngineHosts>, told: &ToldPreset) -> Self {
        let (preset, identity) = (told.name.clone(), told.identity.clone());
        Self { hosts, preset, identity, open: told.open.clone(), fields: told.fields.clone() }
    }

    /// Has an engine host load the model. Returns its metadata.
    fn ask(&self, link: &mut Link, limit: Duration) -> io::Result<Result<Metadata, Failure>> {
        link.send(&Request::Load { preset: &self.preset, identity: &self.identity })?;
        let begun = Instant::now();
        while begun.elapsed() < limit {
            match link.receive::<Answer<'_>>()? {
                Received::Message(Answer::Loaded(metadata)) => return Ok(Ok(serde_json::from_str(metadata)?)),
                Received::Message(Answer::Failed { code, message, detail }) => {
                    return Ok(Err(failure(code, message, detail)));
                }
                Received::Message(_) => return Err(io::Error::other("an answer to another request")),
                Received::Nothing => {}
            }
        }
        Err(io::Error::other(format!("the model did not load within {} s", limit.as_secs_f64())))
    }
}

impl Elsewhere for PresetModels {
    fn unavailable(&self) -> Option<String> {
        let is_there = self.hosts.room(&self.preset, &self.identity).is_some();
        (!is_there).then(|| "no engine host serves it now; try again later".to_owned())
    }

    fn load(&self) -> Result<Box<dyn Model>, Error> {
        let settings = &self.hosts.settings;
        let (mut tried, mut problem) = (Vec::<String>::new(), "no engine host serves it now".to_owned());
        while let Some(host) = self.hosts.choose(&self.preset, &self.identity, true, &tried) {
            let link = Link::connect(&host.address, settings);
            let asked = link.map_err(|error| error.to_string()).and_then(|mut link| {
                let answer = self.ask(&mut link, settings.load_limit).map_err(|error| error.to_string())?;
                answer.map_err(|failure| failure.explained())
            });
            match asked {
                Ok(mut metadata) => {
                    // Batches are made on the engine hosts, whose limits are told as room.
                    (metadata.max_batch, metadata.ends_in_batch, metadata.max_streams) = (1, false, None);
                    return Ok(Box::new(HostedModel { models: self.clone(), metadata }));
                }
                Err(error) => problem = format!("engine host {}: {error}", host.address),
            }
            tried.push(host.address.clone());
        }
        Err(Error::other(problem))
    }
}

impl Model for HostedModel {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        self.processor_for(stream, options, Pace::Live, false)
    }

    /// Tries the engine hosts, the best first. A stream that runs already waits a while for one.
    fn processor_for(
        &self,
        stream: &str,
        options: &Map<String, Value>,
        pace: Pace,
        continues: bool,
    ) -> Result<Box<dyn Processor>, CallError> {
        let PresetModels { hosts, preset, identity, open, fields } = &self.models;
        let of_client = |(name, value): &(&String, &Value)| open.contains(name) && fields.get(*name) != Some(*value);
        let options = options.iter().filter(of_client).map(|(name, value)| (name.clone(), value.clone())).collect();
        let options = Value::Object(options).to_string();
        let is_live = pace == Pace::Live;
        let request = Request::Open { stream, preset, identity, options: &options, is_live, continues };
        let begun = Instant::now();
        let (mut tried, mut last) = (Vec::<String>::new(), None);
        loop {
            let Some(host) = hosts.choose(preset, identity, continues, &tried) else {
                if continues && begun.elapsed() < hosts.settings.patience {
                    tried.clear();
                    thread::sleep(RETRY_EVERY);
                    continue;
                }
                return Err(CallError::Failed(last.unwrap_or_else(no_host)));
            };
            match HostedProcessor::open(&host, &hosts.hosts, (preset, identity), &request, is_live) {
                Ok(processor) => {
                    tracing::debug!(stream, engine_host = host.address, "placed");
                    return Ok(Box::new(processor));
                }
                Err(OpenError::Refused(failure)) if is_final(failure.code) => return Err(CallError::Failed(failure)),
                Err(OpenError::Refused(failure)) => last = Some(failure),
                Err(OpenError::Unreachable(problem)) => {
                    tracing::warn!(stream, engine_host = host.address, "the stream is not opened there: {problem}");
                }
            }
            tried.push(host.address.clone());
        }
    }

    fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        for BatchEntry { processor, audio, ends, sink, outcome } in batch {
            *outcome =
                if *ends { processor.finish(audio, &mut **sink) } else { processor.process(audio, false, &mut **sink) };
        }
    }

    fn is_isolated(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn unavailable(&self) -> Option<String> {
        self.models.unavailable()
    }

    fn room(&self) -> Option<usize> {
        self.models.hosts.room(&self.models.preset, &self.models.identity)
    }
}

/// Whether another engine host would refuse the stream too.
fn is_final(code: FailureCode) -> bool {
    use FailureCode as C;
    matches!(code, C::InvalidOption | C::ForbiddenField | C::EngineError | C::EngineCrashed | C::EngineTimeout)
}

fn no_host() -> Failure {
    Failure::new(FailureCode::EngineUnavailable, "no engine host is available for this stream; try again later")
}
