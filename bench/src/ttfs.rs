//! Time to the final text, as the `stt-benchmark` of Pipecat defines it: from the end of speech to the last text of an utterance,
//! with Whisper tiny.en.
//!
//! Utterances are sent at the speed of speech, each on a stream of its own, with silence after it. Either the server finds the end
//! of speech itself, or the client does with Silero and 200 ms of silence, and asks for the text then (`flush`). Neither knows the
//! end that the utterance is labelled with. A text that came before the end of speech was cut off too early: such utterances are
//! counted, and their times are not.

mod detector;
mod utterance;

use crate::{Done, from_xtask, host::server, stats};
use auricle_client::Server;
use auricle_core::word_errors::Errors;
use auricle_plugin_test::server::Host;
use detector::Detector;
use serde_json::json;
use std::{path::Path, sync::Arc};
use tokio::task::JoinSet;
use utterance::{Outcome, Trigger, Utterance};

const PRESET: &str = "live";
/// The model's folder, in the working folder.
const MODEL: &str = "tiny.en";
/// In milliseconds: median, 95th and 99th percentile.
const AIMS: [u32; 3] = [250, 350, 450];

/// `work` has what `bench/live/prepare.py` made. Runs with one stream, and with `streams`.
pub(crate) fn run(work: &Path, utterances: usize, streams: usize) -> Done {
    let all = Utterance::find(work, utterances)?;
    let host = host(work)?;
    let detector = Detector::load(&from_xtask("AURICLE_RUNTIME")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{} utterances; ms from the end of speech to the last text", all.len());
    println!(
        "{:>8}  {:<28}{:>7}{:>7}{:>7}{:>12}{:>10}{:>9}",
        "streams", "end found by", "p50", "p95", "p99", "cut early %", "no text", "% wrong"
    );
    let mut best = [f64::INFINITY; 3];
    for streams in if streams > 1 { vec![1, streams] } else { vec![1] } {
        for trigger in [Trigger::Server, Trigger::Client] {
            let outcomes = runtime.block_on(measure(&host, &all, streams, trigger, &detector))?;
            let times: Vec<f64> =
                outcomes.iter().filter(|outcome| !outcome.early).filter_map(|outcome| outcome.final_ms).collect();
            let found = [0.5, 0.95, 0.99].map(|share| stats::quantile(&times, share));
            let early = outcomes.iter().filter(|outcome| outcome.early).count() as f64 / outcomes.len() as f64;
            let silent = outcomes.iter().filter(|outcome| outcome.final_ms.is_none()).count();
            let errors: Errors = outcomes.iter().map(|outcome| outcome.errors).sum();
            let [p50, p95, p99] = found;
            println!(
                "{streams:>8}  {:<28}{p50:>7.0}{p95:>7.0}{p99:>7.0}{:>12.1}{silent:>10}{:>9.1}",
                trigger.name(),
                early * 100.0,
                errors.rate() * 100.0
            );
            if p50 < best[0] {
                best = found;
            }
        }
    }
    let [p50, p95, p99] = best;
    println!("p50 {p50:.0}, p95 {p95:.0}, p99 {p99:.0} ms (aim {AIMS:?})");
    Ok(())
}

fn host(work: &Path) -> Done<Host> {
    let preset = json!({
        "backend": "whisper", "model": MODEL, "lan": "en", "vac": true, "vad": "silero", "host": {"concurrency": 2, "preload": true},
    });
    // No stream is refused because others keep the processors busy.
    let settings = format!("{}max_load = 1000.0\n", server::SETTINGS);
    let setup = server::setup(&settings, &[(PRESET, &preset.to_string())])?.plugins(&from_xtask("AURICLE_PLUGINS")?);
    Ok(setup.resource(&from_xtask("AURICLE_RUNTIME")?).resource(work).start())
}

/// Sends all utterances, so many at a time.
async fn measure(
    host: &Host,
    all: &[Arc<Utterance>],
    streams: usize,
    trigger: Trigger,
    detector: &Detector,
) -> Done<Vec<Outcome>> {
    let server = Server::at(host.address().parse()?);
    // Loads the model.
    all[0].send(&server, PRESET, trigger, detector.stream()).await?;
    let (mut running, mut outcomes) = (JoinSet::new(), Vec::new());
    for utterance in all {
        if running.len() == streams {
            outcomes.extend(running.join_next().await.transpose()?.transpose()?);
        }
        let (utterance, server, detector) = (Arc::clone(utterance), server.clone(), detector.stream());
        running.spawn(async move { utterance.send(&server, PRESET, trigger, detector).await });
    }
    for outcome in running.join_all().await {
        outcomes.push(outcome?);
    }
    Ok(outcomes)
}
