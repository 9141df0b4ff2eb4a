//! The cost of a call across the plugin boundary: the same `insert_audio_chunk` of the same processor, as a trait
//! object in this program, behind the boundary in this program, in a plugin file, and in a plugin file in C.
//!
//! In each round all variants run in turn, and each round starts with another one, so that disturbances affect all of
//! them alike. One thread.

use crate::{Done, bench_engine, stats};
use auricle_engine_bench::Sum;
use auricle_plugin_api::{
    AsrProcessor, Error,
    host::{Library, LoadedEngine, LoadedProcessor},
};
use auricle_plugin_test::StubHost;
use serde_json::Map;
use std::{
    env,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

const ROUNDS: usize = 201;
const CALLS: u32 = 2_000;
/// 20 ms at 16 kHz.
const SAMPLES: usize = 320;
const AIM: f64 = 1.10;

const WAYS: [&str; 4] = ["in-process dyn", "in-process behind the boundary", "plugin file", "plugin file in C"];
const DIRECT: usize = 0;
const FILE: usize = 2;
const C: usize = 3;

pub(crate) fn run() -> Done {
    let mut direct: Box<dyn AsrProcessor> = black_box(Box::<Sum>::default());
    let mut inside = open(LoadedEngine::in_process(Sum::default(), StubHost::new().services()))?;
    let mut file = open_file(&bench_engine()?, "sum")?;
    let mut in_c = open_file(&compiled()?, "sum-c")?;

    let samples: Vec<f32> = (0..SAMPLES).map(|n| (n as f32 * 0.1).sin()).collect();
    let mut measure = |samples: &[f32]| -> Done<[Vec<f64>; WAYS.len()]> {
        let ways: [&mut dyn FnMut() -> Done<f64>; WAYS.len()] = [
            &mut || per_call(samples, |samples| direct.insert_audio_chunk(samples)),
            &mut || per_call(samples, |samples| inside.insert_audio_chunk(samples)),
            &mut || per_call(samples, |samples| file.insert_audio_chunk(samples)),
            &mut || per_call(samples, |samples| in_c.insert_audio_chunk(samples)),
        ];
        let mut times = [const { Vec::new() }; WAYS.len()];
        for round in 0..ROUNDS {
            for turn in 0..ways.len() {
                let way = (round + turn) % ways.len();
                times[way].push(ways[way]()?);
            }
        }
        Ok(times)
    };
    measure(&samples)?; // Warms up caches and clocks.
    let (full, empty) = (measure(&samples)?, measure(&[])?);

    println!("insert_audio_chunk, ns a call: {ROUNDS} rounds of {CALLS} calls each");
    println!("{:<46} {:>8} {:>8} {:>8}", "", "min", "median", "max");
    for (what, times) in [("320 samples summed", &full), ("no samples", &empty)] {
        for (way, times) in WAYS.iter().zip(times) {
            let [min, median, max] = [0.0, 0.5, 1.0].map(|share| stats::quantile(times, share));
            println!("{what:<20}{way:<32} {min:>8.1}{median:>9.1}{max:>9.1}");
        }
    }
    println!("in C: ratio {:.3} (aim {AIM:.2})", stats::ratio(&full[C], &full[DIRECT]));
    println!("ratio {:.3} (aim {AIM:.2})", stats::ratio(&full[FILE], &full[DIRECT]));
    Ok(())
}

/// Compiles the engine in C, beside this program.
fn compiled() -> Done<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = env::current_exe()?.with_file_name(format!("auricle_engine_sum_c{}", env::consts::DLL_SUFFIX));
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-shared", "-fPIC", "-O3", "-std=c99", "-I"]).arg(source.join("../plugin-api/include"));
    let status = compiler.arg(source.join("engine/sum.c")).arg("-o").arg(&library).status()?;
    if status.success() { Ok(library) } else { Err(format!("{compiler:?}: {status}").into()) }
}

fn open_file(library: &Path, backend: &str) -> Done<LoadedProcessor> {
    let engines = Library::open(library, StubHost::new().services())?.into_engines();
    let engine = engines.into_iter().find(|engine| engine.backend() == backend);
    open(Ok(engine.ok_or_else(|| format!("no engine `{backend}`"))?))
}

fn open(engine: Result<LoadedEngine, Error>) -> Done<LoadedProcessor> {
    let opened = engine.and_then(|engine| {
        let mut processor = engine.load(&Map::new())?.processor(&Map::new())?;
        processor.init(0)?;
        Ok(processor)
    });
    opened.map_err(|error| error.to_string().into())
}

fn per_call(samples: &[f32], mut call: impl FnMut(&[f32]) -> Result<(), Error>) -> Done<f64> {
    let begun = Instant::now();
    for _ in 0..CALLS {
        call(black_box(samples)).map_err(|error| error.to_string())?;
    }
    Ok(begun.elapsed().as_nanos() as f64 / f64::from(CALLS))
}
