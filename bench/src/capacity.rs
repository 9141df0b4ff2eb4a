//! The number of real-time streams that the host can handle with engine `onnx`, compared with sherpa-onnx's own server:
//! the same model files, ONNX Runtime, audio and processors, one after the other, measured with the load tool behind
//! `auricle bench`; also the limit set by the network alone.
//!
//! For each side the best settings are searched. The first settings are tested up to their limit; others are given up
//! unless they handle some more streams than the best so far. The models are synthetic, of published sizes.
//!
//! The results of each case are kept in the working folder, so that an interrupted run continues with the next case.

mod ceiling;
mod plot;
mod sides;
mod table;

use crate::{Done, from_xtask, recording};
use auricle_client::Server;
use auricle_loadtest::{Amount, Growth, Known, Level, Load, Ramp, Report, head, line};
use ort::environment::Environment;
use serde::{Deserialize, Serialize};
use sides::{Settings, Side};
use std::{fs, path::Path, time::Duration};

const AIM: f64 = 1.5;
/// The audio of all streams, repeated.
const RECORDING: &str = "fixtures/demo.wav";
const BOUND_MS: f64 = 500.0;
/// Share of the words that may differ from the reference stream's. The models are built so that their text depends only
/// on the audio.
const TOLERANCE: f64 = 0.01;
const MODELS: [&str; 4] = ["1m", "20m", "70m", "22m"];
/// The only model that is not a NeMo network.
const ZIPFORMER: &str = "22m";
const PRECISIONS: [&str; 2] = ["fp32", "int8"];
/// The start of the search for the first settings, as a share of what the network alone allows: for the smallest model,
/// whose steps are a smaller part of the work, and for the others.
const BEGIN: [f64; 2] = [0.4, 0.7];

/// Arguments of the benchmark.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder with the output of `bench/capacity/prepare.py`
    #[arg(long)]
    work: std::path::PathBuf,
    /// Only these models: 1m, 20m, 70m (NeMo's CTC), 22m (zipformer 2 CTC)
    #[arg(long, value_delimiter = ',', default_values = MODELS, value_parser = clap::builder::PossibleValuesParser::new(MODELS))]
    models: Vec<String>,
    /// A quick, rough measurement: short levels, coarse steps, no other settings
    #[arg(long)]
    quick: bool,
}

/// Results for a model file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Case {
    model: String,
    precision: String,
    /// Number of streams that the network alone allows, by batch size.
    ceiling: Vec<(usize, f64)>,
    sherpa: Best,
    /// Results of Auricle by name: with worker processes first, then with other settings.
    auricle: Vec<(String, Best)>,
}

/// The best result of a side.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Best {
    settings: String,
    most: usize,
    /// Levels that were held with these settings, by number of streams.
    points: Vec<Point>,
    /// The settings that were not better.
    others: Vec<String>,
}

/// The part of a level's results that is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Point {
    streams: usize,
    p50: f64,
    p95: f64,
    end_p50: f64,
    end_p95: f64,
    cores: f64,
    mib: f64,
    /// Share of words that differ from the reference stream's.
    differing: f64,
}

pub(crate) fn run(options: &Options) -> Done {
    let work = options.work.as_path();
    let (build, environment) = ceiling::load(&work.join("runtime"))?;
    println!("both sides and the network alone: {build}");
    let mut cases = Vec::new();
    for model in &options.models {
        for precision in PRECISIONS {
            let kept = work.join(format!("{model}-{precision}{}.json", if options.quick { "-quick" } else { "" }));
            let case = match fs::read(&kept) {
                Ok(bytes) => {
                    serde_json::from_slice(&bytes).map_err(|problem| format!("{}: {problem}", kept.display()))?
                }
                Err(_) => {
                    let case = measure(options, &environment, model, precision)?;
                    fs::write(&kept, serde_json::to_vec_pretty(&case)?)?;
                    case
                }
            };
            cases.push(case);
        }
    }
    table::print(&cases);
    if !options.quick {
        plot::write(&recording::path("docs/capacity.svg"), &cases)?;
    }
    if let Some(case) = cases.iter().find(|case| case.model == MODELS[0] && case.precision == PRECISIONS[0]) {
        let ratios = case.auricle.iter().map(|(_, best)| best.over(&case.sherpa));
        println!("ratio {:.2} (aim {AIM})", ratios.fold(0.0, f64::max));
    }
    Ok(())
}

fn measure(options: &Options, environment: &Environment, model: &str, precision: &str) -> Done<Case> {
    let work = options.work.as_path();
    println!("\n{model} {precision}");
    let folder = work.join("models").join(model);
    let file = folder.join(if precision == "int8" { "model.int8.onnx" } else { "model.onnx" });
    let ceiling = ceiling::streams(environment, &file, if options.quick { &[8] } else { &[1, 4, 8, 16, 32] })?;
    ceiling.iter().for_each(|(batch, streams)| println!("  the network alone, {batch} together: {streams:.0} streams"));
    let alone = ceiling.iter().map(|(_, streams)| *streams).fold(0.0, f64::max);
    let small = model == MODELS[0];
    // The effects of settings are similar for both precisions, so fewer are tested with the second.
    let full = precision == PRECISIONS[0];
    let some = |mut settings: Vec<Settings>| {
        let count = if options.quick {
            1
        } else if full {
            settings.len()
        } else {
            2
        };
        settings.truncate(count);
        settings
    };
    let search = || Search { options, work, model, precision, file: &file, known: None };
    let begin = alone * if small { BEGIN[0] } else { BEGIN[1] };
    let (sherpa, _) = search().best(&some(Settings::sherpa(small)), (begin as usize).max(1))?;
    let mut ours = search();
    let (best, settings) = ours.best(&some(Settings::auricle("process")), sherpa.most.max(1))?;
    let (from, mut auricle) = (best.most.max(1), vec![("Auricle".to_owned(), best)]);
    // The shorter a step, the more the boundary between processes costs.
    if full && small {
        auricle.push(("Auricle, in-process".into(), ours.best(&some(Settings::auricle("in-process")), from)?.0));
    } else if full && model != ZIPFORMER {
        auricle.push(("Auricle, projected-cache".into(), ours.best(&[settings.cheaper()], from)?.0));
    }
    let (model, precision) = (model.to_owned(), precision.to_owned());
    Ok(Case { model, precision, ceiling, sherpa, auricle })
}

/// Searches for the best settings of a side.
struct Search<'a> {
    options: &'a Options,
    work: &'a Path,
    model: &'a str,
    precision: &'a str,
    file: &'a Path,
    /// The reference stream, once it has run.
    known: Option<Known>,
}

impl Search<'_> {
    /// Tests these settings; returns the best and its results. The first settings start at `from` streams.
    fn best(&mut self, all: &[Settings], from: usize) -> Done<(Best, Settings)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.look(all, from))
    }

    async fn look(&mut self, all: &[Settings], mut from: usize) -> Done<(Best, Settings)> {
        let precision = if self.options.quick { 0.1 } else { 0.03 };
        let growth = Growth::Factor(if self.options.quick { 1.4 } else { 1.12 });
        let mut tried = Vec::<(&Settings, Report)>::new();
        let mut least = 0;
        for settings in all {
            println!("  {settings}");
            let side = self.start(settings)?;
            let ramp = Ramp { from, growth, least, most: 20_000, precision };
            let report = self.run(&side, Amount::Most(ramp)).await?;
            let most = tried.iter().map(|(_, report)| report.most_streams).fold(report.most_streams, usize::max);
            tried.push((settings, report));
            // The next settings must handle this many more streams, or are given up.
            from = most + ((most as f64 * precision) as usize).max(1);
            least = from;
        }
        // The first of the best.
        let best = tried.iter().rev().max_by_key(|(_, report)| report.most_streams).ok_or("there are no settings")?;
        let (settings, report) = best;
        let most = report.most_streams;
        let half = (most / 2).max(1);
        let few = if self.precision == PRECISIONS[0] { vec![1, half] } else { vec![half] };
        let low = self.run(&self.start(settings)?, Amount::Levels(few)).await?;
        let held = report.levels.iter().chain(&low.levels).filter(|level| level.held);
        let mut points: Vec<_> = held.map(Point::of).collect();
        points.sort_by_key(|point| point.streams);
        points.dedup_by_key(|point| point.streams);
        let others = tried.iter().filter(|(other, _)| other != settings).map(|(other, _)| other.to_string()).collect();
        Ok((Best { settings: settings.to_string(), most, points, others }, (*settings).clone()))
    }

    /// Runs a load test and prints its table.
    async fn run(&mut self, side: &Side, amount: Amount) -> Done<Report> {
        let load = self.load(side, amount);
        let known = match self.known.take() {
            Some(known) => known,
            None => load.learn().await?,
        };
        println!("{}", head());
        let report = load.run_with(&known, |level| println!("{}", line(level))).await;
        self.known = Some(known);
        Ok(report?)
    }

    fn start(&self, settings: &Settings) -> Done<Side> {
        match settings {
            Settings::Sherpa { .. } => Side::sherpa(settings, self.work, self.file),
            Settings::Auricle { .. } => {
                let plugins = from_xtask("AURICLE_PLUGINS")?;
                Side::auricle(settings, &plugins, self.work, self.model, self.precision)
            }
        }
    }

    fn load(&self, side: &Side, amount: Amount) -> Load {
        Load {
            server: Server::at(side.url.clone()),
            protocol: side.protocol,
            preset: Some(sides::PRESET.into()),
            resume: false,
            audio: vec![recording::path(RECORDING)],
            labels: Vec::new(),
            seconds: Duration::from_secs(if self.options.quick { 8 } else { 20 }),
            frame: Duration::from_millis(100),
            stagger: Duration::from_secs(1),
            patience: Duration::from_secs(6),
            bound_ms: BOUND_MS,
            tolerance: TOLERANCE,
            pid: Some(side.pid()),
            amount,
        }
    }
}

impl Point {
    fn of(level: &Level) -> Self {
        let (cores, mib) = level.server.map_or((0.0, 0.0), |server| (server.cores, server.memory_mib));
        Self {
            streams: level.streams,
            p50: level.partial.p50_ms,
            p95: level.partial.p95_ms,
            end_p50: level.end.p50_ms,
            end_p95: level.end.p95_ms,
            cores,
            mib,
            differing: level.words.different as f64 / level.words.expected.max(1) as f64,
        }
    }
}

impl Best {
    /// The ratio to another result.
    fn over(&self, other: &Self) -> f64 {
        self.most as f64 / other.most.max(1) as f64
    }

    fn at(&self, streams: usize) -> Option<&Point> {
        self.points.iter().find(|point| point.streams == streams)
    }
}
