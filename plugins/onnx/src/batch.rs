//! Steps of several streams in a batch: their windows in the encoder, their frames in the search.
//!
//! Invariant: each stream has the same result as alone, except for the last digits of numbers. A step that fails leaves
//! the caches of all streams unchanged, and fails for all. Threads: that of the call.

use crate::{model::Recognizer, processor::Processor, search::Job};
use auricle_plugin_api::{BatchItem, Error};
use std::slice;

/// Runs all steps whose features are complete, each for all streams that have them; streams that end are processed to
/// their end.
pub(crate) fn process(model: &Recognizer, batch: &mut [BatchItem<'_, Processor>]) {
    batch.iter_mut().filter(|item| item.ends).for_each(|item| item.processor.end_audio());
    steps(model, batch);
    for item in batch.iter_mut().filter(|item| item.ends && item.result.is_ok()) {
        item.processor.end_utterance(&mut item.sink);
    }
}

fn steps(model: &Recognizer, batch: &mut [BatchItem<'_, Processor>]) {
    loop {
        let ready = |item: &BatchItem<'_, Processor>| item.result.is_ok() && item.processor.ready();
        let mut items: Vec<&mut BatchItem<'_, Processor>> = batch.iter_mut().filter(|item| ready(item)).collect();
        if items.is_empty() {
            return;
        }
        let mut streams: Vec<&mut Processor> = items.iter_mut().map(|item| &mut *item.processor).collect();
        let stepped = step(model, &mut streams);
        for item in items {
            item.result = stepped.clone().and_then(|()| item.processor.report(&mut item.sink));
        }
    }
}

/// Runs a step of streams that are ready. [`Processor::report`] reports the results.
pub(crate) fn step(model: &Recognizer, streams: &mut [&mut Processor]) -> Result<(), Error> {
    let size = model.encoder.window_values();
    let mut bench = model.encoder.bench();
    let windows = bench.windows(size * streams.len()).chunks_exact_mut(size);
    windows.zip(&mut *streams).for_each(|(window, stream)| stream.take_window(window));
    let mut caches: Vec<_> = streams.iter_mut().map(|stream| &mut stream.caches).collect();
    let frames = model.encoder.step(bench, &mut caches)?;
    let frames = frames.view()?;
    let jobs = frames.outer_iter().zip(streams).map(|(frames, stream)| Job {
        frames,
        search: &mut stream.search,
        options: &stream.options.search,
    });
    model.decoder.decode(jobs.collect())
}

/// Runs a step of one stream.
pub(crate) fn step_alone(model: &Recognizer, mut stream: &mut Processor) -> Result<(), Error> {
    step(model, slice::from_mut(&mut stream))
}
