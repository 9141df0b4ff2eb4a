//! Auricle's side: the plugin file, opened as by the server, in this process.

use super::{BEAM, CHUNK, FinalWord, PIECE, Results, Side, TRIM};
use crate::{Done, plugin::cpu, recording::RATE};
use auricle_plugin_api::Error;
use auricle_plugin_test::{Recording, StubHost, TestEngine, TestModel};
use serde_json::json;

pub(super) fn open(engine: &TestEngine, host: &StubHost, samples: Vec<f32>, temperatures: &[f64]) -> Done<Side> {
    let fields = json!({
        "model": "fast-int8",
        "threads": 1,
        "lan": "en",
        "vac": true,
        "vad": "silero",
        "min_chunk_size": CHUNK,
        "buffer_trimming_sec": TRIM,
        "beam_size": BEAM,
        "temperature": temperatures,
    });
    let (model, host) = (engine.try_load(fields).map_err(|problem| problem.to_string())?, host.clone());
    let run = move || run(&model, &host, &samples).map_err(|problem| problem.to_string().into());
    Ok(Side::new("Auricle int8", run))
}

fn run(model: &TestModel, host: &StubHost, samples: &[f32]) -> Result<Results, Error> {
    host.take_log();
    let mut processor = model.loaded().processor(model.config())?;
    processor.init(0)?;
    let mut results = Results { cpu: 0.0, decodes: 0, words: Vec::new() };
    let (mut clock, mut inserted) = (0.0f64, 0);
    let mut pieces = samples.chunks(PIECE);
    loop {
        let piece = pieces.next();
        inserted += piece.map_or(0, <[f32]>::len);
        let mut reported = Recording::default();
        let begun = cpu();
        match piece {
            Some(piece) => {
                processor.insert_audio_chunk(piece)?;
                processor.process_iter(&mut reported)?;
            }
            None => processor.finish(&mut reported)?,
        }
        let cost = cpu() - begun;
        results.cpu += cost;
        // A buffer is decoded once per piece, even if it has several windows.
        results.decodes += usize::from(host.take_log().iter().any(|line| line.message.contains("decoded")));
        clock = clock.max(inserted as f64 / RATE) + cost;
        results.words.extend(reported.words().map(|word| FinalWord { text: word.text().into_owned(), at: clock }));
        if piece.is_none() {
            break;
        }
    }
    Ok(results)
}
