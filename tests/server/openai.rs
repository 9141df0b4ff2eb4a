//! OpenAI's HTTP requests: the official Python and JavaScript clients, unmodified, and requests that they never send.
//!
//! The official clients are installed under the target directory; if that fails, their test is skipped.

use auricle_tests::{
    Client, Host, PublishedClients, Setup, auricle, bytes, fixture, library, limit, models, noise, printed, runtime,
    tone_segments, wav, words,
};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
};

const CLIENTS: PublishedClients = PublishedClients("openai");
pub(crate) const PATH: &str = "/v1/audio/transcriptions";

fn setup() -> Setup {
    let slow = json!({"backend": "faulty", "fault": "sleep", "seconds": 0.2, "times": 100_000, "segment_chunks": 1});
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan"]}}))
        .preset("slow", &slow)
        .preset("broken", &json!({"backend": "faulty", "fault": "error", "after_chunks": 2}))
}

/// A WAV file of these samples at 16 kHz.
pub(crate) fn wav_file(samples: &[i16]) -> Vec<u8> {
    let audio = bytes(samples);
    let length = audio.len() as u32;
    let mut file = [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    file.extend([1u16, 1].map(u16::to_le_bytes).concat());
    file.extend([16_000u32, 32_000].map(u32::to_le_bytes).concat());
    file.extend([2u16, 16].map(u16::to_le_bytes).concat());
    [file.as_slice(), b"data", &length.to_le_bytes(), &audio].concat()
}

/// A form with a file, if there is one, and fields behind it.
pub(crate) fn form(file: Option<&[u8]>, fields: &[(&str, &str)]) -> Vec<u8> {
    let head = |name: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"");
    let mut form = Vec::new();
    if let Some(file) = file {
        form.extend(format!("{}; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n", head("file")).bytes());
        form.extend(file.iter().chain(b"\r\n"));
    }
    for (name, value) in fields {
        form.extend(format!("{}\r\n\r\n{value}\r\n", head(name)).bytes());
    }
    form.extend(b"--B--\r\n");
    form
}

/// The head of a request with a form of so many bytes.
fn head(host: &Host, path: &str, length: usize, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=B\r\n\
         Content-Length: {length}\r\n{more}\r\n",
        host.address()
    )
}

fn connect(host: &Host) -> TcpStream {
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    stream
}

/// A response: status, head, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads to the end of the connection.
    fn read(stream: &mut TcpStream) -> Self {
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text}"));
        let head = head.to_ascii_lowercase();
        Self { status: head[9..12].parse().unwrap(), body: body.to_owned(), head }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The fields of an error: status, type, code, param.
    fn error(&self) -> (u16, String, Value, Value) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        (self.status, error["type"].as_str().unwrap().to_owned(), error["code"].clone(), error["param"].clone())
    }
}

/// Sends a form.
pub(crate) fn post(host: &Host, path: &str, form: &[u8], more: &str) -> Answer {
    let mut stream = connect(host);
    stream.write_all(head(host, path, form.len(), more).as_bytes()).unwrap();
    // A refused client may not be able to send all.
    let _ = stream.write_all(form);
    Answer::read(&mut stream)
}

/// Transcribes a file.
pub(crate) fn transcribe(host: &Host, file: &[u8], fields: &[(&str, &str)]) -> Answer {
    post(host, PATH, &form(Some(file), fields), "")
}

#[test]
fn a_file_is_transcribed_in_every_form() {
    let host = setup().start();
    let audio = noise(1, 40_000);
    let (file, segments) = (wav_file(&audio), tone_segments(&audio, 16_000));
    let text = segments.join(" ");
    let json = transcribe(&host, &file, &[("model", "tone")]);
    let told = json!({"text": text, "usage": {"type": "duration", "seconds": 2.5}});
    assert_eq!((json.status, json.json()), (200, told.clone()));
    assert!(json.head.contains("content-type: application/json") && json.head.contains("x-request-id: "), "{json:?}");
    let form = |format: &str| transcribe(&host, &file, &[("model", "tone"), ("response_format", format)]);
    assert_eq!(form("text").body, format!("{text}\n"));
    let srt = form("srt").body;
    assert!(srt.starts_with(&format!("1\n00:00:00,000 --> 00:00:01,000\n{}\n\n2\n", segments[0])), "{srt}");
    let vtt = form("vtt");
    assert!(vtt.body.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"), "{vtt:?}");
    assert!(vtt.head.contains("content-type: text/vtt"), "{vtt:?}");
    let fields = [("model", "tone"), ("response_format", "verbose_json"), ("language", "de")];
    let verbose = transcribe(&host, &file, &fields).json();
    assert_eq!((&verbose["language"], &verbose["duration"]), (&json!("de"), &json!(2.5)));
    let told: Vec<_> = verbose["segments"].as_array().unwrap().iter().map(|segment| segment["text"].clone()).collect();
    assert_eq!(told, segments);
    // Of a file that was cut off, what is missing is told.
    let cut = transcribe(&host, &file[..64_044], &[("model", "tone")]).json();
    assert_eq!(cut["text"], tone_segments(&audio[..32_000], 16_000).join(" "));
    assert!(cut["warnings"][0].as_str().unwrap().contains("0.50 s of audio are missing"), "{cut}");
}

#[test]
fn a_streamed_response_tells_each_segment_and_then_the_whole() {
    let host = setup().start();
    let audio = noise(2, 40_000);
    let answer = transcribe(&host, &wav_file(&audio), &[("model", "tone"), ("stream", "true")]);
    assert!(answer.head.contains("content-type: text/event-stream"), "{answer:?}");
    let data: Vec<_> = answer.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (last, events) = data.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let (done, deltas) = events.split_last().unwrap();
    let text = tone_segments(&audio, 16_000).join(" ");
    assert!(deltas.iter().all(|delta| delta["type"] == "transcript.text.delta"), "{deltas:?}");
    assert_eq!(deltas.iter().map(|delta| delta["delta"].as_str().unwrap()).collect::<String>(), text);
    assert_eq!((&done["type"], &done["text"]), (&json!("transcript.text.done"), &json!(text)));
}

/// What the audio crate can read, by its own test files.
#[test]
fn every_readable_kind_of_file_is_heard() {
    let host = setup().start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/audio/src/file/testdata");
    for name in ["tone.mp3", "tone.aac", "tone.m4a", "tone.opus", "tone.flac", "tone.ogg", "tone.webm"] {
        let answer = transcribe(&host, &fs::read(folder.join(name)).unwrap(), &[("model", "tone")]);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert!(answer.json()["usage"]["seconds"].as_f64().unwrap() > 0.1, "{name}: {answer:?}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_in_openais_form() {
    let host = setup().start();
    let file = wav_file(&noise(3, 16_000));
    let is = |answer: Answer, status: u16, code: &str, param: Value| {
        assert_eq!(answer.error(), (status, "invalid_request_error".to_owned(), json!(code), param), "{answer:?}");
    };
    is(transcribe(&host, &file, &[]), 400, "missing_required_parameter", json!("model"));
    is(post(&host, PATH, &form(None, &[("model", "tone")]), ""), 400, "missing_required_parameter", json!("file"));
    is(transcribe(&host, &file, &[("model", "whisper-1")]), 404, "model_not_found", json!("model"));
    is(transcribe(&host, b"no audio at all", &[("model", "tone")]), 400, "bad_audio", json!("file"));
    for (name, value) in [
        ("response_format", "diarized_json"),
        ("known_speaker_names[]", "agent"),
        ("prompt", "Auricle"),
        ("keywords[]", "Auricle"),
    ] {
        let param = name.trim_end_matches("[]");
        let answer = transcribe(&host, &file, &[("model", "tone"), (name, value)]);
        is(answer, 400, "unsupported_parameter", json!(param));
    }
    // What only the loaded model tells: this one has neither.
    for (fields, param) in [
        ([("response_format", "verbose_json"), ("timestamp_granularities[]", "word")], "timestamp_granularities"),
        ([("response_format", "json"), ("include[]", "logprobs")], "include"),
    ] {
        let fields = [&[("model", "tone")], &fields[..]].concat();
        is(transcribe(&host, &file, &fields), 400, "unsupported_parameter", json!(param));
    }
    let translation = post(&host, "/v1/audio/translations", &form(Some(&file), &[("model", "tone")]), "");
    is(translation, 400, "unsupported_parameter", json!("model"));
    is(post(&host, PATH, b"{\"model\": \"tone\"}", ""), 400, "bad_message", Value::Null);
    is(post(&host, PATH, &form(Some(&file), &[])[..9_000], ""), 400, "bad_message", Value::Null);
    let broken = transcribe(&host, &file, &[("model", "broken")]);
    assert_eq!(broken.error(), (500, "server_error".to_owned(), json!("engine_error"), Value::Null));
    let streamed = transcribe(&host, &file, &[("model", "broken"), ("stream", "true")]);
    assert!(streamed.status == 500 || streamed.body.contains("event: error\ndata: {\"error\":{"), "{streamed:?}");
    assert_eq!(host.get(PATH).0, 405);
}

#[test]
fn a_file_is_limited_in_bytes_and_seconds_and_all_files_together() {
    let settings = "[limits]\nmax_upload_bytes = 200000\nmax_upload_seconds = 3.0\nmax_shared_upload_bytes = 250000\n";
    let host = setup().settings(settings).start();
    let fields = [("model", "tone")];
    for (samples, status) in [(40_000, 200), (49_000, 413), (99_700, 413), (2_000_000, 413)] {
        let answer = transcribe(&host, &wav_file(&noise(4, samples)), &fields);
        assert_eq!(answer.status, status, "{samples}: {answer:?}");
    }
    // This one does not state its length, and has about a second more.
    let mut unknown = wav_file(&noise(4, 64_000));
    unknown[40..44].copy_from_slice(&[0xff; 4]);
    assert_eq!(transcribe(&host, &unknown, &fields).status, 413);
    // Half of a file is in memory, so there is no room for another.
    let file = form(Some(&wav_file(&noise(5, 80_000))), &fields);
    let other = form(Some(&wav_file(&noise(5, 80_000))), &fields);
    let first = RefCell::new(None);
    host.wait_for("no room", || {
        // If the server reads the other one first, it refuses this one; then both begin again.
        let mut stream = connect(&host);
        stream.write_all(head(&host, PATH, file.len(), "").as_bytes()).unwrap();
        stream.write_all(&file[..140_000]).unwrap();
        first.replace(Some(stream));
        post(&host, PATH, &other, "").status == 503
    });
    drop(first);
    host.wait_for("room", || post(&host, PATH, &other, "").status == 413);
}

#[test]
fn a_body_that_stops_is_refused_in_time() {
    let host = setup().settings("[limits]\nmin_body_bytes_per_second = 1e6\n[timeouts]\nbody_seconds = 0.2").start();
    let file = form(Some(&wav_file(&noise(5, 80_000))), &[("model", "tone")]);
    let mut stream = connect(&host);
    stream.write_all(head(&host, PATH, file.len(), "").as_bytes()).unwrap();
    stream.write_all(&file[..10_000]).unwrap();
    let late = Answer::read(&mut stream);
    assert_eq!(late.error(), (408, "invalid_request_error".to_owned(), json!("idle_timeout"), Value::Null));
}

/// Sends a form and reads until the first text of a streamed response.
fn first_text(host: &Host, form: &[u8]) -> TcpStream {
    let mut stream = connect(host);
    stream.write_all(head(host, PATH, form.len(), "").as_bytes()).unwrap();
    stream.write_all(form).unwrap();
    let mut heard = String::new();
    while !heard.contains("transcript.text.delta") {
        let mut some = [0; 1_000];
        let bytes = stream.read(&mut some).unwrap();
        assert!(bytes > 0, "no text: {heard}");
        heard += &String::from_utf8_lossy(&some[..bytes]);
    }
    stream
}

fn streams(host: &Host) -> Vec<Value> {
    host.json("/v1/streams")["streams"].as_array().unwrap().clone()
}

#[test]
fn a_long_file_leaves_room_for_live_streams_and_ends_with_its_client() {
    let host = setup().start();
    // Minutes of work, on a model with one thread.
    let file = wav_file(&noise(6, 8_000_000));
    let streamed = first_text(&host, &form(Some(&file), &[("model", "slow"), ("stream", "true")]));
    let waiting = connect(&host);
    let plain = form(Some(&file), &[("model", "slow")]);
    (&waiting).write_all(head(&host, PATH, plain.len(), "").as_bytes()).unwrap();
    (&waiting).write_all(&plain).unwrap();
    host.wait_for("two files", || streams(&host).len() == 2);
    assert!(streams(&host).iter().all(|stream| stream["pace"] == "file"), "{:?}", streams(&host));
    let mut live = Client::open(&host, "slow", json!({}));
    live.audio(&bytes(&noise(7, 8_000)));
    live.finish();
    // The files are still in work.
    host.wait_for("the end of the live stream", || streams(&host).len() == 2);
    drop(streamed);
    waiting.shutdown(Shutdown::Both).unwrap();
    host.wait_for("the end of the files", || streams(&host).is_empty());
}

#[test]
fn a_file_in_work_when_the_server_stops_is_refused_for_another_try() {
    let host = setup().settings("[timeouts]\ndrain_seconds = 0.2").start();
    let file = form(Some(&wav_file(&noise(6, 8_000_000))), &[("model", "slow")]);
    let mut waiting = connect(&host);
    waiting.write_all(head(&host, PATH, file.len(), "").as_bytes()).unwrap();
    waiting.write_all(&file).unwrap();
    host.wait_for("the stream", || !streams(&host).is_empty());
    host.signal("TERM");
    let answer = Answer::read(&mut waiting);
    assert_eq!(answer.error(), (503, "server_error".to_owned(), json!("shutting_down"), Value::Null));
    assert!(answer.head.contains("retry-after: "), "{answer:?}");
}

#[test]
fn names_of_models_select_presets_and_keys_decide_who_may_use_them() {
    let names =
        "[models]\n\"whisper-1\" = \"tone\"\n\"gpt-*\" = \"tone\"\n\"org/large\" = \"slow\"\n\"gone\" = \"absent\"\n";
    let setup = setup().settings(&format!("keys = \"keys.toml\"\n{names}"));
    let keys = setup.path("configs/keys.toml");
    let made = |args: &[&str]| {
        let output = auricle().args(["key", "add"]).args(args).arg("--file").arg(&keys).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        format!("Authorization: Bearer {}\r\n", String::from_utf8(output.stdout).unwrap().trim())
    };
    let (all, some) = (made(&["all", "--operator"]), made(&["some", "--preset", "tone", "--max-streams", "1"]));
    let host = setup.start();
    let audio = noise(8, 20_000);
    let file = wav_file(&audio);
    let try_model = |model: &str, key: &str| post(&host, PATH, &form(Some(&file), &[("model", model)]), key);
    // Its only stream is free again when it has the response.
    for model in ["whisper-1", "gpt-4o-transcribe", "tone"].repeat(5) {
        assert_eq!(try_model(model, &some).json()["text"], tone_segments(&audio, 16_000).join(" "), "{model}");
    }
    assert_eq!(try_model("org/large", &some).error().2, "model_not_found");
    assert_eq!(try_model("slow", &some).error().2, "model_not_found");
    assert_eq!(try_model("gone", &all).error().2, "model_not_found");
    for key in ["", "Authorization: Bearer no\r\n"] {
        let refused = try_model("tone", key);
        assert_eq!((refused.error().0, refused.error().2), (401, json!("invalid_api_key")));
        assert!(refused.head.contains("www-authenticate: bearer"), "{refused:?}");
    }
    let get = |path: &str, key: &str| {
        let mut stream = connect(&host);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{key}\r\n", host.address());
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    };
    let listed = |key: &str| -> Vec<String> {
        let list = get("/v1/models", key).json();
        assert_eq!(list["object"], "list");
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&all), ["broken", "org/large", "slow", "tone", "whisper-1"]);
    assert_eq!(listed(&some), ["tone", "whisper-1"]);
    for (path, status) in [("org%2Flarge", 200), ("org/large", 200), ("gpt-5", 200), ("gone", 404), ("x", 404)] {
        assert_eq!(get(&format!("/v1/models/{path}"), &all).status, status, "{path}");
    }
    assert_eq!(get("/v1/models/slow", &some).error().2, "model_not_found");
    // A file that is being sent takes the only stream of its key.
    let mut first = connect(&host);
    first.write_all(head(&host, PATH, 1_000_000, &some).as_bytes()).unwrap();
    first.write_all(b"--B\r\n").unwrap();
    host.wait_for("the file", || get("/v1/status", &all).json()["streams"] == 1);
    let refused = try_model("tone", &some);
    assert_eq!((refused.error().0, refused.error().2), (429, json!("rate_limit_exceeded")));
}

#[test]
fn the_log_and_the_metrics_have_what_was_accepted_without_effect() {
    let setup = setup();
    let mut command = setup.command();
    command.args(["--log-format", "json"]);
    let host = setup.start_by(command);
    let file = wav_file(&noise(9, 16_000));
    let fields = [("model", "tone"), ("chunking_strategy", "auto"), ("temperature", "0.4"), ("user", "me")];
    assert_eq!(transcribe(&host, &file, &fields).status, 200);
    assert_eq!(transcribe(&host, &file, &[("model", "absent")]).status, 404);
    let lines = || -> Vec<Value> {
        let log = host.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|line: Value| line["fields"].clone())
            .collect()
    };
    let find = |message: &str| {
        host.wait_for(message, || lines().iter().any(|line| line["message"].as_str().unwrap().starts_with(message)));
        lines().into_iter().find(|line| line["message"].as_str().unwrap().starts_with(message)).unwrap()
    };
    assert_eq!(find("parameters without effect")["parameters"], "chunking_strategy, temperature");
    let ended = find("stream ended");
    assert_eq!((&ended["outcome"], &ended["status"]), (&json!("done"), &json!(200)));
    assert_eq!((&ended["dialect"], &ended["pace"], ended.get("close_code")), (&json!("openai"), &json!("file"), None));
    let refused = find("refused: ");
    assert_eq!((&refused["reason"], &refused["status"]), (&json!("unknown_preset"), &json!(404)));
    let metrics = host.get("/metrics").1;
    for parameter in ["chunking_strategy", "temperature"] {
        let counted = format!("auricle_ignored_parameters_total{{dialect=\"openai\",parameter=\"{parameter}\"}} 1");
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

#[test]
fn a_web_page_that_is_listed_may_send_files() {
    let host = setup().settings("origins = [\"https://app.example\"]").start();
    let mut stream = connect(&host);
    let asked = format!(
        "OPTIONS {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://app.example\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,x-stainless-lang\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert!(answer.head.contains("access-control-allow-headers: authorization,x-stainless-lang"), "{answer:?}");
    let file = form(Some(&wav_file(&noise(1, 1_600))), &[("model", "tone")]);
    assert_eq!(post(&host, PATH, &file, "Origin: https://app.example\r\n").status, 200);
    assert_eq!(post(&host, PATH, &file, "Origin: https://evil.example\r\n").error().0, 403);
}

#[test]
fn a_listener_may_leave_the_dialect_out() {
    let listeners = "[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"native\"]\n\
                     [[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"openai\"]\n";
    let host = setup().settings(listeners).start();
    assert_eq!(host.get("/v1/models").0, 404);
    let mut stream = TcpStream::connect(host.listener(1)).unwrap();
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
}

/// Engine `onnx` with the model of the digits, and a key.
fn digits() -> (Host, String) {
    let preset = fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap();
    let setup = Setup::new()
        .plugin(&library("onnx"))
        .resource(&models())
        .resource(&runtime())
        .preset("digits", &serde_json::from_str(&preset).unwrap())
        .settings("keys = \"keys.toml\"\n[models]\n\"whisper-*\" = \"digits\"\n\"gpt-4o-transcribe\" = \"digits\"\n");
    let keys = setup.path("configs/keys.toml");
    let made = auricle().args(["key", "add", "client", "--file"]).arg(keys).output().unwrap();
    (setup.start(), String::from_utf8(made.stdout).unwrap().trim().to_owned())
}

/// The words of the native protocol: text, start, end.
fn native_words(host: &Host, key: &str) -> Vec<(String, f64, f64)> {
    let (_, audio) = wav(&fixture("digits.wav"));
    let mut client = Client::knock(host, &format!("?key={key}"), &[]).unwrap();
    client.say_start("digits", json!({"pace": "file"}));
    client.audio_in_frames(&bytes(&audio), 6_400);
    client.finish();
    let segments = client.events("segment");
    let words = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap());
    words.map(|word| timed(word, "text")).collect()
}

/// A word: text, start, end.
fn timed(word: &Value, text: &str) -> (String, f64, f64) {
    let text = word[text].as_str().unwrap_or_else(|| panic!("{word}"));
    (text.to_owned(), word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap())
}

#[test]
fn the_official_clients_get_the_words_of_the_native_protocol() {
    let (host, key) = digits();
    let native = native_words(&host, &key);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    assert_eq!(native.iter().map(|word| word.0.clone()).collect::<Vec<_>>(), spoken);
    let (url, audio) = (format!("http://{}/v1", host.address()), fixture("digits.wav"));
    let args = [&url, &key, "whisper-1", audio.to_str().unwrap()];
    for (name, ran) in
        [("Python", CLIENTS.python("client.py", &args)), ("JavaScript", CLIENTS.node("client.mjs", &args))]
    {
        let Some(ran) = ran else { continue };
        let told: Value = serde_json::from_str(&printed(ran)).unwrap();
        check_client(name, &told, &native, &spoken);
    }
}

/// Checks what an official client was told.
fn check_client(name: &str, told: &Value, native: &[(String, f64, f64)], spoken: &[String]) {
    let text = |value: &Value| words(value.as_str().unwrap_or_else(|| panic!("{name}: {value}")));
    assert_eq!(text(&told["json"]["text"]), spoken, "{name}");
    assert_eq!(text(&told["text"]), spoken, "{name}");
    assert_eq!(text(&told["verbose"]["text"]), spoken, "{name}");
    let timed_words: Vec<_> =
        told["verbose"]["words"].as_array().unwrap().iter().map(|word| timed(word, "word")).collect();
    assert_eq!(timed_words, native, "{name}");
    let segments = told["verbose"]["segments"].as_array().unwrap();
    assert_eq!(segments.iter().flat_map(|segment| text(&segment["text"])).collect::<Vec<_>>(), spoken, "{name}");
    for kind in ["srt", "vtt"] {
        let cues = told[kind].as_str().unwrap();
        let lines = cues.lines().skip_while(|line| !line.contains(" --> ")).filter(|line| !line.contains(" --> "));
        let lines = lines.filter(|line| line.parse::<u32>().is_err());
        assert_eq!(lines.flat_map(words).collect::<Vec<_>>(), spoken, "{name}: {cues}");
    }
    let tokens = told["logprobs"]["logprobs"].as_array().unwrap();
    assert_eq!(tokens.iter().flat_map(|token| text(&token["token"])).collect::<Vec<_>>(), spoken, "{name}");
    assert!(tokens.iter().all(|token| token["logprob"].as_f64().unwrap() <= 0.0), "{name}: {tokens:?}");
    let stream = told["stream"].as_array().unwrap();
    let deltas = stream.iter().filter(|event| event["type"] == "transcript.text.delta");
    let deltas: String = deltas.map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(words(&deltas), spoken, "{name}");
    let done = stream.last().unwrap();
    assert_eq!((&done["type"], text(&done["text"])), (&json!("transcript.text.done"), spoken.to_vec()), "{name}");
    assert_eq!(told["models"], json!(["digits", "gpt-4o-transcribe"]), "{name}");
    assert_eq!(told["model"], "whisper-1", "{name}");
    let refused = json!({
        "key": ["AuthenticationError", 401, "invalid_api_key", null],
        "model": ["NotFoundError", 404, "model_not_found", "model"],
        "retrieve": ["NotFoundError", 404, "model_not_found", "model"],
        "file": ["BadRequestError", 400, "bad_audio", "file"],
        "language": ["BadRequestError", 400, "unsupported_parameter", "language"],
        "diarized": ["BadRequestError", 400, "unsupported_parameter", "response_format"],
        "translation": ["BadRequestError", 400, "unsupported_parameter", "model"],
    });
    assert_eq!(told["refused"], refused, "{name}");
}
