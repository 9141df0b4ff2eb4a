//! What fatal signals leave behind: engines that end their process, each in a process of its own, and what was reported.

#![cfg(any(target_os = "linux", target_os = "macos"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

use auricle_plugin_api::{
    AsrProcessor, Config, Error, Field, Host, Metadata, Model, ModelLoader, Schema, Sink,
    host::{BatchEntry, Crash, LoadedEngine, LoadedModel, on_crash},
};
use auricle_plugin_test::{Recording, StubHost};
use serde_json::{Map, Value, json};
use std::{
    env,
    ffi::c_int,
    hint::black_box,
    os::unix::process::ExitStatusExt,
    process::{Command, abort},
    sync::Arc,
    thread,
    time::Duration,
};

/// Where and how an engine dies, as its configuration has it: `CALL FAULT`.
struct Doom(String);

impl Doom {
    fn strike(&self, call: &str) {
        if let Some(fault) = self.0.strip_prefix(call).and_then(|rest| rest.strip_prefix(' ')) {
            die(fault);
        }
    }
}

fn die(fault: &str) {
    match fault {
        "SIGSEGV" => write_wildly(),
        "SIGABRT" => abort(),
        "recursion" => assert_ne!(recurse(1), 0),
        "damage" => damage_the_stack(),
        "thread" => thread::Builder::new().name("engine's own".into()).spawn(write_wildly).unwrap().join().unwrap(),
        "crowd" => crash_all_at_once(),
        // SAFETY: `raise` takes any number.
        signal => assert_eq!(unsafe { libc::raise(number(signal)) }, 0),
    }
}

#[inline(never)]
fn write_wildly() {
    // SAFETY: none. The write is meant to fault: no page is ever mapped at this address.
    unsafe { black_box(std::ptr::without_provenance_mut::<u64>(64)).write_volatile(1) }
}

#[expect(unconditional_recursion, reason = "to overflow the stack")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    black_box([depth; 32])[31] + recurse(depth + 1)
}

/// Leaves nothing that could be walked.
#[inline(never)]
fn damage_the_stack() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none. The process ends here.
    unsafe {
        std::arch::asm!("mov rsp, {nowhere}", "mov rbp, rsp", "mov qword ptr [{wild}], 1",
            nowhere = in(reg) 1u64 << 40, wild = in(reg) 64u64)
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: none. The process ends here.
    unsafe {
        std::arch::asm!("mov sp, {nowhere}", "mov x29, {nowhere}", "str xzr, [{wild}]",
            nowhere = in(reg) 1u64 << 40, wild = in(reg) 64u64)
    }
}

fn crash_all_at_once() {
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(write_wildly)).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

impl ModelLoader for Doom {
    type Model = Doom;
    fn backend(&self) -> &str {
        "doom"
    }
    fn schema(&self) -> Schema {
        Schema::new().field(Field::load("doom").default(""))
    }
    fn load(&self, config: &Config, _: &Host) -> Result<Doom, Error> {
        let model = Doom(config.get("doom")?);
        model.strike("load");
        Ok(model)
    }
}

impl Model for Doom {
    type Processor = Doomed;
    fn metadata(&self) -> Metadata {
        self.strike("metadata");
        Metadata::new(16_000, 1_600)
    }
    fn processor(self: &Arc<Self>, _: &Config) -> Result<Doomed, Error> {
        self.strike("processor");
        Ok(Doomed(Arc::clone(self)))
    }
}

impl Drop for Doom {
    fn drop(&mut self) {
        self.strike("drop of a model");
    }
}

struct Doomed(Arc<Doom>);

impl AsrProcessor for Doomed {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        self.0.strike("init");
        Ok(())
    }
    fn insert_audio_chunk(&mut self, _: &[f32]) -> Result<(), Error> {
        self.0.strike("insert_audio_chunk");
        Ok(())
    }
    fn process_iter(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        self.0.strike("process_iter");
        // Runs within `process_batch`.
        self.0.strike("process_batch");
        Ok(())
    }
    fn finish(&mut self, _: &mut Sink<'_>) -> Result<(), Error> {
        self.0.strike("finish");
        Ok(())
    }
    fn restore(&mut self, _: u64, _: &[u8]) -> Result<(), Error> {
        self.0.strike("restore");
        Ok(())
    }
    fn extension(&mut self, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.0.strike("extension of a processor");
        Ok(None)
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        self.0.strike("drop of a processor");
    }
}

/// Everything that an engine can be called for.
fn live(doom: &str) {
    let engine = LoadedEngine::in_process(Doom(String::new()), StubHost::new().services()).unwrap();
    let config = json!({"doom": doom});
    let config: &Map<String, Value> = config.as_object().unwrap();
    let model: LoadedModel = engine.load(config).unwrap();
    let mut processor = model.processor(config).unwrap();
    let mut sink = Recording::default();
    processor.init(500).unwrap();
    processor.insert_audio_chunk(&[0.0; 1_600]).unwrap();
    if doom.starts_with("process_batch") {
        model.process_batch(&mut [BatchEntry { processor: &mut processor, sink: &mut sink, result: Ok(()) }]);
    }
    processor.process_iter(&mut sink).unwrap();
    processor.extension("none", &[]).unwrap();
    processor.finish(&mut sink).unwrap();
    processor.restore(77, &[]).unwrap();
    drop(processor);
    drop(model);
    if let Some(fault) = doom.strip_prefix("afterwards ") {
        die(fault);
    }
}

/// Run in a process of its own by the other tests.
#[test]
#[ignore = "ends the process"]
fn dies() {
    let Ok(doom) = env::var("DOOM") else { return };
    let report: fn(&Crash) = match env::var("REPORT").as_deref() {
        Ok("hangs") => |_| thread::sleep(Duration::from_secs(3_600)),
        Ok("crashes") => |_| write_wildly(),
        Ok("panics") => |_| panic!("no report today"),
        _ => |crash| {
            println!("report: {crash}");
            crash.frames().iter().for_each(|frame| println!("frame: {frame}"));
        },
    };
    on_crash(report).unwrap();
    assert!(on_crash(report).is_err());
    thread::Builder::new().name("preset-0".into()).spawn(move || live(&doom)).unwrap().join().unwrap();
}

/// What is left of a process.
struct Remains {
    signal: Option<i32>,
    reports: Vec<String>,
    frames: Vec<String>,
    stderr: String,
}

fn remains(doom: &str, report: &str) -> Remains {
    let mut child = Command::new(env::current_exe().unwrap());
    let child = child.args(["--ignored", "--exact", "dies", "--nocapture"]).env("DOOM", doom).env("REPORT", report);
    let output = child.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let all = |prefix| stdout.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect();
    let stderr = String::from_utf8(output.stderr).unwrap();
    println!("{doom}, report {report}: {}\n{stdout}\n{stderr}", output.status);
    Remains { signal: output.status.signal(), reports: all("report: "), frames: all("frame: "), stderr }
}

fn number(signal: &str) -> c_int {
    match signal {
        "SIGSEGV" => libc::SIGSEGV,
        "SIGBUS" => libc::SIGBUS,
        "SIGILL" => libc::SIGILL,
        "SIGFPE" => libc::SIGFPE,
        "SIGTRAP" => libc::SIGTRAP,
        "SIGSYS" => libc::SIGSYS,
        "SIGABRT" => libc::SIGABRT,
        "SIGKILL" => libc::SIGKILL,
        _ => panic!("{signal}"),
    }
}

#[test]
fn every_call_is_named() {
    for (call, place) in [
        ("load", ""),
        ("metadata", ""),
        ("processor", ""),
        ("init", " at sample 500 of its stream"),
        ("insert_audio_chunk", " at sample 500 of its stream"),
        ("process_iter", " at sample 2100 of its stream"),
        ("process_batch", ""),
        ("finish", " at sample 2100 of its stream"),
        ("extension of a processor", " at sample 2100 of its stream"),
        ("restore", " at sample 77 of its stream"),
        ("drop of a processor", ""),
        ("drop of a model", ""),
    ] {
        let remains = remains(&format!("{call} SIGSEGV"), "");
        assert_eq!(remains.signal, Some(libc::SIGSEGV), "{call}");
        let line =
            format!("engine code crashed: SIGSEGV at 0x40 in {call} of plugin in-process{place} (thread preset-0)");
        assert_eq!(remains.reports, [line]);
    }
}

#[test]
fn every_signal_is_reported_and_ends_the_process() {
    for signal in ["SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"] {
        let remains = remains(&format!("process_iter {signal}"), "");
        assert_eq!(remains.signal, Some(number(signal)), "{signal}");
        let place = "in process_iter of plugin in-process at sample 2100 of its stream (thread preset-0)";
        assert_eq!(remains.reports, [format!("engine code crashed: {signal} {place}")]);
    }
    let killed = remains("process_iter SIGKILL", "");
    assert_eq!((killed.signal, killed.reports.len()), (Some(libc::SIGKILL), 0));
}

#[test]
fn the_frames_lead_from_the_fault_to_the_call() {
    let frames = remains("process_iter SIGSEGV", "").frames;
    // Debug info names what was inlined as well, and leaves out the types: `process_iter`, not `<Doomed>::process_iter`.
    let depths = |name: &str| -> Vec<usize> {
        frames.iter().enumerate().filter(|(_, frame)| frame.contains(name)).map(|(depth, _)| depth).collect()
    };
    let (fault, calls, caller) = (depths("write_wildly")[0], depths("process_iter"), depths("live"));
    assert!(fault < calls[0] && calls.len() > 1 && calls.last() < caller.last(), "{frames:#?}");
    if cfg!(target_os = "linux") {
        let address = |frame: &str| frame.rsplit_once('+').map(|(_, address)| address.to_owned());
        assert_eq!(address(&frames[0]), address(&frames[fault]), "what is before it was inlined into it");
    }
    let here = env::current_exe().unwrap();
    let module = format!("({}+0x", here.file_name().unwrap().to_str().unwrap());
    assert!(frames[0].contains(&module), "{}", frames[0]);
}

#[test]
fn a_stack_overflow_is_told_and_walked() {
    let remains = remains("finish recursion", "");
    assert!(matches!(remains.signal, Some(libc::SIGSEGV | libc::SIGBUS)));
    let [line] = remains.reports.as_slice() else { panic!("{:?}", remains.reports) };
    assert!(line.contains(" in finish of plugin in-process at sample 2100 of its stream (thread preset-0)"), "{line}");
    if cfg!(target_os = "linux") {
        assert!(line.contains(" (a stack overflow) in "), "{line}");
    }
    assert!(remains.frames.iter().filter(|frame| frame.contains("recurse")).count() > 50);
}

#[test]
fn a_stack_that_cannot_be_walked_does_no_harm() {
    let remains = remains("finish damage", "");
    assert_eq!(remains.signal, Some(libc::SIGSEGV));
    let place = "in finish of plugin in-process at sample 2100 of its stream (thread preset-0)";
    assert_eq!(remains.reports, [format!("engine code crashed: SIGSEGV at 0x40 {place}")]);
    if cfg!(target_os = "linux") {
        assert!(remains.frames[0].contains("damage_the_stack"), "{:?}", remains.frames);
    }
}

#[test]
fn a_crash_outside_of_calls_is_told_as_such() {
    for (doom, thread) in [("process_iter thread", "engine's own"), ("afterwards SIGSEGV", "preset-0")] {
        let remains = remains(doom, "");
        assert_eq!(remains.signal, Some(libc::SIGSEGV));
        assert_eq!(
            remains.reports,
            [format!("crashed outside of calls to engines: SIGSEGV at 0x40 (thread {thread})")]
        );
    }
}

#[test]
fn many_crashes_at_once_are_one() {
    let remains = remains("process_iter crowd", "");
    assert_eq!((remains.signal, remains.reports.len()), (Some(libc::SIGSEGV), 1));
}

#[test]
fn a_report_that_fails_is_replaced_by_a_line() {
    for report in ["hangs", "crashes", "panics"] {
        let remains = remains("load SIGABRT", report);
        assert_eq!(remains.signal, Some(libc::SIGABRT), "{report}");
        let line = "engine code crashed: SIGABRT in load of plugin in-process (thread preset-0)";
        assert_eq!(remains.stderr.lines().filter(|found| *found == line).count(), 1, "{report}");
    }
}
