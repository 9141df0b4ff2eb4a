//! The requests of HISI-interface's clients, and the flow of its page.

use super::{
    openai::wav_file,
    timed::digits,
    webrtc::{self, call, last, over_websocket},
};
use auricle_tests::{Client, Host, Setup, auricle, bytes, fixture, library, limit, noise, tone_segments};
use serde_json::{Value, json};
use std::fs;

/// Two presets, so that there is no default one, and models can be loaded.
fn setup(settings: &str) -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("broken", &json!({"backend": "faulty", "fault": "error", "after_chunks": 2}))
        .settings(settings)
}

pub(super) fn with_models(most: usize) -> Setup {
    setup(&format!("[dialects.hisi]\nmax_loaded_models = {most}"))
}

/// Posts a body. Returns the status and the text of the response.
fn send(host: &Host, path: &str, kind: &str, body: &[u8], key: Option<&str>) -> (u16, String) {
    let url = format!("http://{}{path}", host.address());
    let mut request = ureq::post(&url).config().http_status_as_error(false).timeout_global(Some(limit())).build();
    if let Some(key) = key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let mut answer = request.header("Content-Type", kind).send(body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), text)
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

/// A form with a file, and fields behind it.
pub(super) fn form(name: &str, file: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut form =
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.wav\"\r\n\r\n").into_bytes();
    form.extend(file);
    for (name, value) in fields {
        form.extend(format!("\r\n--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}").bytes());
    }
    form.extend(b"\r\n--B--\r\n");
    form
}

pub(super) fn send_form(host: &Host, path: &str, form: &[u8], key: Option<&str>) -> (u16, String) {
    send(host, path, "multipart/form-data; boundary=B", form, key)
}

/// Uploads a file. Returns the status and the text of the response.
pub(super) fn upload(host: &Host, file: &[u8], fields: &[(&str, &str)]) -> (u16, String) {
    send_form(host, "/upload_and_transcribe", &form("audio_file", file, fields), None)
}

/// The server-sent events of a response: names and data.
pub(super) fn events(answer: (u16, String)) -> Vec<(String, Value)> {
    let (status, text) = answer;
    assert_eq!(status, 200, "{text}");
    let parts = text.split("\n\n").filter(|part| !part.is_empty());
    let event = |part: &str| {
        let (name, data) = part.strip_prefix("event: ").and_then(|part| part.split_once("\ndata: ")).unwrap();
        (name.to_owned(), read(data))
    };
    parts.map(event).collect()
}

pub(super) fn load(host: &Host, configuration: &Value, key: Option<&str>) -> (u16, Value) {
    let (status, text) = send(host, "/load_model", "application/json", configuration.to_string().as_bytes(), key);
    (status, read(&text))
}

/// The refusal of a request: the status, and that its form is the original server's.
fn refused(answer: (u16, Value), status: u16, problem: &str) {
    let detail = answer.1["detail"].as_str().unwrap_or_else(|| panic!("{answer:?}"));
    assert!(answer.0 == status && detail.contains(problem), "{answer:?}");
}

fn presets(host: &Host) -> Vec<String> {
    let presets = read(&host.get("/v1/presets").1)["presets"].as_array().unwrap().clone();
    presets.iter().map(|preset| preset["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_is_told_segment_by_segment() {
    let host = setup("").start();
    let audio = noise(1, 40_000);
    let (file, expected) = (wav_file(&audio), tone_segments(&audio, 16_000));
    let told = events(upload(&host, &file, &[("preset", "tone")]));
    let (end, told) = told.split_last().unwrap();
    let outputs: Vec<_> = told.iter().filter(|(name, _)| name == "output").map(|(_, data)| data).collect();
    let segments: Vec<_> = outputs.iter().flat_map(|data| data["segments"].as_array().unwrap()).collect();
    assert_eq!(segments.iter().map(|segment| segment["text"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    assert_eq!((&segments[1]["start"], &segments[1]["end"]), (&json!(1.0), &json!(2.0)));
    for data in &outputs {
        let last = data["segments"].as_array().unwrap().last().unwrap();
        assert_eq!((&data["timestamp"], &data["duration"]), (&last["end"], &json!(2.5)));
        let text = data["full_transcript"].as_str().unwrap();
        assert!(expected.join(" ").starts_with(text) && text.ends_with(last["text"].as_str().unwrap()), "{data}");
    }
    let done = json!({"full_transcript": expected.join(" "), "segments": [], "timestamp": 2.5, "duration": 2.5, "warnings": []});
    assert_eq!(end, &("done".to_owned(), done));
    host.wait_for_log(&["stream ended", "dialect=\"hisi\"", "outcome=\"done\"", "status=200"], 1);
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_the_form_of_the_original_server() {
    let host = setup("[limits]\nmax_upload_bytes = 200000\n").start();
    let file = wav_file(&noise(1, 40_000));
    let refused = |answer: (u16, String), status, problem: &str| refused((answer.0, read(&answer.1)), status, problem);
    refused(upload(&host, &file, &[]), 404, "there is no default preset: name a `preset` in the form");
    refused(upload(&host, &file, &[("preset", "absent")]), 404, "there is no model `absent`");
    refused(upload(&host, b"no audio", &[("preset", "tone")]), 400, "not a recognized audio file");
    refused(upload(&host, &wav_file(&noise(1, 200_000)), &[("preset", "tone")]), 413, "200000 bytes");
    refused(
        send_form(&host, "/upload_and_transcribe", &form("file", b"RIFF", &[]), None),
        400,
        "send it as `audio_file`",
    );
    refused(send(&host, "/upload_and_transcribe", "text/plain", b"x", None), 400, "multipart/form-data");
    let evaluate = |fields: &[(&str, &str)]| {
        let fields = [&[("preset", "tone")], fields].concat();
        send_form(&host, "/evaluate_model", &form("audio", &file, &fields), None)
    };
    refused(evaluate(&[]), 400, "`reference` has no words");
    refused(evaluate(&[("reference", "a"), ("normalizer", "x")]), 400, "`normalizer` must be one of `none`");
    // The engine fails in the middle: an event in a response that has begun, or its status before.
    let (status, text) = upload(&host, &file, &[("preset", "broken")]);
    assert!(status == 500 || text.contains("event: error\ndata: {\"message\":"), "{status} {text}");
    let broken =
        send_form(&host, "/evaluate_model", &form("audio", &file, &[("preset", "broken"), ("reference", "a")]), None);
    assert_eq!(broken.0, 500, "{broken:?}");
    host.wait_for_log(&["refused", "dialect=\"hisi\"", "reason=\"unknown_preset\"", "status=404"], 2);
}

#[test]
fn a_file_is_evaluated() {
    let host = digits().start();
    let file = fs::read(fixture("digits.wav")).unwrap();
    let said = fs::read_to_string(fixture("digits.txt")).unwrap();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let evaluate = |fields: &[(&str, &str)]| {
        let (status, text) = send_form(&host, "/evaluate_model", &form("audio", &file, fields), None);
        assert_eq!(status, 200, "{text}");
        read(&text)
    };
    let result = evaluate(&[("reference", &said)]);
    for name in ["transcript", "hypothesis", "reference"] {
        assert_eq!(result[name], json!(said), "{result}");
    }
    for name in ["word_error_rate", "wer", "char_error_rate", "cer"] {
        assert_eq!(result[name], json!(0.0), "{result}");
    }
    let words = said.split(' ').count() as f64;
    let shouted = said.to_uppercase() + " too";
    let result = evaluate(&[("reference", &shouted)]);
    assert_eq!(result["wer"], json!(1.0));
    let result = evaluate(&[("reference", &shouted), ("normalizer", "basic")]);
    assert_eq!((&result["wer"], &result["normalizer"]), (&json!(1.0 / (words + 1.0)), &json!("basic")));
}

#[test]
fn a_model_is_loaded_beside_the_streams_that_run() {
    let host = with_models(2).start();
    let configuration = |chunks: u32| json!({"model": "m", "backend": "tone", "segment_chunks": chunks, "vad": false, "model_dir": null});
    let (status, answer) = load(&host, &configuration(2), None);
    let success = |message: &str, preset: &str| json!({"status": "success", "message": message, "preset": preset});
    assert_eq!((status, answer), (200, success("Processor created successfully.", "loaded-1")));
    let mut live = Client::open(&host, "loaded-1", json!({}));
    assert_eq!(load(&host, &configuration(3), None).1["preset"], "loaded-2");
    // The one that was loaded last is the default one.
    let again = load(&host, &configuration(2), None).1;
    assert_eq!(again, success("Processor is already loaded.", "loaded-1"));
    let file = wav_file(&noise(1, 40_000));
    assert_eq!(events(upload(&host, &file, &[])).last().unwrap().0, "done");
    host.wait_for_log(&["stream ended", "dialect=\"hisi\"", "preset=\"loaded-1\""], 1);
    assert_eq!(presets(&host), ["broken", "loaded-1", "loaded-2", "tone"]);
    // A third one takes the place of the oldest, which was not used since.
    assert_eq!(load(&host, &configuration(4), None).1["preset"], "loaded-3");
    assert_eq!(presets(&host), ["broken", "loaded-1", "loaded-3", "tone"]);
    assert_eq!(load(&host, &configuration(5), None).1["preset"], "loaded-2");
    assert_eq!(presets(&host), ["broken", "loaded-2", "loaded-3", "tone"]);
    // Its stream goes on.
    let audio = noise(2, 48_000);
    live.audio(&bytes(&audio));
    assert!(!live.finish().is_empty());
    Client::start(&host, "loaded-1", json!({})).fails("unknown_preset", 4404);
}

#[test]
fn a_configuration_cannot_name_files_or_how_the_server_runs_the_engine() {
    let host = with_models(2).start();
    for (more, status, problem) in [
        (json!({"model": "/etc/passwd"}), 400, "`model` could name a file"),
        (json!({"model": "../../secret"}), 400, "`model` could name a file"),
        // It exists where the server was started.
        (json!({"own": {"deep": ["."]}}), 400, "`own` could name a file"),
        (json!({"host": {"sandbox": false}}), 403, "`host` is for preset files only"),
        (json!({"model_dir": "models"}), 403, "`model_dir` cannot be set"),
        (json!({"backend": "absent"}), 400, "there is no engine `absent`; there are: faulty, tone"),
        (json!({"backend": 5}), 400, "`backend` must be "),
        (json!({"segment_chunks": 0}), 400, "field `segment_chunks`"),
    ] {
        let mut configuration = json!({"model": "m", "backend": "tone"});
        configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(load(&host, &configuration, None), status, problem);
    }
    let (status, text) = send(&host, "/load_model", "application/json", &vec![b' '; 70_000], None);
    refused((status, read(&text)), 413, "65536 bytes at most");
    assert_eq!(presets(&host), ["broken", "tone"]);
}

#[test]
fn options_of_clients_cannot_name_files() {
    let host = Setup::new()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan"]}}))
        .start();
    for path in ["/etc/passwd", "a/../b", "C:\\x", "."] {
        let message = Client::start(&host, "tone", json!({"options": {"lan": path}})).fails("invalid_option", 4405);
        assert!(message.starts_with("`lan` could name a file"), "{message}");
    }
    Client::open(&host, "tone", json!({"options": {"lan": "de"}})).finish();
}

#[test]
fn only_operators_load_models_and_only_if_the_settings_allow_it() {
    refused(load(&setup("").start(), &json!({"model": "m", "backend": "tone"}), None), 403, "set `max_loaded_models`");
    let setup = with_models(1);
    let file = setup.path("configs/auricle.toml");
    // Settings of the top level come first.
    fs::write(&file, format!("keys = \"keys.toml\"\n{}", fs::read_to_string(&file).unwrap())).unwrap();
    fs::write(setup.path("configs/keys.toml"), "").unwrap();
    let key = |args: &[&str]| {
        let file = setup.path("configs/keys.toml");
        let made = auricle().args(["key", "add"]).args(args).arg("--file").arg(file).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (operator, other) = (key(&["boss", "--operator"]), key(&["alice"]));
    let limited = key(&["bob", "--operator", "--preset", "tone"]);
    let host = setup.clone().start();
    let configuration = json!({"model": "m", "backend": "tone"});
    refused(load(&host, &configuration, None), 401, "an API key is required");
    refused(load(&host, &configuration, Some(&other)), 403, "requires an operator's key");
    refused(load(&host, &configuration, Some(&limited)), 403, "`bob` does not allow preset `loaded-1`");
    assert_eq!(load(&host, &configuration, Some(&operator)).0, 200);
    // For others nothing has changed.
    let file = form("audio_file", &wav_file(&noise(1, 40_000)), &[]);
    let of = |key| send_form(&host, "/upload_and_transcribe", &file, Some(key));
    assert_eq!(events(of(&*operator)).last().unwrap().0, "done");
    let (status, text) = of(&other);
    refused((status, read(&text)), 404, "there is no default preset");
    host.wait_for_log(&["refused", "reason=\"not_operator\"", "key=\"alice\"", "dialect=\"hisi\"", "status=403"], 1);
}

/// The page posts a configuration and a file, records, and at the end resets the server's handler.
#[test]
fn the_flow_of_the_page_works() {
    let host = webrtc::setup("[dialects.hisi]\nmax_loaded_models = 1\n").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let configuration =
        json!({"model": "digits", "lan": "en", "task": null, "backend": "onnx", "turn_config": {"provider": "none"}});
    assert_eq!(load(&host, &configuration, None).0, 200);

    let (status, text) = upload(&host, &fs::read(fixture("digits.wav")).unwrap(), &[]);
    assert_eq!(status, 200, "{text}");
    // It looks for an object behind `data:` and shows what it has, whatever the event.
    let (mut shown, mut rows) = (String::new(), 0);
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| data.starts_with('{')) {
        let data = read(line);
        shown = data["full_transcript"].as_str().unwrap().to_owned();
        rows += data["segments"].as_array().unwrap().len();
    }
    assert!(shown == said && rows > 1, "{shown}");

    let recorded = call(&host, json!({"transcript": true, "end": "hang up"}));
    let (status, answer) = webrtc::post(&host, "/reset_handler", "", None);
    assert_eq!((status, &answer["status"]), (200, &json!("no-op")), "{answer}");
    let Some(recorded) = recorded else { return };
    assert_eq!(last(&recorded).0["full_transcript"], said);
    host.wait_for_log(&["stream ended", "dialect=\"webrtc\"", "preset=\"loaded-1\""], 1);
}

#[test]
fn a_handler_is_reset_by_the_id_of_its_connection() {
    let host = webrtc::setup("").start();
    assert_eq!(webrtc::post(&host, "/reset_handler?webrtc_id=nobody", "", None).0, 404);
    let result = std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&host, json!({"id": "a", "body": {"preset": "digits"}})));
        let is_open = || host.get("/v1/streams").1.contains("\"preset\":\"digits\"");
        host.wait_for("the stream", || is_open() || calling.is_finished());
        // Without an environment for the client there is no stream.
        let reset = (!calling.is_finished()).then(|| webrtc::post(&host, "/reset_handler?webrtc_id=a", "", None));
        calling.join().unwrap().zip(reset)
    });
    let Some((result, (status, answer))) = result else { return };
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer}");
    let messages = result["messages"].as_array().unwrap();
    assert!(messages.iter().any(|message| message["type"] == "ready" && message["epoch"] == 1), "{messages:?}");
    assert_eq!(messages.last().unwrap()["type"], "done");
}
