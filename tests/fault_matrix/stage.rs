//! A server with healthy streams beside the faulty one, and the checks after each fault.

use super::{
    acts::{self, Act, Disturbance},
    cell::{Case, Cell, Column, Ending, How, Outcome},
    engine_hosts::EngineHosts,
    resumed,
};
use auricle_dialects::native::codes::close_code;
use auricle_tests::{Client, Host, Setup, bytes, c_headers, compile_engine, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Two seconds: twenty chunks, two segments.
const SAMPLES: usize = 32_000;
/// The part that is sent before an act.
pub(crate) const BEFORE: usize = 19_200;
const MODEL: &str = "own-model";
/// Allowed growth of the server's memory: buffers, and freed memory that its allocator keeps. The largest part is a plugin file of
/// a debug build, 27 MB, which is read for its manifest.
const MORE_MEMORY: u64 = 96 << 20;

/// The faulty stream's audio.
pub(crate) fn audio() -> Vec<u8> {
    bytes(&noise(1, SAMPLES))
}

/// The text of the faulty stream.
fn text() -> Vec<String> {
    tone_segments(&noise(1, SAMPLES), 16_000)
}

/// The engine `faulty` with these fields, in a column.
fn faulty(column: Column, mut fields: Value) -> Value {
    fields["backend"] = json!("faulty");
    fields["host"] = json!({
        "open": ["fault", "at", "after_chunks", "times", "seconds", "megabytes", "segment_chunks"],
        "isolation": isolation(column),
        "memory_mb": 120,
    });
    fields
}

pub(crate) fn isolation(column: Column) -> &'static str {
    match column {
        Column::InProcess => "in-process",
        Column::Worker => "process",
    }
}

/// The library of the engines in C++, compiled once.
fn cpp() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-libchecksum.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c_engines/checksum.cpp");
        compile_engine(&source, &c_headers(), &library);
        library
    })
}

/// A preset of an engine in C++ with these fields, in a column.
fn cpp_preset(column: Column, backend: &str, fields: &Value) -> Value {
    let mut preset = fields.clone();
    preset["backend"] = json!(backend);
    preset["host"] = json!({"isolation": isolation(column)});
    preset
}

/// A server with the engines `tone` and `faulty`, and with those in C++ if the case is theirs. `more` is for the end of its
/// settings, in the table of timeouts.
fn setup(column: Column, case: &Case, more: &str) -> Setup {
    let mut preset = faulty(column, json!({}));
    if case.does_not_return() {
        preset["host"]["call_seconds"] = json!(2.0);
    }
    let setup = match case.how {
        How::Cpp(..) => Setup::new().plugin(cpp()),
        _ => Setup::new(),
    };
    setup
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone", "host": {"isolation": isolation(column)}}))
        .preset("faulty", &preset)
        .settings(
            &("[limits]\nmax_call_timeouts = 1000\nquarantine_streams = 1000\nmax_crash_reports = 1000\n\
               [timeouts]\nload_seconds = 4"
                .to_owned()
                + resume_settings(case)
                + more),
        )
}

/// The settings of streams that are resumed.
fn resume_settings(case: &Case) -> &'static str {
    match case.how {
        How::Act(Act::FullStore, _) => "\n[resume]\ndir = \"../resume\"\nmax_points = 0",
        How::Act(act, _) if act.is_resumed() => "\n[resume]\ndir = \"../resume\"",
        _ => "",
    }
}

/// A healthy stream that is open while another fails.
struct Bystander {
    preset: &'static str,
    client: Client,
    audio: Vec<u8>,
}

impl Bystander {
    fn begin(host: &Host, preset: &'static str) -> Self {
        let audio = bytes(&noise(7, 50_001));
        let mut client = Client::open(host, preset, json!({}));
        client.audio(&audio[..40_000]);
        client.until("segment");
        Self { preset, client, audio }
    }

    /// Ends the stream and returns all of its events, except partials.
    fn end(mut self) -> Vec<Vec<Value>> {
        self.client.audio(&self.audio[40_000..]);
        let texts = self.client.finish();
        assert_eq!(texts, tone_segments(&noise(7, 50_001), 16_000), "beside it on `{}`", self.preset);
        ["segment", "speech_started", "endpoint"].map(|kind| self.client.events(kind)).into()
    }
}

/// A running server, and its state before any fault.
pub(crate) struct Stage {
    pub(crate) host: Host,
    trouble: Disturbance,
    /// If the host is a front.
    engine_hosts: Option<EngineHosts>,
    undisturbed: Vec<Vec<Value>>,
    memory: u64,
    descriptors: usize,
    workers: usize,
}

impl Stage {
    /// Starts a server for a case.
    ///
    /// # Errors
    /// The case is not possible on this machine.
    pub(crate) fn set(column: Column, case: &Case) -> Result<Self, String> {
        let act = if let How::Act(act, _) = case.how { Some(act) } else { None };
        let (host, engine_hosts) = match act {
            Some(act) if act.is_of_a_cluster() => {
                let (front, engine_hosts) = EngineHosts::start(|more| setup(column, case, more));
                (front, Some(engine_hosts))
            }
            _ => (acts::start(setup(column, case, ""), column, act)?, None),
        };
        let undisturbed = Bystander::begin(&host, "faulty").end();
        assert_eq!(Bystander::begin(&host, "tone").end(), undisturbed);
        streams_end(&host);
        let (memory, workers) = (host.resident().unwrap(), host.workers().len());
        let descriptors = descriptors(&host);
        let trouble = Disturbance::default();
        Ok(Self { host, trouble, engine_hosts, undisturbed, memory, descriptors, workers })
    }

    /// Provokes the fault, and checks everything afterwards.
    pub(crate) fn play(&mut self, case: &Case, column: Column) {
        let cell = case.cell(column);
        let before = self.host.log().len();
        let bystanders = ["faulty", "tone"].map(|preset| Bystander::begin(&self.host, preset));
        let client = match &case.how {
            How::Stream(fields) => self.stream("faulty", fields, None),
            How::Model(fields) => self.stream_of_a_model(&faulty(column, fields.clone()), cell),
            How::Cpp(backend, fields) => self.stream_of_a_model(&cpp_preset(column, backend, fields), cell),
            How::Act(act, fields) if act.is_resumed() => {
                resumed::stream(&self.host, fields, *act, || self.trouble.begin(*act, &self.host))
            }
            How::Act(act, fields) => self.stream(acts::preset(*act), fields, Some(*act)),
        };
        assert_sound(&client.heard);
        match cell.outcome {
            Outcome::Ends(ending) => self.ends(ending),
            _ => judge(cell, &client, after(&case.how)),
        }
        // Checked first: a worker may be ended shortly after its stream.
        let said = || self.host.log()[before..].lines().any(|line| cell.log.iter().all(|text| line.contains(text)));
        if let Outcome::Closed(_, text) = cell.outcome {
            // The client's message, or the log for the operator.
            let message = client.heard.last().and_then(|last| last["message"].as_str()).unwrap_or_default();
            self.host.wait_for(text, || message.contains(text) || self.host.log()[before..].contains(text));
        }
        if !cell.log.is_empty() {
            self.host.wait_for(&cell.log.join(" ... "), said);
        }
        if matches!(cell.outcome, Outcome::Ends(_)) {
            for mut bystander in bystanders {
                assert_eq!(bystander.client.to_end().code, 1006);
            }
            return;
        }
        if matches!(cell.outcome, Outcome::Closed(..)) {
            // While the act lasts, the faulty stream cannot continue, and neither can others of its worker.
            self.trouble.end(&self.host);
        }
        for bystander in bystanders {
            assert_eq!(bystander.end(), self.undisturbed);
        }
        self.trouble.end(&self.host);
        if cell.outcome == Outcome::Stops {
            self.ends(Ending::Status(0));
            assert_eq!(self.host.crash_reports(), Vec::<String>::new());
            return;
        }
        if !cell.deaf {
            self.is_as_before(cell);
        }
    }

    /// Runs a whole stream, with an act in the middle, if given.
    fn stream(&mut self, preset: &str, fields: &Value, act: Option<acts::Act>) -> Client {
        let audio = audio();
        let mut client = Client::start(&self.host, preset, json!({"options": fields}));
        let (before, rest) = audio.split_at(2 * BEFORE);
        client.audio_in_frames(before, 4_000);
        if let Some(act) = act.filter(|act| acts::is_mid_stream(*act)) {
            client.until("segment");
            self.trouble.begin(act, &self.host);
            if let Some(engine_hosts) = &mut self.engine_hosts {
                let id = client.heard[0]["stream"].as_str().unwrap();
                engine_hosts.begin(act, id, &self.host);
            }
        }
        client.audio_in_frames(rest, 4_000);
        client.say(&json!({"type": "finish"}));
        client.to_end();
        client
    }

    /// Runs a stream on its own model, which is then unloaded.
    fn stream_of_a_model(&mut self, preset: &Value, cell: &Cell) -> Client {
        self.host.preset(MODEL, &preset.to_string());
        self.host.wait_for_preset(MODEL, |_| true);
        let client = self.stream(MODEL, &json!({}), None);
        fs::remove_file(self.host.path(&format!("configs/presets/{MODEL}.json"))).unwrap();
        if !matches!(cell.outcome, Outcome::Ends(_)) {
            self.host.wait_for("the preset to go", || self.host.preset_report(MODEL).is_none());
        }
        client
    }

    fn ends(&mut self, ending: Ending) {
        let status = self.host.wait();
        match ending {
            Ending::Signal(name, number) => assert_eq!(status.signal(), Some(number), "{name}"),
            Ending::Status(number) => assert_eq!(status.code(), Some(number)),
        }
    }

    /// Checks that the server works and that all resources are released.
    fn is_as_before(&self, cell: &Cell) {
        for preset in ["faulty", "tone"] {
            assert_eq!(self.undisturbed, Bystander::begin(&self.host, preset).end());
        }
        streams_end(&self.host);
        self.host.wait_for("the workers", || self.host.workers().len() == self.workers);
        self.host.wait_for("the file descriptors", || descriptors(&self.host) <= self.descriptors);
        if !cell.spoilt {
            self.host.wait_for("the memory", || self.host.resident().unwrap() < self.memory + MORE_MEMORY);
        }
    }
}

fn streams_end(host: &Host) {
    for preset in ["faulty", "tone"] {
        host.wait_for_preset(preset, |report| report["streams"] == 0);
    }
}

/// Number of files that the server has open.
pub(crate) fn descriptors(host: &Host) -> usize {
    fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap().count()
}

/// Number of segments that were complete before the fault.
fn after(how: &How) -> usize {
    match how {
        How::Stream(fields) | How::Act(_, fields) => fields["after_chunks"].as_u64().unwrap_or(0) as usize / 10,
        How::Model(_) | How::Cpp(..) => 0,
    }
}

/// Checks that the client of the faulty stream received what the cell expects.
fn judge(cell: &Cell, client: &Client, over: usize) {
    let (texts, whole, closed) = (client.texts(), text(), client.closed.as_ref().unwrap());
    let last = client.heard.last().cloned().unwrap_or_default();
    match cell.outcome {
        Outcome::Whole | Outcome::Stops => {
            assert_eq!(closed.code, 1000, "{last}");
            assert_eq!(texts, whole);
        }
        Outcome::Sanitised(nonsense) => {
            assert_eq!(closed.code, 1000, "{last}");
            assert!(texts.iter().any(|text| text == nonsense), "{texts:?}");
            assert!(whole.iter().all(|text| texts.contains(text)), "{texts:?}");
        }
        Outcome::Closed(code, _) => {
            assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!(code.name())), "{last}");
            assert_eq!(closed.code, close_code(code));
            // Nothing reported before the fault is lost.
            assert_eq!(texts[..over], whole[..over], "{texts:?}");
        }
        Outcome::Ends(_) | Outcome::Nothing => unreachable!("the server has not ended"),
    }
}

/// Checks the guarantees that hold for any output of an engine.
fn assert_sound(heard: &[Value]) {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"));
    let limit = SAMPLES as f64 / 16_000.0;
    let mut reported = 0.0;
    for event in heard {
        if let Some(time) = event.get("time") {
            assert!((0.0..=limit).contains(&number(time)), "{event}");
        }
        if !matches!(event["type"].as_str(), Some("partial" | "segment")) {
            continue;
        }
        let (start, end) = (number(&event["start"]), number(&event["end"]));
        assert!(reported <= start && start <= end && end <= limit, "{event} after {reported}");
        let text = event["text"].as_str().unwrap();
        assert_eq!(text, text.trim());
        let mut after = start;
        for word in event["words"].as_array().unwrap_or(&Vec::new()) {
            let (from, to) = (number(&word["start"]), number(&word["end"]));
            assert!(after <= from && from <= to && to <= end, "{event}");
            after = from;
        }
        for text in [vec![event.clone()], event["words"].as_array().cloned().unwrap_or_default()].concat() {
            if let Some(confidence) = text.get("confidence") {
                assert!((0.0..=1.0).contains(&number(confidence)), "{event}");
            }
        }
        if event["type"] == "segment" {
            reported = end;
        }
    }
}
