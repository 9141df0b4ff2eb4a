//! The commands for users and scripts: their output, and their exit status.

#![cfg(target_os = "linux")]

use crate::workshop::workshop;
use auricle_tests::{Client, Host, Setup, auricle, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The result of a command, and its output.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Checks that it failed with one line on standard error, and returns the line.
    fn fails(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.err.starts_with("auricle: ") && self.err.trim_end().lines().count() == 1, "{self:?}");
        &self.err
    }
}

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Ran {
    auricle().args(args).output().unwrap().into()
}

/// Like [`run`], with a cache directory.
fn run_with_cache<A: AsRef<OsStr>>(cache: &Path, args: impl IntoIterator<Item = A>) -> Ran {
    auricle().args(args).env("XDG_CACHE_HOME", cache).output().unwrap().into()
}

fn with_tone() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan", "segment_chunks"]}}))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

// Help

#[test]
fn every_command_explains_itself() {
    let commands = [
        "serve",
        "front",
        "engine",
        "check",
        "stream",
        "bench",
        "presets",
        "streams",
        "engines",
        "probe",
        "validate",
        "run",
        "plugin",
        "pull",
        "convert",
        "sessions",
        "key",
        "completions",
        "man",
    ];
    for command in commands {
        let help = run([command, "--help"]);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
        assert!(help.out.contains("Example") && help.out.contains(&format!("auricle {command} ")), "{}", help.out);
        assert!(help.out.contains("Exit "), "{}", help.out);
        let all = run(["--help"]).out;
        assert!(all.contains(&format!("  {command} ")) && !all.contains("probe-child"), "{all}");
    }
    assert!(run(["--version"]).out.starts_with("auricle 0."));
    for wrong in [&[][..], &["listen"], &["serve", "--nonsense"], &["stream", "x.wav"], &["probe"]] {
        let ran = run(wrong);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains("Usage"), "{ran:?}");
    }
}

// Engines

#[test]
fn engines_lists_what_a_server_or_a_directory_has() {
    let cache = tempfile::tempdir().unwrap();
    let host = with_tone().start();
    let url = format!("http://{}", host.address());
    let plugins = host.path("plugins");
    let of_server = || run(["engines", "--url", &url]);
    let of_directory = || run_with_cache(cache.path(), ["engines", "--plugins", text(&plugins)]);
    let json = |mut args: Vec<&str>| -> Value {
        args.extend(["--format", "json"]);
        serde_json::from_str(&run_with_cache(cache.path(), args).out).unwrap()
    };

    for ran in [of_server(), of_directory()] {
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
        let words: Vec<_> = ran.out.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(words, ["registered", "libauricle_engine_tone.so", "auricle-engine-tone", "0.1.0", "tone"]);
        assert!(ran.out.contains("\n              claims: can partials, endpoints; needs nothing\n"), "{ran:?}");
    }
    fs::write(host.path("plugins/empty.so"), "").unwrap();
    host.wait_for_file("empty.so", |file| file["state"] == "refused");
    for ran in [of_server(), of_directory()] {
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{ran:?}");
        let lines: Vec<_> = ran.out.lines().map(str::trim).collect();
        assert_eq!((lines.len(), lines[1]), (4, "the file is empty"), "{lines:?}");
        assert!(lines[0].starts_with("refused") && lines[0].contains("empty.so"), "{lines:?}");
    }
    let report = host.json("/v1/engines");
    assert_eq!(json(vec!["engines", "--url", &url]), report);
    assert_eq!(json(vec!["engines", "--plugins", text(&plugins)]), report);
    assert_eq!(entries(&cache.path().join("auricle")), [] as [PathBuf; 0]);
}

#[test]
fn engines_says_when_it_cannot_look() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run_with_cache(dir.path(), ["engines", "--plugins", text(dir.path())]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "no plugin files\n"));
    let absent = dir.path().join("absent");
    let ran = run_with_cache(dir.path(), ["engines", "--plugins", text(&absent)]);
    assert!(ran.fails(2).contains(text(&absent)), "{ran:?}");
    let ran = run(["engines", "--url", &format!("http://{}", nobody())]);
    assert!(ran.fails(2).contains("is the server running there?"), "{ran:?}");
}

/// A reader may stop reading the output, like `head`.
#[test]
fn a_closed_pipe_is_no_failure() {
    let host = with_tone().start();
    let url = format!("http://{}", host.address());
    let tone = library("tone");
    for args in
        [vec!["engines", "--url", &url], vec!["probe", text(&tone)], vec!["probe", text(&tone), "--format=json"]]
    {
        let mut child = auricle().args(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn presets_and_streams_of_a_server_are_listed() {
    let host = with_tone().preset("broken", &json!({"backend": "absent"})).start();
    host.wait_for_preset("tone", |preset| preset["state"] == "idle");
    let url = host.address();
    let ran = run(["presets", "--url", url]);
    let expected = "unavailable  broken  -\n             preset `broken` needs the engine `absent`, which is not registered\nidle         tone  tone\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(1), expected, ""));
    let ran = run(["streams", "--url", url]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "no open streams\n"));

    let mut client = begun(&host, &noise(28, 10_000));
    fs::remove_file(host.path("configs/presets/broken.json")).unwrap();
    host.wait_for("the preset to go", || host.preset_report("broken").is_none());
    let ran = run(["presets", "--url", &format!("ws://{url}/v1/stream")]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "ready        tone  tone  1 stream\n"));
    let ran = run(["streams", "--url", &format!("http://{url}/")]);
    let words: Vec<_> = ran.out.split_whitespace().collect();
    assert_eq!((ran.code, &words[1..6]), (Some(0), &["tone", "tone", "-", "127.0.0.1", "live"][..]), "{ran:?}");
    for (command, route) in [("presets", "/v1/presets"), ("streams", "/v1/streams")] {
        let ran = run([command, "--url", url, "--json"]);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let names = |report: &Value| {
            report[command].as_array().unwrap().iter().map(|each| each["preset"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&report), names(&host.json(route)));
        let ran = run([command, "--url", &nobody()]);
        assert!(ran.fails(2).contains("is the server running there?"), "{ran:?}");
        let ran = run([command, "--url", "ftp://x"]);
        assert!(
            ran.code == Some(2) && ran.err.contains("the scheme `ftp` is not one of ws, wss, http, https"),
            "{ran:?}"
        );
    }
    client.finish();
}

#[test]
fn completions_and_manual_pages_are_made_of_the_command_line() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert!(
            ran.out.contains("auricle") && ran.out.contains("insecure") && !ran.out.contains("probe-child"),
            "{shell}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("man1");
    assert_eq!(run(["man", "--out", text(&out)]).code, Some(0));
    let page = fs::read_to_string(out.join("auricle-stream.1")).unwrap();
    assert!(page.contains("AURICLE_URL") && page.contains(".TH"), "{page}");
    assert!(out.join("auricle-key-rotate.1").exists() && !out.join("auricle-probe-child.1").exists());
}

// Probe

#[test]
fn probe_describes_a_good_plugin() {
    let tone = library("tone");
    let ran = run(["probe", text(&tone)]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let of_file = ["auricle-engine-tone 0.1.0", "plugin API 1.0", "claims: can partials, endpoints; needs nothing"];
    for part in of_file.into_iter().chain(["engine tone", "segment_chunks: integer = 10 (stream)"]) {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let read = run(["probe", "--without-running", text(&tone)]);
    assert!(of_file.iter().all(|part| read.out.contains(part)) && !read.out.contains("engine tone"), "{read:?}");
    let report: Value = serde_json::from_str(&run(["probe", text(&tone), "--format", "json"]).out).unwrap();
    assert_eq!((&report["id"], &report["api"]), (&json!("auricle-engine-tone"), &json!("1.0")));
    assert_eq!(report["engines"][0]["backend"], "tone");
    assert_eq!(report["engines"][0]["schema"]["properties"]["lan"]["default"], "auto");

    let folder = workshop().engine("1.1").parent().unwrap().to_owned();
    let ran = run(["probe", text(&folder), "--resources", text(&workshop().resources())]);
    assert!(ran.code == Some(0) && ran.out.contains("plugin API 1.1") && ran.out.contains("engine probe"), "{ran:?}");
}

#[test]
fn probe_says_why_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let junk = dir.path().join("junk.so");
    fs::write(&junk, "junk").unwrap();
    let hollow = dir.path().join("hollow.engine");
    fs::create_dir(&hollow).unwrap();
    let workshop = workshop();
    let sibling = workshop.engine("1.0").with_file_name("libabi_sibling.so");
    for (file, reason) in [
        (junk, "is not a shared library"),
        (dir.path().join("absent.so"), "cannot be read: No such file"),
        (hollow, "holds no plugin library"),
        (sibling, "not an Auricle plugin"),
        (workshop.bad("crash"), "crashed (SIGSEGV) while being loaded"),
        (workshop.bad("panic"), "panicked at"),
        (workshop.bad("hang"), "did not finish loading within 1 s"),
        (workshop.engine("2.0"), "built for plugin API 2.0, this host has 1.0"),
    ] {
        let ran = run(["probe", text(&file), "--timeout", "1"]);
        let line = ran.fails(1);
        assert!(line.contains(reason) && line.contains(text(&file)), "{line}");
    }
    let ran = run(["probe", text(&library("tone")), "--timeout=-1"]);
    assert!(ran.code != Some(0) && ran.err.contains("--timeout"), "{ran:?}");
}

// Serve: the start

/// The error of an `auricle serve` that cannot start.
fn does_not_start(command: &mut Command) -> String {
    Ran::from(command.env("XDG_CACHE_HOME", "/nonexistent").output().unwrap()).fails(1).to_owned()
}

#[test]
fn a_wrong_setting_is_named() {
    for (toml, expected) in [
        ("[limits]\nmax_steams = 3", "max_steams"),
        ("[limits]\nmax_streams = \"many\"", "`limits.max_streams` must be a whole number, 0 or more, not the string"),
        ("[timeouts]\ncall_seconds = -1.0", "timeouts.call_seconds"),
        ("listen = \"here\"", "listen"),
        ("[grants]\nan-engine = [\"camera\"]", "camera"),
        ("[limits", "line 2"),
    ] {
        let setup = Setup::new().settings(toml);
        let line = does_not_start(&mut setup.command());
        assert!(line.contains("auricle.toml") && line.contains(expected), "{line}");
    }
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let setup = || Setup::new().log("warn");
    let line = does_not_start(auricle().arg("serve"));
    assert!(line.contains("no plugin directory: use --plugins DIR"), "{line}");

    let without_plugins = setup();
    let plugins = without_plugins.path("plugins");
    fs::remove_dir(&plugins).unwrap();
    let line = does_not_start(&mut without_plugins.command());
    assert!(line.contains(&format!("plugin directory {}: No such file", plugins.display())), "{line}");

    let without_configs = setup();
    let configs = without_configs.path("configs");
    fs::remove_dir_all(&configs).unwrap();
    let line = does_not_start(&mut without_configs.command());
    assert!(line.contains(&format!("--configs {}: not a directory", configs.display())), "{line}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let other = setup();
    let line = does_not_start(auricle().args(["serve", "--listen", &address, "--plugins"]).arg(other.path("plugins")));
    assert!(line.contains(&format!("cannot listen on {address}: Address already in use")), "{line}");

    let without_cache = setup();
    fs::write(without_cache.path("cache"), "not a directory").unwrap();
    let line = does_not_start(&mut without_cache.command());
    assert!(line.contains("cache"), "{line}");

    let line = does_not_start(&mut Setup::new().log("loud=very").command());
    assert!(line.contains("--log loud=very"), "{line}");
}

// Serve: the end

/// A stream that has sent this much audio and received a partial.
fn begun(host: &Host, audio: &[i16]) -> Client {
    let mut client = Client::open(host, "tone", json!({}));
    client.audio(&bytes(audio));
    client.until("partial");
    client
}

fn stopping(host: &Host) {
    host.wait_for("the server to begin to stop", || host.get("/readyz") == (503, "stopping\n".into()));
}

#[test]
fn asked_to_stop_it_lets_streams_end() {
    for signal in ["TERM", "INT"] {
        let mut host = with_tone().start();
        let audio = noise(20, 40_000);
        let mut client = begun(&host, &audio[..10_000]);
        // Neither these connections nor the copies of the plugins delay its end.
        let mut idle = TcpStream::connect(host.address()).unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: auricle\r\n\r\n").unwrap();
        idle.read_exact(&mut [0; 12]).unwrap();
        assert_eq!(entries(&host.path("cache")).len(), 1);
        host.signal(signal);
        stopping(&host);
        assert_eq!(host.get("/healthz").0, 200);
        let url = format!("ws://{}", host.address());
        let ran = run(["stream", "-", "--raw", "s16le", "--preset", "tone", "--url", &url]);
        assert!(ran.fails(4).contains("refused the stream: 503"), "{ran:?}");
        client.audio(&bytes(&audio[10_000..]));
        assert_eq!(client.finish(), tone_segments(&audio, 16_000));
        assert_eq!(host.wait().code(), Some(0));
        assert_eq!(entries(&host.path("cache")), [] as [PathBuf; 0]);
    }
}

#[test]
fn streams_still_open_after_the_drain_time_get_their_last_words() {
    let mut host = with_tone().settings("[timeouts]\ndrain_seconds = 0.5").start();
    let audio = noise(21, 10_000);
    let mut client = begun(&host, &audio);
    let mut silent = Client::connect(&host);
    host.signal("TERM");
    client.to_end();
    assert_eq!(client.texts(), tone_segments(&audio, 16_000));
    assert_eq!(client.heard.last().unwrap()["type"], "done");
    // A client that has not opened a stream yet gets the reason why it cannot.
    silent.fails("shutting_down", 1001);
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn asked_twice_it_stops_at_once() {
    let mut host = with_tone().settings("[timeouts]\ndrain_seconds = 86400.0").start();
    let mut client = begun(&host, &noise(22, 10_000));
    host.signal("TERM");
    stopping(&host);
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    client.to_end();
    assert_eq!(entries(&host.path("cache")), [] as [PathBuf; 0]);
}

#[test]
fn what_a_killed_server_left_behind_goes_with_the_next() {
    let host = with_tone().start();
    let left = entries(&host.path("cache"));
    assert_eq!(left.len(), 1);
    host.signal("KILL");
    let next = host.again();
    let now = entries(&next.path("cache"));
    assert!(now.len() == 1 && now != left, "{left:?} {now:?}");
    let cache = next.path("cache");
    let mut next = next;
    next.signal("TERM");
    assert_eq!(next.wait().code(), Some(0));
    assert_eq!(entries(&cache), [] as [PathBuf; 0]);
}

// Stream

/// A WAV file: 16 kHz, one channel, 16 bits.
fn wav(samples: &[i16]) -> Vec<u8> {
    let data = bytes(samples);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(16_000_u32.to_le_bytes());
    file.extend(32_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// Runs `auricle stream` against the host, with this input.
fn stream(host: &Host, args: &[&str], input: &[u8]) -> Ran {
    let mut command = auricle();
    command.arg("stream").args(args).args(["--url", host.address()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A client that fails does not read to the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().into()
}

#[test]
fn stream_prints_the_transcript_of_a_file_or_a_pipe() {
    let host = with_tone().start();
    let audio = noise(23, 50_000);
    let file = host.path("talk.wav");
    fs::write(&file, wav(&audio)).unwrap();
    let expected = tone_segments(&audio, 16_000);
    let of_file = stream(&host, &[text(&file), "--preset", "tone"], b"");
    let of_pipe = stream(&host, &["-", "--preset", "tone"], &wav(&audio));
    let raw = stream(&host, &["-", "--raw", "s16le", "--preset", "tone"], &bytes(&audio));
    for ran in [of_file, of_pipe, raw] {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.out.lines().collect::<Vec<_>>(), expected);
    }
    let mut short = auricle();
    short.args(["stream", text(&file), "--preset", "tone"]).env("AURICLE_URL", host.address());
    assert_eq!(Ran::from(short.output().unwrap()).out.lines().collect::<Vec<_>>(), expected);

    let args = [text(&file), "--preset", "tone", "--format", "jsonl", "--option", "lan=xx", "--option"];
    let ran = stream(&host, &[&args[..], &["segment_chunks=5"]].concat(), b"");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["type"], &events.last().unwrap()["type"]), (&json!("ready"), &json!("done")));
    assert_eq!(events.last().unwrap()["seconds"], 3.125);
    let segments: Vec<_> = events.iter().filter(|event| event["type"] == "segment").collect();
    let texts: Vec<_> = segments.iter().map(|segment| segment["text"].as_str().unwrap()).collect();
    assert_eq!(texts, tone_segments(&audio, 8_000));
    assert!(segments.iter().all(|segment| segment["language"] == "xx"));
}

#[test]
fn stream_says_what_of_a_file_it_did_not_hear() {
    let host = with_tone().start();
    let audio = noise(26, 50_000);
    let (whole, expected) = (wav(&audio), tone_segments(&audio, 16_000));
    // Two recordings in one file are processed as two recordings.
    let joined = stream(&host, &["-", "--preset", "tone"], &whole.repeat(2));
    assert_eq!((joined.code, joined.out.lines().count()), (Some(0), tone_segments(&audio.repeat(2), 16_000).len()));
    // A file whose end is missing, and one with other data after its samples.
    let mut cut = whole.clone();
    cut[40..44].copy_from_slice(&200_000_u32.to_le_bytes());
    for (file, what) in [(cut, "3.12 s of audio"), ([whole, vec![0x81; 9_000]].concat(), "9000 bytes of unknown data")]
    {
        let ran = stream(&host, &["-", "--preset", "tone"], &file);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert_eq!(ran.out.lines().collect::<Vec<_>>(), expected);
        assert!(ran.err.contains(what) && ran.err.contains("not all of the audio was transcribed"), "{ran:?}");
    }
}

#[test]
fn stream_hears_one_channel_of_many() {
    let host = with_tone().start();
    let audio = noise(27, 50_000);
    let frames: Vec<i16> = audio.iter().flat_map(|sample| [[0; 9].as_slice(), &[*sample]].concat()).collect();
    let mut file = wav(&frames);
    file[22..24].copy_from_slice(&10_u16.to_le_bytes());
    file[32..34].copy_from_slice(&20_u16.to_le_bytes());
    let ran = stream(&host, &["-", "--preset", "tone", "--channel", "9"], &file);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), tone_segments(&audio, 16_000));
    let line = stream(&host, &["-", "--preset", "tone", "--channel", "10"], &file).fails(3).to_owned();
    assert!(line.contains("no channel 10"), "{line}");
}

#[test]
fn stream_warns_about_channels_in_opposite_phase() {
    let host = with_tone().start();
    let audio = noise(28, 50_000);
    let mut file = wav(&audio.iter().flat_map(|sample| [*sample, sample.saturating_neg()]).collect::<Vec<i16>>());
    file[22..24].copy_from_slice(&2_u16.to_le_bytes());
    file[32..34].copy_from_slice(&4_u16.to_le_bytes());
    let ran = stream(&host, &["-", "--preset", "tone"], &file);
    assert_eq!((ran.code, ran.err.matches("opposite phase").count()), (Some(0), 1), "{ran:?}");
    assert!(ran.err.contains("--channel N"), "{ran:?}");
    let log = ["WARN", "stream", "channels are in opposite phase"];
    host.wait_for_log(&log, 1);
    // One of them is a complete recording.
    let ran = stream(&host, &["-", "--preset", "tone", "--channel", "0"], &file);
    assert_eq!((ran.code, ran.err.contains("opposite phase")), (Some(0), false), "{ran:?}");
    host.wait_for_log(&log, 1);
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), tone_segments(&audio, 16_000));
}

#[test]
fn stream_ends_with_a_status_for_scripts() {
    let host = with_tone().start();
    let audio = bytes(&noise(24, 8_000));
    let raw = ["-", "--raw", "s16le", "--preset"];
    let fails = |args: &[&str], code, input: &[u8]| stream(&host, args, input).fails(code).to_owned();

    let line = fails(&[&raw[..], &["absent"]].concat(), 5, &audio);
    assert!(line.contains("there is no preset `absent`") && line.contains("unknown_preset"), "{line}");
    let line = fails(&[&raw[..], &["tone", "--option", "work=1"]].concat(), 5, &audio);
    assert!(line.contains("forbidden_field"), "{line}");
    let line = fails(&["-", "--preset", "tone"], 3, b"neither a WAV file nor any other");
    assert!(line.contains("standard input"), "{line}");
    let absent = host.path("absent.wav");
    let line = fails(&[text(&absent), "--preset", "tone"], 3, b"");
    assert!(line.contains(text(&absent)) && line.contains("No such file"), "{line}");

    let ran = run(["stream", text(&library("tone")), "--preset", "tone", "--url", &nobody()]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let mut command = auricle();
    command.args(["stream", "-", "--raw", "s16le", "--preset", "tone", "--url", &nobody()]).stdin(Stdio::null());
    let ran = Ran::from(command.output().unwrap());
    assert!(ran.fails(4).contains("cannot connect"), "{ran:?}");
}

#[test]
fn stream_says_when_the_server_dies() {
    let host = with_tone().start();
    let audio = noise(25, 16_000);
    let mut command = auricle();
    command.args(["stream", "-", "--raw", "s16le", "--preset", "tone", "--url", host.address()]);
    command.args(["--reconnect", "0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&bytes(&audio)).unwrap();
    host.wait_for("the stream", || host.preset_report("tone").unwrap()["streams"] == 1);
    let mut heard = vec![0; tone_segments(&audio, 16_000)[0].len()];
    child.stdout.as_mut().unwrap().read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8(heard).unwrap(), tone_segments(&audio, 16_000)[0]);
    host.signal("KILL");
    let ran = Ran::from(child.wait_with_output().unwrap());
    drop(input);
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), "\n"));
    assert!(ran.err.contains("the connection was lost"), "{ran:?}");
}

/// An address without a listener.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
