//! Compares `docs/openapi.yaml` with real responses: each must be as the document describes it, and each documented route must exist.

use super::{
    deepgram_recordings, hisi,
    openai::{PATH, form, post, transcribe, wav_file},
    webrtc,
};
use auricle_dialects::{
    RestDialect,
    deepgram::{Deepgram, DeepgramSettings},
    hisi::{Hisi, HisiSettings},
    openai::OpenAi,
    telephone::{Telephone, TelephoneSettings},
};
use auricle_tests::{Client, Host, PublishedClients, Setup, library, long, noise, printed, skip};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.yaml");
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Checks a value against a schema in the document.
fn check(document: &Value, schema: &Value, value: &Value) {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<_> = validator.iter_errors(value).map(|problem| problem.to_string()).collect();
    assert!(problems.is_empty(), "{value}: {problems:?}");
}

fn check_as(document: &Value, name: &str, value: &Value) {
    check(document, &json!({"$ref": format!("#/components/schemas/{name}")}), value);
}

fn host() -> Host {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["lan"]}}))
        .preset("broken", &json!({"backend": "absent"}))
        .settings("[models]\n\"whisper-1\" = \"tone\"\n")
        .start()
}

#[test]
fn every_route_answers_as_it_is_documented() {
    let (document, host) = (document(), host());
    let mut live = Client::open(&host, "tone", json!({}));
    live.audio(&[0; 32_000]);
    live.until("segment");
    Client::start(&host, "absent", json!({})).fails("unknown_preset", 4404);
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(get) = methods.get("get") else { continue };
        let (status, body) = host.get(&path.replace("{model}", "whisper-1").replace("{file}", "app.js"));
        let expected = match () {
            // That of a WebSocket wants a handshake.
            () if get["responses"].get("101").is_some() => 426,
            // There is no connection whose text could be read.
            () if path == "/transcript" => 404,
            () => 200,
        };
        assert_eq!(status, expected, "{path}: {body}");
        let mut described = &get["responses"][expected.to_string()];
        if let Some(shared) = described["$ref"].as_str() {
            described = document.pointer(&shared[1..]).unwrap();
        }
        let content = described["content"].as_object().unwrap();
        match content.get("application/json") {
            Some(json) => check(&document, &json["schema"], &serde_json::from_str(&body).unwrap()),
            None => assert!(["text/plain", "text/html"].iter().any(|kind| content.contains_key(*kind)), "{path}"),
        }
    }
    live.finish();
}

#[test]
fn every_route_of_the_dialects_is_documented() {
    let document = document();
    let deepgram = Deepgram::new(DeepgramSettings::default());
    let telephone = Telephone::new(TelephoneSettings::default());
    let hisi = Hisi::new(HisiSettings::default());
    for (method, path) in OpenAi.routes().iter().chain(deepgram.routes()).chain(telephone.routes()).chain(hisi.routes())
    {
        let path = path.replace("{*", "{");
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        assert!(operation.is_object(), "{method} {path}");
    }
}

#[test]
fn responses_to_clients_of_webrtc_are_as_documented() {
    let (document, host) = (document(), webrtc::setup("[limits]\nmax_streams = 1\n").start());
    let accepted = webrtc::knock(&host, "one", json!({})).1;
    check_as(&document, "WebRtcAnswer", &accepted);
    let offer = json!({"sdp": "v=0", "type": "offer", "webrtc_id": "two"});
    check_as(&document, "WebRtcOffer", &offer);
    let mut stream = Client::open(&host, "tone", json!({}));
    let refusals = [webrtc::knock(&host, "one", json!({})), webrtc::knock(&host, "two", json!({}))];
    stream.finish();
    for (status, refusal) in refusals.into_iter().chain([webrtc::knock(&host, "two", json!({"sdp": ""}))]) {
        check_as(&document, "WebRtcFailed", &refusal);
        assert!(document["paths"]["/webrtc/offer"]["post"]["responses"][status.to_string()].is_object(), "{status}");
    }
    let candidate = json!({"type": "ice-candidate", "webrtc_id": "one", "candidate": {"candidate": ""}});
    check_as(&document, "WebRtcCandidate", &candidate);
    check_as(&document, "WebRtcSuccess", &webrtc::post(&host, "/webrtc/offer", &candidate.to_string(), None).1);
}

#[test]
fn responses_to_clients_of_hisi_are_as_documented() {
    let (document, host) = (document(), hisi::with_models(1).start());
    let file = wav_file(&noise(1, 40_000));
    for (name, data) in hisi::events(hisi::upload(&host, &file[..60_000], &[("preset", "tone")])) {
        match name.as_str() {
            "progress" => assert!(data.is_number(), "{data}"),
            _ => check_as(&document, "HisiText", &data),
        }
    }
    let form = hisi::form("audio", &file, &[("preset", "tone"), ("reference", "one")]);
    let evaluated = hisi::send_form(&host, "/evaluate_model", &form, None).1;
    check_as(&document, "HisiEvaluation", &serde_json::from_str(&evaluated).unwrap());
    let configuration = json!({"model": "m", "backend": "tone"});
    check_as(&document, "HisiConfiguration", &configuration);
    check_as(&document, "HisiLoaded", &hisi::load(&host, &configuration, None).1);
    for (configuration, status) in [(json!({}), 400), (json!({"model": "m", "host": {}}), 403)] {
        let answer = hisi::load(&host, &configuration, None);
        assert_eq!(answer.0, status, "{answer:?}");
        check_as(&document, "HisiError", &answer.1);
        assert!(document["paths"]["/load_model"]["post"]["responses"][status.to_string()].is_object(), "{status}");
    }
    check_as(&document, "HisiReset", &webrtc::post(&host, "/reset_handler", "", None).1);
}

#[test]
fn transcriptions_and_errors_are_as_documented() {
    let (document, host) = (document(), host());
    let file = wav_file(&noise(1, 40_000));
    let cut = &file[..60_000];
    for file in [&file, cut] {
        check_as(&document, "Transcription", &transcribe(&host, file, &[("model", "tone")]).json());
        let verbose = [("model", "tone"), ("response_format", "verbose_json")];
        check_as(&document, "VerboseTranscription", &transcribe(&host, file, &verbose).json());
        let streamed = transcribe(&host, file, &[("model", "tone"), ("stream", "true")]);
        for data in streamed.body.lines().filter_map(|line| line.strip_prefix("data: {")) {
            check_as(&document, "StreamEvent", &serde_json::from_str(&format!("{{{data}")).unwrap());
        }
    }
    let codes = &document["paths"][PATH]["post"]["responses"];
    for (form, status) in [
        (form(Some(&file), &[]), 400),
        (form(Some(&file), &[("model", "absent")]), 404),
        (form(Some(&file), &[("model", "broken")]), 503),
        (b"text".to_vec(), 400),
    ] {
        let answer = post(&host, PATH, &form, "");
        assert_eq!(answer.status, status, "{answer:?}");
        check_as(&document, "Error", &answer.json());
        assert!(codes[status.to_string()].is_object(), "{status}");
    }
}

#[test]
fn responses_to_deepgrams_clients_are_as_documented() {
    let (document, host) = (document(), host());
    let file = deepgram_recordings::wav_file(&noise(1, 40_000), 2);
    let query = "model=tone&multichannel=true&utterances=true&punctuate=true";
    for file in [&file, &file[..60_000]] {
        check_as(&document, "Listened", &deepgram_recordings::transcribe(&host, file, query).body);
    }
    let codes = &document["paths"]["/v1/listen"]["post"]["responses"];
    for (query, status) in [("model=absent", 400), ("model=broken", 503)] {
        let answer = deepgram_recordings::transcribe(&host, &file, query);
        assert_eq!(answer.status, status, "{answer:?}");
        check_as(&document, "DeepgramError", &answer.body);
        assert!(codes[status.to_string()].is_object(), "{status}");
    }
}

/// Requests that PyPI `schemathesis` makes from the document, valid and not: each is answered as it is documented, and none fails
/// the server. What it sends as files is no audio, so that valid requests are refused says nothing.
#[test]
fn requests_made_from_the_document_are_answered_as_documented() {
    if !long() {
        return skip("requests made from docs/openapi.yaml: they take a minute");
    }
    let host = host();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.yaml");
    let url = format!("http://{}", host.address());
    let args = ["run", document.to_str().unwrap(), "--url", &url, "--max-examples", "100", "--seed", "1", "--no-color"];
    let but = ["--exclude-checks", "positive_data_acceptance"];
    let Some(ran) = PublishedClients("schemathesis").run("st", &[&args[..], &but].concat()) else { return };
    println!("{}", String::from_utf8_lossy(&ran.stdout));
    printed(ran);
}
