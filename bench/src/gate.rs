//! What a voice gate changes: words where nobody speaks, first words, wrong words, and the cost of silence.
//!
//! The presets that come with Auricle are measured as they are and with both kinds of gates, on the same audio: silence, noise
//! and music; quiet starts, which are recordings cut at their first word behind the noise of a room; and the recordings
//! with as much silence around them as speech. Each is a stream of its own, one after another. Processor time is that of the
//! server and its workers.

mod recordings;
mod sounds;

use crate::{Done, from_xtask, host::server, recording};
use auricle_core::word_errors::{self, Errors, Step, align};
use auricle_plugin_test::{
    audio::bytes,
    server::{Client, Host},
};
use recordings::{Recording, words};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// The presets of the repository that recognise speech.
const PRESETS: [&str; 3] = ["digits", "pocketsphinx", "whisper"];
/// The gates, and their names in the table. A gate of a preset itself is removed first.
const GATES: [(&str, Option<&str>); 3] = [("without", None), ("utterance", Some("utterance")), ("skip", Some("skip"))];
/// The preset that gets recordings of digits.
const DIGITS: &str = "digits";
const RATE: usize = 16_000;
/// Bytes of a message with audio.
const MESSAGE: usize = 32_000;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder of recordings of English: WAV files of 16 kHz, one channel, with a text file next to each
    #[arg(long)]
    audio: PathBuf,
    /// Folder of the Free Spoken Digit Dataset, for the preset `digits`
    #[arg(long)]
    digits: Option<PathBuf>,
    /// Presets to measure
    #[arg(long, value_delimiter = ',')]
    presets: Vec<String>,
    /// Seconds of silence, noise and music
    #[arg(long, default_value_t = 300)]
    seconds: usize,
    /// Number of quiet starts
    #[arg(long, default_value_t = 100)]
    starts: usize,
}

/// The results of a preset with one of the gates.
struct Row {
    /// Words in silence, noise and music.
    invented: [usize; 3],
    /// Quiet starts whose first word was recognised.
    kept: usize,
    errors: Errors,
    /// Processor seconds for a second of recordings with pauses.
    cost: f64,
}

pub(crate) fn run(options: &Options) -> Done {
    let network = recordings::Onsets::load(&from_xtask("AURICLE_RUNTIME")?)?;
    let english = Recording::find(&options.audio)?;
    let digits = match &options.digits {
        Some(folder) => Recording::find_digits(folder)?,
        None => vec![Recording::read(&recording::path("fixtures/digits.wav"))?],
    };
    let all = PRESETS.map(str::to_owned).to_vec();
    let presets = if options.presets.is_empty() { &all } else { &options.presets };
    println!(
        "Words in {} s of silence, noise and music; first words of {} quiet starts; words of recordings with pauses",
        options.seconds, options.starts
    );
    println!("| preset | gate | silence | noise | music | first words | wrong words | processor time |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for preset in presets {
        let recordings = if preset == DIGITS { &digits } else { &english };
        let starts = sounds::quiet_starts(recordings, options.starts, &network)?;
        let mut first = None;
        for (name, cut) in GATES {
            let row = measure(preset, cut, options.seconds, &starts, recordings)?;
            let share = row.cost / *first.get_or_insert(row.cost);
            let [silence, noise, music] = row.invented;
            println!(
                "| {preset} | {name} | {silence} | {noise} | {music} | {} of {} | {} of {}, {:.1} % | {:.1} ms/s, {share:.2} |",
                row.kept,
                starts.len(),
                row.errors.total(),
                row.errors.reference,
                row.errors.rate() * 100.0,
                row.cost * 1_000.0,
            );
        }
    }
    Ok(())
}

fn measure(
    preset: &str,
    cut: Option<&str>,
    seconds: usize,
    starts: &[Recording],
    recordings: &[Recording],
) -> Done<Row> {
    let file = recording::path(&format!("configs/presets/{preset}.json"));
    let mut fields: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    fields["host"]["preload"] = json!(true);
    fields["host"]["voice_gate"] = cut.map_or(Value::Null, |cut| json!({"cut": cut}));
    let setup = server::setup(server::SETTINGS, &[(preset, &fields.to_string())])?;
    let setup = setup.plugins(&from_xtask("AURICLE_PLUGINS")?).resource(&from_xtask("AURICLE_MODELS")?);
    let host = setup.resource(&from_xtask("AURICLE_RUNTIME")?).start();
    let heard = |samples: &[i16]| text(&host, preset, samples);
    // The first stream waits for the model.
    heard(&[0; RATE]);
    let sounds = [sounds::silence, sounds::noise, sounds::music];
    let invented = sounds.map(|sound| word_errors::words(&heard(&sound(seconds))).len());
    let is_kept = |start: &&Recording| {
        let first = start.words.first();
        let steps = align(&start.words, &words(&heard(&start.samples)));
        first.is_some_and(|first| {
            steps.iter().find(|step| !matches!(step, Step::Inserted(_))) == Some(&Step::Same(first.clone()))
        })
    };
    let kept = starts.iter().filter(is_kept).count();
    let (mut errors, mut length, before) = (Vec::new(), 0, server::cpu_with_workers(&host)?);
    for recording in recordings {
        let samples = recording.with_pause();
        errors.push(Errors::of(&align(&recording.words, &words(&heard(&samples)))));
        length += samples.len();
    }
    let used = server::cpu_with_workers(&host)? - before;
    Ok(Row { invented, kept, errors: errors.into_iter().sum(), cost: used * RATE as f64 / length as f64 })
}

/// Streams the audio as fast as the engine takes it.
fn text(host: &Host, preset: &str, samples: &[i16]) -> String {
    let mut client = Client::open(host, preset, json!({"pace": "file"}));
    client.audio_in_frames(&bytes(samples), MESSAGE);
    client.finish().join(" ")
}
