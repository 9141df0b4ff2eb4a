//! The matrix: every fault, and its consequences in both columns.
//!
//! A stream has twenty chunks, in two segments of ten. Most faults occur at the fifteenth chunk. A new processor
//! continues from the restart point after the tenth, counts from there, and never reaches a fifteenth. Faults that
//! occur at once, or at the third chunk, occur again at the same place.

use super::cell::{Act, Case, Cell, Ending, How};
use auricle_core::FailureCode::{EngineCrashed, EngineError, EngineTimeout, EngineUnavailable};
use serde_json::{Value, json};

const SIGABRT: Ending = Ending::Signal("SIGABRT", 6);
const SIGKILL: Ending = Ending::Signal("SIGKILL", 9);
const SIGSEGV: Ending = Ending::Signal("SIGSEGV", 11);

/// A heading and its rows.
pub(crate) type Chapter = (&'static str, Vec<Case>);

/// The whole matrix.
pub(crate) fn chapters() -> Vec<Chapter> {
    vec![
        ("A method panics", panics()),
        ("A method returns an error", errors()),
        ("A method does not return", hangs()),
        ("A method crashes", crashes()),
        ("The process ends in another way", deaths()),
        ("A method uses too many resources", greed()),
        ("The engine reports invalid data", lies()),
        ("The model fails", models()),
        ("An engine in C++ fails", cpp()),
        ("Files, memory and descriptors", surroundings()),
        ("Log and signals", log_and_signals()),
        ("Connections, stored points and the clock", connections()),
        ("Engine hosts behind a front", engine_hosts()),
    ]
}

fn stream(fault: &str, place: &'static str, after_chunks: u32) -> How {
    How::Stream(json!({"fault": fault, "at": place, "after_chunks": after_chunks}))
}

/// The same in both columns.
fn alike(fault: &'static str, place: &'static str, how: How, cell: fn() -> Cell) -> Case {
    Case { fault, place, how, in_process: cell(), worker: cell() }
}

fn panics() -> Vec<Case> {
    let row = |place, after, cell| alike("panic", place, stream("panic", place, after), cell);
    vec![
        row("processor", 0, || Cell::closed(EngineError, "the panic asked for in Processor")),
        row("init", 0, || Cell::closed(EngineError, "the panic asked for in Init")),
        row("insert_audio_chunk", 15, || Cell::closed(EngineError, "the panic asked for in InsertAudioChunk")),
        row("process_iter", 15, || Cell::closed(EngineError, "the panic asked for in ProcessIter")),
        row("finish", 15, || Cell::closed(EngineError, "in finish: panic: ")),
        row("drop", 15, || Cell::whole().log(&["while being dropped", "panicked"])),
    ]
}

fn errors() -> Vec<Case> {
    let row = |place, after, cell| alike("error", place, stream("error", place, after), cell);
    vec![
        row("processor", 0, || Cell::closed(EngineError, "the error asked for in Processor")),
        row("init", 0, || Cell::closed(EngineError, "the error asked for in Init")),
        row("insert_audio_chunk", 15, || Cell::closed(EngineError, "the error asked for in InsertAudioChunk")),
        row("process_iter", 15, || Cell::closed(EngineError, "the error asked for in ProcessIter")),
        row("finish", 15, || Cell::closed(EngineError, "the error asked for in Finish")),
    ]
}

fn hangs() -> Vec<Case> {
    let late = || Cell::closed(EngineTimeout, "within 2 s");
    let row = |fault, provoke: &str, place, after, in_process, worker| Case {
        fault,
        place,
        how: stream(provoke, place, after),
        in_process,
        worker,
    };
    let twice = |text| Cell::closed(EngineCrashed, text);
    let ended = |log| Cell::whole().log(log);
    vec![
        row(
            "hang",
            "hang",
            "processor",
            0,
            late(),
            twice("did not return from processor within 2 s and was ended, twice"),
        ),
        row("hang", "hang", "init", 0, late(), twice("did not return from init within 2 s and was ended, twice")),
        row("hang", "hang", "insert_audio_chunk", 15, late(), ended(&["did not return from process_iter within 2 s"])),
        row("hang", "hang", "process_iter", 15, late(), ended(&["did not return from process_iter within 2 s"])),
        row(
            "hang, again at the same place",
            "hang",
            "process_iter",
            3,
            late(),
            twice("did not return from process_iter within 2 s and was ended, twice"),
        ),
        row("hang", "hang", "finish", 15, late(), ended(&["did not return from finish within 2 s"])),
        row("hang", "hang", "drop", 15, Cell::whole(), ended(&["did not return from drop within 2 s"])),
        row(
            "hang in a busy loop",
            "spin",
            "process_iter",
            15,
            late().note("the core stays busy").spoilt(),
            ended(&["did not return from process_iter within 2 s"]),
        ),
    ]
}

fn crashes() -> Vec<Case> {
    let row = |fault, place, after, line, worker| Case {
        fault,
        place,
        how: stream("sigsegv", place, after),
        in_process: Cell::ends(SIGSEGV).log(line),
        worker,
    };
    let twice = || Cell::closed(EngineCrashed, "crashed (SIGSEGV), twice");
    let survived = |log| Cell::whole().log(log);
    vec![
        row(
            "SIGSEGV",
            "processor",
            0,
            &["engine code crashed: SIGSEGV", "in processor of plugin auricle-engine-faulty"],
            twice(),
        ),
        row(
            "SIGSEGV",
            "init",
            0,
            &["engine code crashed: SIGSEGV", "in init of plugin auricle-engine-faulty"],
            twice(),
        ),
        row(
            "SIGSEGV",
            "insert_audio_chunk",
            15,
            &["engine code crashed: SIGSEGV", "in insert_audio_chunk of plugin auricle-engine-faulty"],
            survived(&["a worker crashed (SIGSEGV) in process_iter"]),
        ),
        row(
            "SIGSEGV",
            "process_iter",
            15,
            &["engine code crashed: SIGSEGV", "in process_iter of plugin auricle-engine-faulty"],
            survived(&["a worker crashed (SIGSEGV) in process_iter"]),
        ),
        row(
            "SIGSEGV, again at the same place",
            "process_iter",
            3,
            &["engine code crashed: SIGSEGV", "in process_iter of plugin auricle-engine-faulty"],
            twice(),
        ),
        row(
            "SIGSEGV",
            "finish",
            15,
            &["engine code crashed: SIGSEGV", "in finish of plugin auricle-engine-faulty"],
            survived(&["a worker crashed (SIGSEGV) in finish"]),
        ),
        row(
            "SIGSEGV",
            "drop",
            15,
            &["engine code crashed: SIGSEGV", "in drop of a processor of plugin auricle-engine-faulty"],
            survived(&["a worker crashed (SIGSEGV) in drop"]),
        ),
    ]
}

fn deaths() -> Vec<Case> {
    let row = |fault, provoke: &str, in_process, log| Case {
        fault,
        place: "process_iter",
        how: stream(provoke, "process_iter", 15),
        in_process,
        worker: Cell::whole().log(log),
    };
    let said = |ending, log| Cell::ends(ending).log(log);
    let unsaid = |ending| Cell::ends(ending).note("nothing can be logged");
    vec![
        row(
            "SIGABRT",
            "sigabrt",
            said(SIGABRT, &["engine code crashed: SIGABRT", "in process_iter of plugin auricle-engine-faulty"]),
            &["a worker crashed (SIGABRT) in process_iter"],
        ),
        row("SIGKILL", "sigkill", unsaid(SIGKILL), &["a worker crashed (SIGKILL) in process_iter"]),
        row("exit", "exit", unsaid(Ending::Status(3)), &["a worker ended with status 3 in process_iter"]),
        row(
            "stack overflow",
            "stack-overflow",
            said(SIGSEGV, &["(a stack overflow)", "in process_iter of plugin auricle-engine-faulty"]),
            &["a worker crashed (SIGSEGV) in process_iter"],
        ),
        row(
            "SIGSEGV in the engine's own thread",
            "thread-sigsegv",
            said(SIGSEGV, &["crashed outside of calls to engines: SIGSEGV"]),
            &["a worker crashed (SIGSEGV) in process_iter"],
        ),
        row(
            "SIGABRT in the engine's own thread",
            "thread-sigabrt",
            said(SIGABRT, &["crashed outside of calls to engines: SIGABRT"]),
            &["a worker crashed (SIGABRT) in process_iter"],
        ),
        row(
            "exit in the engine's own thread",
            "thread-exit",
            unsaid(Ending::Status(3)),
            &["a worker ended with status 3 in process_iter"],
        ),
    ]
}

fn greed() -> Vec<Case> {
    let leak = |place, after| {
        let fields = json!({"fault": "leak", "megabytes": 1, "at": place, "after_chunks": after});
        Case {
            fault: "leak of 1 MiB",
            place,
            how: How::Stream(fields),
            in_process: Cell::whole().note("the memory is not released"),
            worker: Cell::whole().note("the memory is not released until the worker ends"),
        }
    };
    let mut rows: Vec<_> =
        [("processor", 0), ("init", 0), ("insert_audio_chunk", 15), ("process_iter", 15), ("finish", 15), ("drop", 15)]
            .map(|(place, after)| leak(place, after))
            .into();
    let fields = |fault: &str, megabytes: u32| {
        How::Stream(json!({"fault": fault, "megabytes": megabytes, "at": "process_iter", "after_chunks": 15}))
    };
    rows.push(Case {
        fault: "leak of 160 MiB",
        place: "process_iter",
        how: How::Stream(json!({"fault": "leak", "megabytes": 160, "after_chunks": 15})),
        in_process: Cell::whole().note("the memory is not released").spoilt(),
        worker: Cell::whole().log(&["MiB of memory, of the 120 it may have (`host.memory_mb`), and was ended"]),
    });
    rows.push(Case {
        fault: "all file descriptors taken",
        place: "process_iter",
        how: stream("descriptors", "process_iter", 15),
        in_process: Cell::whole().note("no new connections until descriptors are free").deaf(),
        worker: Cell::whole().note("only the worker's descriptors are affected").spoilt(),
    });
    rows.push(alike("a call that takes 0.3 s", "process_iter", How::Stream(slow()), Cell::whole));
    rows.push(alike("endless events", "process_iter", stream("flood", "process_iter", 15), || {
        Cell::closed(EngineError, "more than 10000 events in one call")
    }));
    rows.push(alike("endless events", "finish", stream("flood", "finish", 15), || {
        Cell::closed(EngineError, "more than 10000 events in one call")
    }));
    rows.push(alike("a text of 2 MiB", "process_iter", fields("huge-text", 2), || {
        Cell::closed(EngineError, "a text of 2097152 bytes")
    }));
    rows.push(alike(
        "a restart point's state above 1 MiB",
        "process_iter",
        stream("bad-state", "process_iter", 15),
        || Cell::whole().log(&["a restart point whose state is above 1 MiB"]),
    ));
    rows.push(alike(
        "binary output to stdout and stderr",
        "process_iter",
        stream("print", "process_iter", 15),
        Cell::whole,
    ));
    rows
}

fn slow() -> Value {
    json!({"fault": "sleep", "seconds": 0.3, "after_chunks": 15})
}

fn lies() -> Vec<Case> {
    let row = |fault, provoke: &str, place, cell| alike(fault, place, stream(provoke, place, 15), cell);
    let mut rows = Vec::new();
    for place in ["process_iter", "finish"] {
        rows.extend([
            row("texts out of order", "disordered", place, || Cell::sanitised("comes too late")),
            row("times outside the audio", "outside", place, || Cell::sanitised("lasts for ever")),
            row("invalid UTF-8", "invalid-utf8", place, || Cell::sanitised("caf\u{e9} \u{fffd}\u{fffd} \u{fffd} end")),
            row("confidences that are not numbers", "not-a-number", place, || Cell::sanitised("odd")),
        ]);
    }
    rows
}

/// `checksum` is built with `auricle.hpp`, which catches exceptions; `checksum-bare` is not.
fn cpp() -> Vec<Case> {
    let row = |fault, backend, provoke: &str, in_process, worker| Case {
        fault,
        place: "process_iter",
        how: How::Cpp(backend, json!({"fault": provoke, "after_chunks": 15})),
        in_process,
        worker,
    };
    let caught = |text| Cell::closed(EngineError, text);
    vec![
        row("exception", "checksum", "exception", caught("the exception asked for"), caught("the exception asked for")),
        row("exception of any type", "checksum", "number", caught("no std::exception"), caught("no std::exception")),
        row(
            "exception, without `auricle.hpp`",
            "checksum-bare",
            "exception",
            Cell::ends(SIGABRT).log(&["engine code crashed: SIGABRT", "in process_iter of plugin checksum-cpp"]),
            Cell::whole().log(&["a worker crashed (SIGABRT) in process_iter"]),
        ),
        row(
            "exit",
            "checksum",
            "exit",
            Cell::ends(Ending::Status(3)).note("nothing can be logged"),
            Cell::whole().log(&["a worker ended with status 3 in process_iter"]),
        ),
    ]
}

fn models() -> Vec<Case> {
    let fields = |fault: &str, place| How::Model(json!({"model_fault": fault, "model_at": place}));
    let row = |fault, provoke: &str, place, cell| alike(fault, place, fields(provoke, place), cell);
    let deadly = |fault, provoke: &str, place, in_process, worker| Case {
        fault,
        place,
        how: fields(provoke, place),
        in_process,
        worker,
    };
    vec![
        row("error", "error", "load", || Cell::closed(EngineUnavailable, "the error asked for in Load")),
        row("panic", "panic", "load", || Cell::closed(EngineUnavailable, "the panic asked for in Load")),
        deadly(
            "hang",
            "hang",
            "load",
            Cell::closed(EngineUnavailable, "within 4 s"),
            Cell::closed(EngineUnavailable, "within 4 s"),
        ),
        deadly(
            "SIGSEGV",
            "sigsegv",
            "load",
            Cell::ends(SIGSEGV).log(&["engine code crashed: SIGSEGV", "in load of plugin auricle-engine-faulty"]),
            Cell::closed(EngineUnavailable, "crashed (SIGSEGV) while loading its model"),
        ),
        deadly(
            "exit",
            "exit",
            "load",
            Cell::ends(Ending::Status(3)).note("nothing can be logged"),
            Cell::closed(EngineUnavailable, "ended with status 3 while loading its model"),
        ),
        row("panic", "panic", "metadata", || Cell::closed(EngineUnavailable, "the panic asked for in Metadata")),
        row("a sample rate of 0", "bad-metadata", "metadata", || Cell::closed(EngineUnavailable, "sample_rate is 0")),
        deadly(
            "SIGSEGV",
            "sigsegv",
            "metadata",
            Cell::ends(SIGSEGV).log(&["engine code crashed: SIGSEGV", "in metadata of plugin auricle-engine-faulty"]),
            Cell::closed(EngineUnavailable, "crashed (SIGSEGV) while loading its model"),
        ),
        // Fields of its streams. The last one makes the model different from that of other streams.
        alike(
            "an error in a stream, then the model is unloaded",
            "processor",
            How::Model(json!({"fault": "error", "at": "processor", "max_batch": 2})),
            || Cell::closed(EngineError, "the error asked for in Processor"),
        ),
        row("panic", "panic", "model-drop", || Cell::whole().log(&["while being dropped", "ModelDrop"])),
        deadly(
            "SIGSEGV",
            "sigsegv",
            "model-drop",
            Cell::ends(SIGSEGV)
                .log(&["engine code crashed: SIGSEGV", "in drop of a model of plugin auricle-engine-faulty"]),
            Cell::whole().log(&["a worker crashed (SIGSEGV) between calls"]),
        ),
    ]
}

fn surroundings() -> Vec<Case> {
    let healthy = || json!({});
    let crash = || json!({"fault": "sigsegv", "after_chunks": 15});
    let dies = || {
        Cell::ends(SIGSEGV).log(&["engine code crashed: SIGSEGV", "in process_iter of plugin auricle-engine-faulty"])
    };
    let act = |fault, place, act, fields, in_process, worker| Case {
        fault,
        place,
        how: How::Act(act, fields),
        in_process,
        worker,
    };
    vec![
        act(
            "workers killed, as by the out-of-memory killer",
            "mid-stream",
            Act::KillWorkers,
            healthy(),
            Cell::nothing(),
            Cell::whole().log(&["a worker crashed (SIGKILL)"]),
        ),
        act(
            "worker stopped (SIGSTOP)",
            "mid-stream",
            Act::StopWorker,
            healthy(),
            Cell::nothing(),
            Cell::whole().log(&["did not return from process_iter within 2 s"]),
        ),
        act("plugin file deleted", "mid-stream", Act::DeletePlugin, healthy(), Cell::whole(), Cell::whole()),
        act(
            "plugin file deleted, then SIGSEGV",
            "process_iter",
            Act::DeletePlugin,
            crash(),
            dies(),
            Cell::whole().log(&["a worker crashed (SIGSEGV) in process_iter"]),
        ),
        act(
            "plugin file overwritten with junk, then SIGSEGV",
            "process_iter",
            Act::OverwritePlugin,
            crash(),
            dies(),
            Cell::whole().log(&["a worker crashed (SIGSEGV) in process_iter"]),
        ),
        act(
            "plugin file overwritten with junk",
            "mid-stream",
            Act::OverwritePlugin,
            healthy(),
            Cell::whole(),
            Cell::whole(),
        ),
        act(
            "plugin file replaced by another version",
            "mid-stream",
            Act::ReplacePlugin,
            healthy(),
            Cell::whole(),
            Cell::whole(),
        ),
        act(
            "memory used up (4 GiB of addresses)",
            "process_iter",
            Act::LimitAddresses,
            json!({"fault": "leak", "megabytes": 4_096, "after_chunks": 15}),
            Cell::ends(SIGABRT)
                .log(&["engine code crashed: SIGABRT", "in process_iter of plugin auricle-engine-faulty"]),
            Cell::whole().log(&["a worker crashed (SIGABRT) in process_iter"]),
        ),
        act("disk full", "mid-stream", Act::FillDisk, healthy(), Cell::whole(), Cell::whole()),
        act(
            "disk full, then SIGSEGV",
            "process_iter",
            Act::FillDisk,
            crash(),
            dies(),
            Cell::whole().log(&["a worker crashed (SIGSEGV) in process_iter; no report: "]),
        ),
        act(
            "the server's file descriptors used up by connections",
            "mid-stream",
            Act::Connect,
            healthy(),
            Cell::whole().log(&["cannot accept a connection"]),
            Cell::whole().log(&["cannot accept a connection"]),
        ),
        act(
            "the server's file descriptors used up by connections, then SIGSEGV",
            "process_iter",
            Act::Connect,
            crash(),
            dies(),
            Cell::closed(EngineUnavailable, "cannot start a worker process: Too many open files")
                .note("other streams of that model with audio meanwhile fail too"),
        ),
        act(
            "truncated model file",
            "load",
            Act::CutModel,
            healthy(),
            Cell::closed(EngineUnavailable, "model.onnx"),
            Cell::closed(EngineUnavailable, "model.onnx"),
        ),
    ]
}

fn log_and_signals() -> Vec<Case> {
    let row = |fault, place, act, cell| alike(fault, place, How::Act(act, json!({})), cell);
    vec![
        row("the log's reader has gone", "always", Act::CloseLog, Cell::whole),
        row("the log's reader does not read", "always", Act::BlockLog, Cell::whole),
        row("the disk of the log is full", "always", Act::FillLog, Cell::whole),
        row("SIGINT to the server and its workers", "mid-stream", Act::SignalAll("INT"), Cell::stops),
        row("SIGTERM to the server and its workers", "mid-stream", Act::SignalAll("TERM"), Cell::stops),
        row("SIGHUP to the server and its workers", "mid-stream", Act::SignalAll("HUP"), Cell::whole),
        Case {
            fault: "SIGTERM to the workers",
            place: "mid-stream",
            how: How::Act(Act::SignalWorkers("TERM"), json!({})),
            in_process: Cell::nothing(),
            worker: Cell::whole(),
        },
    ]
}

/// The client resumes its stream in another connection.
fn connections() -> Vec<Case> {
    let row = |fault, act, cell| alike(fault, "mid-stream", How::Act(act, json!({})), cell);
    vec![
        row("connection cut", Act::CutConnection, Cell::whole),
        row("half-open connection: nothing comes, and it does not end", Act::HalfOpen, Cell::whole),
        row("the store of points is full; connection cut", Act::FullStore, || {
            Cell::whole().log(&["a point cannot be stored", "it is full"])
        }),
        row("the directory of points is removed; connection cut", Act::LoseStore, || {
            Cell::whole().log(&["a point cannot be stored", "No such file"])
        }),
        row("the stored point is cut off; connection cut", Act::DamagePoints, || {
            Cell::whole().log(&["a point cannot be stored", "it is damaged"])
        }),
        row("the clock is set forward by an hour; connection cut", Act::SetClock("+1h"), Cell::whole),
        row("the clock is set back by an hour; connection cut", Act::SetClock("-1h"), Cell::whole),
    ]
}

/// The server is a front. The columns are where the engine's code runs on the engine hosts.
fn engine_hosts() -> Vec<Case> {
    let row = |fault, act, cell| alike(fault, "mid-stream", How::Act(act, json!({})), cell);
    let lost = || Cell::whole().log(&["engine host not available"]);
    vec![
        row("SIGKILL to the stream's engine host", Act::SignalEngineHost("KILL"), lost),
        row("SIGSTOP to the stream's engine host: half-open", Act::SignalEngineHost("STOP"), lost),
        row("SIGTERM to the stream's engine host", Act::SignalEngineHost("TERM"), lost),
        row("SIGKILL to all engine hosts; one is started again", Act::LoseEngineHosts, lost),
    ]
}
