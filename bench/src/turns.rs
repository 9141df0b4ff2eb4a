//! The stages that find turns: how soon after the end of speech they end one, how often too early, and how often too late.
//!
//! Utterances of real speech are sent at the speed of speech on several streams at once, each with a pause put into it and the quiet of
//! a room after it (`recipe`). A turn that ends before its utterance does is an early end. One that is not over after two seconds of
//! quiet is a miss; the delay is that of the others, from the end of speech as Silero hears it to the arrival of `turn_ended`.
//! All stages get the same audio, behind the preset `digits`, whose engine costs little.

mod recipe;
mod stream;

use crate::{Done, from_xtask, host::server, recording, stats};
use recipe::Utterance;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, sync::Arc};
use stream::Outcome;
use tokio::task::JoinSet;

const PRESET: &str = "turns";
/// In ms, from the end of speech.
const AIM: f64 = 400.0;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder of recordings of English: WAV files of 16 kHz, one channel, with a text file next to each
    #[arg(long)]
    audio: PathBuf,
    /// Number of concurrent streams
    #[arg(long, default_value_t = 10)]
    streams: usize,
    /// How often each recording is used, with other pauses
    #[arg(long, default_value_t = 4)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> Done {
    let runtime = from_xtask("AURICLE_RUNTIME")?;
    let all = recipe::utterances(&options.audio, options.rounds, &runtime)?;
    let pauses = all.iter().filter(|utterance| utterance.has_pause).count();
    println!("{} utterances, {pauses} with a pause in them; {} streams", all.len(), options.streams);
    println!("| stage | median | P99 | early ends | misses | processor time |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let silence = |seconds: f64| json!({"stage": "silence-turn", "silence_seconds": seconds});
    let stages = [
        ("`silence-turn`, 0.3 s", silence(0.3)),
        ("`silence-turn`, 0.5 s", silence(0.5)),
        ("`silence-turn`, 0.7 s", silence(0.7)),
        ("`silence-turn`, 1.0 s", silence(1.0)),
        ("`smart-turn`", json!({"stage": "smart-turn"})),
        ("`smart-turn`, `end_threshold` 0.7", json!({"stage": "smart-turn", "end_threshold": 0.7})),
    ];
    let mut last = 0.0;
    for (name, stage) in stages {
        let (outcomes, cost) = measure(stage, &all, options.streams)?;
        let delays: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.delay_ms).collect();
        let early: usize = outcomes.iter().map(|outcome| outcome.early).sum();
        let misses = outcomes.iter().filter(|outcome| outcome.delay_ms.is_none()).count();
        let [median, most] = [0.5, 0.99].map(|share| stats::quantile(&delays, share));
        println!("| {name} | {median:.0} ms | {most:.0} ms | {early} | {misses} | {:.1} ms/s |", cost * 1000.0);
        if name == "`smart-turn`" {
            last = most;
        }
    }
    println!("P99 of `smart-turn` {last:.0} ms (aim {AIM:.0})");
    Ok(())
}

/// Sends all utterances, each on one of the streams; returns what became of them, and the processor seconds for a second of audio.
fn measure(stage: Value, all: &[Arc<Utterance>], streams: usize) -> Done<(Vec<Outcome>, f64)> {
    let mut preset: Value = serde_json::from_str(&fs::read_to_string(recording::path("configs/presets/digits.json"))?)?;
    preset["stages"] = json!([stage]);
    preset["host"] = json!({"preload": true, "concurrency": 2});
    // No stream is refused because others keep the processors busy.
    let settings = format!("{}max_load = 1000.0\n", server::SETTINGS);
    let setup = server::setup(&settings, &[(PRESET, &preset.to_string())])?.plugins(&from_xtask("AURICLE_PLUGINS")?);
    let host = setup.resource(&from_xtask("AURICLE_RUNTIME")?).resource(&from_xtask("AURICLE_MODELS")?).start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mine = |stream: usize| all.iter().skip(stream).step_by(streams).cloned().collect::<Vec<_>>();
    runtime.block_on(async {
        // Waits for the model.
        stream::send(host.address().to_owned(), PRESET, vec![Arc::new(Utterance::quiet())]).await?;
        let before = server::cpu_with_workers(&host)?;
        let mut running = JoinSet::new();
        for stream in 0..streams {
            running.spawn(stream::send(host.address().to_owned(), PRESET, mine(stream)));
        }
        let mut outcomes = Vec::new();
        for sent in running.join_all().await {
            outcomes.extend(sent?);
        }
        let used = server::cpu_with_workers(&host)? - before;
        let seconds: f64 = all.iter().map(|utterance| utterance.seconds()).sum();
        Ok((outcomes, used / seconds))
    })
}
