//! The savings of the optimizations of a network (engine `onnx`, field `optimize`), and their effects on the text: each
//! optimization of each model alone and with others, in turns with the original file.
//!
//! A step is the work for one chunk of a stream, including features and search, in processor time; measured alone, and
//! in a batch of eight. Texts are compared token by token, with each stream alone. The engine itself reports how far an
//! optimization changes the output for noise.

use crate::{
    Done,
    plugin::{self, cpu},
    recording, stats,
};
use auricle_plugin_api::{
    Error,
    host::{BatchEntry, LogLevel},
};
use auricle_plugin_test::{Recording, TestModel, audio::wav_floats};
use serde_json::json;
use std::path::{Path, PathBuf};

const ROUNDS: usize = 9;
/// Number of steps of a stream per round.
const STEPS: usize = 12;
const BATCH: usize = 8;
const RECORDINGS: [&str; 2] = ["fixtures/demo.wav", "fixtures/digits.wav"];
const FORMS: [&[&str]; 4] = [&[], &["projected-cache"], &["int8"], &["projected-cache", "int8"]];

/// A model with some optimizations.
struct Variant {
    forms: String,
    model: TestModel,
    /// Processor time per step in milliseconds, alone and in a batch.
    times: [Vec<f64>; 2],
}

/// Prints a table. The ratio in the last line is that of the last model with all optimizations, in a batch.
pub(crate) fn run(models: &[PathBuf]) -> Done {
    let recordings = RECORDINGS.map(|file| wav_floats(&recording::path(file)));
    println!(
        "medians of {ROUNDS} rounds of {STEPS} steps; ms of CPU for a step: alone, and of each of {BATCH} together"
    );
    let mut last = None;
    for model in models {
        let mut variants = Vec::new();
        for forms in FORMS {
            match open(model, forms) {
                Ok(variant) => variants.push(variant),
                Err(refusal) => println!("without {}: {refusal}", forms.join(" + ")),
            }
        }
        let chunk = variants.first().map_or(1, |variant| variant.model.metadata().chunk_samples as usize);
        let audio: Vec<f32> = recordings.concat().into_iter().cycle().take(chunk * (STEPS + 2)).collect();
        // The first round warms up.
        for round in 0..=ROUNDS {
            let count = variants.len();
            for turn in 0..count {
                let variant = &mut variants[(round + turn) % count];
                for (streams, times) in [1, BATCH].into_iter().zip(&mut variant.times) {
                    let time = step(&variant.model, &audio, streams).map_err(|error| error.to_string())?;
                    times.extend((round > 0).then_some(time));
                }
            }
        }
        println!("\n{}", model.file_name().unwrap_or_default().display());
        last = print(&variants, &recordings)?.or(last);
    }
    println!("ratio {:.3}", last.ok_or("no model has an optimization")?);
    Ok(())
}

fn open(model: &Path, forms: &[&str]) -> Done<Variant> {
    let (Some(models), Some(name)) = (model.parent(), model.file_name().and_then(|name| name.to_str())) else {
        return Err(format!("{} is not the folder of a model", model.display()).into());
    };
    let (engine, _) = plugin::open("onnx", models, LogLevel::Error)?;
    let fields = json!({"model": name, "optimize": forms, "tokens": true});
    let model = engine.try_load(fields).map_err(|problem| problem.to_string())?;
    let forms = if forms.is_empty() { "as it is".into() } else { forms.join(" + ") };
    Ok(Variant { forms, model, times: Default::default() })
}

/// Processor time per step of each stream, in milliseconds.
fn step(model: &TestModel, audio: &[f32], streams: usize) -> Result<f64, Error> {
    let open = |_| model.loaded().processor(model.config()).map(|processor| (processor, Recording::default()));
    let mut streams = (0..streams).map(open).collect::<Result<Vec<_>, _>>()?;
    for (processor, _) in &mut streams {
        processor.init(0)?;
    }
    let chunk = model.metadata().chunk_samples as usize;
    let mut begun = cpu();
    for (number, piece) in audio.chunks(chunk).enumerate() {
        // During the first two chunks there may be no step yet, or a slow one.
        if number == 2 {
            begun = cpu();
        }
        let mut entries = Vec::with_capacity(streams.len());
        for (processor, sink) in &mut streams {
            processor.insert_audio_chunk(piece)?;
            entries.push(BatchEntry { processor, sink, result: Ok(()) });
        }
        model.loaded().process_batch(&mut entries);
        entries.into_iter().try_for_each(|entry| entry.result)?;
    }
    Ok((cpu() - begun) * 1e3 / STEPS as f64 / streams.len() as f64)
}

/// Prints a model's rows; returns the ratio of all its optimizations to the original file.
fn print(variants: &[Variant], recordings: &[Vec<f32>]) -> Done<Option<f64>> {
    let Some((plain, cheaper)) = variants.split_first() else { return Ok(None) };
    let expected = tokens(plain, recordings);
    let [alone, together] = plain.times.each_ref().map(|times| stats::median(times));
    print!("{:<24}", "");
    ["alone", "ratio", "together", "ratio", "tokens", "changed", "sureness", "moved"]
        .iter()
        .for_each(|name| print!("{name:>10}"));
    println!("\n{:<24}{alone:>10.2}{:>10}{together:>10.2}{:>10}{:>10}", plain.forms, "", "", expected.len());
    let mut last = None;
    for variant in cheaper {
        let [alone, together] = variant.times.each_ref().map(|times| stats::median(times));
        let ratios = [0, 1].map(|which| stats::ratio(&plain.times[which], &variant.times[which]));
        let found = tokens(variant, recordings);
        let (changed, sureness) = differences(&expected, &found);
        let effects = &variant.model.metadata().extra["optimize"];
        let moved = effects.as_array().and_then(|effects| effects.last()?["moved"].as_f64()).unwrap_or(f64::NAN);
        println!(
            "{:<24}{alone:>10.2}{:>10.2}{together:>10.2}{:>10.2}{:>10}{changed:>10}{:>10}{moved:>10.2e}",
            variant.forms,
            ratios[0],
            ratios[1],
            found.len(),
            sureness.map_or_else(String::new, |sureness| format!("{sureness:.4}"))
        );
        last = Some(ratios[1]);
    }
    Ok(last)
}

/// The tokens of recordings, each with its confidence.
fn tokens(variant: &Variant, recordings: &[Vec<f32>]) -> Vec<(String, f64)> {
    let mut tokens = Vec::new();
    for audio in recordings {
        for segment in variant.model.run_in_chunks(audio, audio.len()).segments {
            for token in segment.extra["tokens"].as_array().into_iter().flatten() {
                tokens.push((token[0].as_str().unwrap_or_default().to_owned(), token[3].as_f64().unwrap_or_default()));
            }
        }
    }
    tokens
}

/// The number of tokens that were inserted, deleted or replaced; if there is none, the largest difference in a token's
/// confidence.
fn differences(expected: &[(String, f64)], found: &[(String, f64)]) -> (usize, Option<f64>) {
    let mut row: Vec<usize> = (0..=found.len()).collect();
    for (number, (token, _)) in expected.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = number + 1;
        for (place, (other, _)) in found.iter().enumerate() {
            let kept = diagonal + usize::from(token != other);
            diagonal = row[place + 1];
            row[place + 1] = kept.min(row[place] + 1).min(diagonal + 1);
        }
    }
    let changed = row[found.len()];
    let sureness = expected.iter().zip(found).map(|(one, other)| (one.1 - other.1).abs()).fold(0.0, f64::max);
    (changed, (changed == 0).then_some(sureness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_by_the_least_that_was_changed() {
        let tokens = |text: &str| -> Vec<(String, f64)> { text.chars().map(|token| (token.into(), 0.5)).collect() };
        for (expected, found, changed) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "xabc", 1), ("abc", "ac", 1), ("abc", "axc", 1), ("", "ab", 2)]
        {
            assert_eq!(differences(&tokens(expected), &tokens(found)).0, changed, "{expected} {found}");
        }
        assert_eq!(differences(&tokens("ab"), &[("a".into(), 0.25), ("b".into(), 0.5)]), (0, Some(0.25)));
        assert_eq!(differences(&tokens("ab"), &tokens("b")).1, None);
    }
}
