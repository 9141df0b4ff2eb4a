//! Auricle's side: the plugin file as the server opens it, in this process.

use super::{BEAM, CHUNK, Heard, PIECE, Side, TRIM, Told};
use crate::{
    Done,
    plugin::{self, Server, cpu},
    recording::RATE,
};
use auricle_plugin_api::{
    Error,
    host::{LoadedEngine, LoadedModel},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn open(engine: &LoadedEngine, server: &Arc<Server>, samples: Vec<f32>, temperatures: &[f64]) -> Done<Side> {
    let server = Arc::clone(server);
    let mut config: Map<String, Value> = engine.schema().defaults().collect();
    let wanted = json!({
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
    config.extend(wanted.as_object().cloned().unwrap_or_default());
    let model = engine.load(&config).map_err(|problem| problem.to_string())?;
    let hear = move || hear(&model, &config, &server, &samples).map_err(|problem| problem.to_string().into());
    Ok(Side::new("Auricle int8", hear))
}

fn hear(model: &LoadedModel, config: &Map<String, Value>, server: &Server, samples: &[f32]) -> Result<Heard, Error> {
    server.lines();
    let mut processor = model.processor(config)?;
    processor.init(0)?;
    let mut heard = Heard { cpu: 0.0, decodes: 0, words: Vec::new() };
    let (mut clock, mut inserted) = (0.0f64, 0);
    let mut pieces = samples.chunks(PIECE);
    loop {
        let piece = pieces.next();
        inserted += piece.map_or(0, <[f32]>::len);
        let mut told = plugin::Told::default();
        let begun = cpu();
        match piece {
            Some(piece) => {
                processor.insert_audio_chunk(piece)?;
                processor.process_iter(&mut told)?;
            }
            None => processor.finish(&mut told)?,
        }
        let cost = cpu() - begun;
        heard.cpu += cost;
        // A buffer is decoded once for a piece, though its windows may be several.
        heard.decodes += usize::from(server.lines().iter().any(|line| line.contains("decoded")));
        clock = clock.max(inserted as f64 / RATE) + cost;
        let words = told.segments.iter().flat_map(|segment| &segment.words);
        heard.words.extend(words.map(|word| Told { text: word.text().into_owned(), at: clock }));
        if piece.is_none() {
            break;
        }
    }
    Ok(heard)
}
