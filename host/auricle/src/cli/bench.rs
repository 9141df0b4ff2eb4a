//! `auricle bench`: measures how many real-time streams a server can handle.

use super::{logging, output::fail};
use auricle_client::Server;
use auricle_loadtest::{
    Amount, Growth, Level, Load, Problem, Protocol, Ramp, Report, chart::ChartError, head, line, plot,
};
use auricle_server::requests::raise_file_limit;
use clap::value_parser;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

const MORE: &str = "\
Each stream sends audio in real time, frame by frame, as a microphone would. The delay of a text is the time since the audio
that it needed was sent; a single stream, measured first, shows which audio each text needs. A level passes if the 95th
percentile of the delays is within the bound, over the whole run and over the last 30 % of the audio, and if every stream gets
the text of the single stream. The number of streams grows until a level fails; a binary search then finds the most. The table
goes to standard output.

The load tool uses CPU time too, and the table shows how much. Run it on the server's machine only if there are CPUs to spare.
See docs/capacity.md.

Examples:
  auricle bench --preset english --audio talk.wav --pid $(pidof -s auricle)
  auricle bench --url ws://host:6006 --protocol sherpa-onnx --audio a.wav --audio b.wav --from 50 --grow 1.2 --json result.json --svg plot.svg
  auricle bench --url wss://host --preset english --audio talk.wav --streams 1,10,100

Exit codes:
  0  a level passed
  1  no level passed, or a file cannot be written
  2  the command line is wrong
  3  the audio or the labels cannot be used
  4  no connection to the server, or the single stream was refused or failed";

/// Measure how many real-time streams a server can serve, Auricle or another one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct BenchArgs {
    #[command(flatten)]
    server: Server,

    /// The server's protocol
    #[arg(long, value_enum, default_value_t = Protocol::Auricle)]
    protocol: Protocol,

    /// The preset (Auricle) or model (WhisperLive)
    #[arg(long, value_name = "NAME", required_if_eq("protocol", "auricle"))]
    preset: Option<String>,

    /// Resume streams whose connection breaks, as the client libraries do; only with Auricle's own protocol
    #[arg(long)]
    resume: bool,

    /// The audio of the streams: any file that `stream` reads; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    audio: Vec<PathBuf>,

    /// The words that are said in a recording: lines with a start and an end in seconds and a word, with tabs between them, as
    /// Audacity exports labels; once for each --audio. Then the table also has the word errors, and the time from a word's end
    /// until it no longer changes
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,

    /// Test these numbers of streams only
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = count())]
    streams: Vec<u64>,

    /// Number of streams at the first level
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = count(), conflicts_with = "streams")]
    from: u64,

    /// How many streams to add at each level
    #[arg(long, value_name = "N", value_parser = count(), conflicts_with_all = ["streams", "grow"])]
    step: Option<u64>,

    /// The factor by which the number of streams grows at each level
    #[arg(long, value_name = "FACTOR", default_value_t = 1.5, value_parser = above_one, conflicts_with = "streams")]
    grow: f64,

    /// The largest number of streams to test
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = count(), conflicts_with = "streams")]
    most: u64,

    /// The precision of the result, as a share of it
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share, conflicts_with = "streams")]
    precision: f64,

    /// The bound for the 95th percentile of the delays, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500.0, value_parser = positive)]
    bound_ms: f64,

    /// The length of each stream; recordings are cut or repeated
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, value_parser = positive)]
    seconds: f64,

    /// The length of a frame, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = value_parser!(u64).range(10..=1_000))]
    frame_ms: u64,

    /// The streams of a level start evenly distributed over this time
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = positive)]
    stagger: f64,

    /// Time to wait for the last text after the end of the audio
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, value_parser = positive)]
    patience: f64,

    /// The share of words that may differ from those of the single stream
    ///
    /// For models whose text depends on the other streams in a batch, such as some 8-bit models.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    tolerance: f64,

    /// The server's process id, to measure CPU and memory of it and its child processes; Linux only
    #[arg(long)]
    pid: Option<u32>,

    /// Write the result to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a plot of the result to this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Options do not fit one another.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("--stagger must be shorter than --seconds, so that all streams overlap")]
    Stagger,
    #[error("--resume needs --protocol auricle: the other protocols resume nothing")]
    Resume,
}

/// The value of a numeric option is out of range.
#[derive(Debug, thiserror::Error)]
enum NumberError {
    #[error("must be a number above 0, up to 86400")]
    Positive,
    #[error("must be a number above 1, up to 100")]
    AboveOne,
    #[error("must be a number from 0 to 1")]
    Share,
}

/// A result file cannot be written.
#[derive(Debug, thiserror::Error)]
enum ResultError {
    #[error("{0}")]
    Json(serde_json::Error),
    #[error("{}: {error}", .file.display())]
    Write { file: PathBuf, error: io::Error },
    #[error(transparent)]
    Plot(#[from] ChartError),
}

pub(super) fn run(args: BenchArgs) -> ExitCode {
    logging::init_client();
    args.server.warn();
    let load = match args.load() {
        Ok(load) => load,
        Err(problem) => {
            fail(problem);
            return ExitCode::from(2);
        }
    };
    raise_file_limit(match &load.amount {
        Amount::Levels(levels) => levels.iter().copied().max().unwrap_or_default(),
        // Not `ramp.most`: it may be far beyond the levels that are reached.
        Amount::Most(ramp) => ramp.from,
    });
    // One thread is enough for this little work, and leaves the other processors to the server.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("cannot start: {error}")),
    };
    let _ = writeln!(io::stdout(), "{}", head());
    match runtime.block_on(load.run(show)) {
        Ok(report) => conclude(&report, args.json.as_deref(), args.svg.as_deref()),
        Err(problem) => {
            fail(&problem);
            ExitCode::from(match problem {
                Problem::Audio(_) | Problem::Labels(_) => 3,
                Problem::Process(_) => 2,
                _ => 4,
            })
        }
    }
}

/// Prints the result of a level.
fn show(level: &Level) {
    // A closed pipe is no reason to stop: the result files are still to be written.
    let _ = writeln!(io::stdout(), "{}", line(level));
    if level.tool_was_late() {
        let late = level.tool.late_p99_ms;
        let _ = writeln!(
            io::stderr(),
            "auricle: this tool sent 1 % of its frames at least {late:.0} ms late; give it a processor of its own"
        );
    }
}

fn conclude(report: &Report, json: Option<&Path>, svg: Option<&Path>) -> ExitCode {
    let _ = writeln!(io::stdout(), "{}", report.conclusion());
    if let Err(problem) = write(report, json, svg) {
        return fail(problem);
    }
    if report.most_streams > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes the result files that were requested.
fn write(report: &Report, json: Option<&Path>, svg: Option<&Path>) -> Result<(), ResultError> {
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(report).map_err(ResultError::Json)?;
        fs::write(path, text + "\n").map_err(|error| ResultError::Write { file: path.to_owned(), error })?;
    }
    if let Some(path) = svg {
        plot(report, path)?;
    }
    Ok(())
}

impl BenchArgs {
    fn load(&self) -> Result<Load, LoadError> {
        if self.stagger >= self.seconds {
            return Err(LoadError::Stagger);
        }
        if self.resume && self.protocol != Protocol::Auricle {
            return Err(LoadError::Resume);
        }
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds);
        let amount = if self.streams.is_empty() {
            let growth = self.step.map_or(Growth::Factor(self.grow), |step| Growth::Step(step as usize));
            let (from, most) = (self.from as usize, self.most as usize);
            Amount::Most(Ramp { from, growth, least: 0, most, precision: self.precision })
        } else {
            Amount::Levels(self.streams.iter().map(|streams| *streams as usize).collect())
        };
        Ok(Load {
            server: self.server.clone(),
            protocol: self.protocol,
            preset: self.preset.clone(),
            resume: self.resume,
            audio: self.audio.clone(),
            labels: self.labels.clone(),
            seconds: seconds(self.seconds),
            frame: Duration::from_millis(self.frame_ms),
            stagger: seconds(self.stagger),
            patience: seconds(self.patience),
            bound_ms: self.bound_ms,
            tolerance: self.tolerance,
            pid: self.pid,
            amount,
        })
    }
}

fn count() -> impl clap::builder::TypedValueParser<Value = u64> {
    value_parser!(u64).range(1..=1_000_000)
}

fn number(text: &str, error: NumberError, fits: impl Fn(f64) -> bool) -> Result<f64, NumberError> {
    text.parse().ok().filter(|number| fits(*number)).ok_or(error)
}

fn positive(text: &str) -> Result<f64, NumberError> {
    number(text, NumberError::Positive, |number| number > 0.0 && number <= 86_400.0)
}

fn above_one(text: &str) -> Result<f64, NumberError> {
    number(text, NumberError::AboveOne, |number| number > 1.0 && number <= 100.0)
}

fn share(text: &str) -> Result<f64, NumberError> {
    number(text, NumberError::Share, |number| (0.0..=1.0).contains(&number))
}
