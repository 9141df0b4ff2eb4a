//! WebRTC with a client of PyPI `aiortc`: the words are those over WebSocket, on the data channel and in the transcript.

mod hostile;
mod network;
mod reference;
mod refusals;
mod silence;
mod tcp;
mod whip;

pub(super) use refusals::{knock, post};

use super::timed::digits;
use auricle_tests::{Client, Host, PublishedClients, Setup, bytes, fixture, library, noise, printed, wav};
use serde_json::{Value, json};
use std::path::Path;

const CLIENTS: PublishedClients = PublishedClients("webrtc");
const CLIENTS_OF_FASTRTC: PublishedClients = PublishedClients("fastrtc");

/// Media at a free port.
const MEDIA: &str = "[webrtc]\nlisten = \"127.0.0.1:0\"\nconnect_seconds = 15.0\n";

/// The digits' model and `tone`, which is the preset of clients that name none.
pub(super) fn setup(settings: &str) -> Setup {
    let dialect = "[dialects.webrtc]\npreset = \"tone\"\n";
    digits()
        .plugin(&library("tone"))
        .preset("tone", &json!({"backend": "tone"}))
        .settings(&format!("{MEDIA}{settings}\n{dialect}"))
}

/// What a client gets that does what it is told; see the program. `None` if there is no environment for it.
pub(super) fn call(host: &Host, told: Value) -> Option<Value> {
    let all = call_together(host, vec![told])?;
    all.into_iter().next()
}

/// The same for several at the same time.
fn call_together(host: &Host, told: Vec<Value>) -> Option<Vec<Value>> {
    let told: Vec<_> = told
        .into_iter()
        .map(|mut told| {
            let defaults =
                json!({"url": format!("http://{}", host.address()), "audio": fixture("digits.wav"), "speed": 4});
            for (name, value) in defaults.as_object().unwrap() {
                told.as_object_mut().unwrap().entry(name.clone()).or_insert_with(|| value.clone());
            }
            told
        })
        .collect();
    let ran = CLIENTS.python("client.py", &[&Value::Array(told).to_string()])?;
    Some(serde_json::from_str(&printed(ran)).unwrap())
}

/// The texts of a list's segments, joined.
fn texts(segments: &[Value]) -> String {
    segments.iter().filter_map(|segment| segment["text"].as_str()).collect::<Vec<_>>().join(" ")
}

/// The segments that came over the data channel.
fn segments(result: &Value) -> Vec<Value> {
    let messages = result["messages"].as_array().unwrap();
    messages.iter().filter(|message| message["type"] == "segment").cloned().collect()
}

/// The last state in the transcript, and the last event.
pub(super) fn last(result: &Value) -> (Value, Value) {
    let events = result["transcript"].as_array().unwrap();
    let state = events.iter().rfind(|event| event[0] == "output").unwrap()[1].clone();
    (state, events.last().unwrap().clone())
}

/// The words over WebSocket of a recording with the silence that the client adds.
pub(super) fn over_websocket(host: &Host, recording: &Path) -> String {
    let (rate, samples) = wav(recording);
    let silence = vec![0; rate as usize / 2];
    let mut client = Client::open(host, "digits", json!({"sample_rate": rate, "pace": "file"}));
    client.audio_in_frames(&bytes(&[&silence[..], &samples, &silence].concat()), 6_400);
    client.finish().join(" ")
}

#[test]
fn the_words_are_those_over_websocket() {
    let host = setup("").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let told = |id: &str, codec: &str| json!({"id": id, "codec": codec, "transcript": true, "body": {"preset": "digits"}, "say": "handshake"});
    let told = vec![told("opus", "audio/opus"), told("mu", "audio/PCMU"), told("a", "audio/PCMA")];
    let Some(results) = call_together(&host, told) else { return };
    for result in &results {
        let (messages, segments) = (result["messages"].as_array().unwrap(), segments(result));
        assert_eq!(texts(&segments), said, "{}", result["answer"]);
        assert_eq!((&messages[0]["type"], &messages[0]["preset"]), (&json!("ready"), &json!("digits")));
        assert_eq!(messages.last().unwrap()["type"], "done");
        let numbers: Vec<_> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..messages.len() as u64).collect::<Vec<_>>());
        let (state, end) = last(result);
        assert_eq!((state["full_transcript"].as_str(), &end[0]), (Some(&*said), &json!("done")));
        let kept = state["segments"].as_array().unwrap();
        assert_eq!((kept.len(), texts(kept)), (segments.len(), said.clone()));
        assert_eq!((&kept[0]["start"], &kept[0]["end"]), (&segments[0]["start"], &segments[0]["end"]));
    }
    host.wait_for_log(&["stream ended", "outcome=\"done\"", "status=200", "dialect=\"webrtc\""], 3);
    let metrics = || host.get("/metrics").1;
    host.wait_for("the connections' end", || metrics().contains("auricle_connections 1\n"));
}

#[test]
fn a_client_without_a_data_channel_reads_the_transcript() {
    let host = setup("").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let told = json!({"channel": false, "transcript": true, "query_preset": "digits", "end": "hang up"});
    let Some(result) = call(&host, told) else { return };
    let (state, end) = last(&result);
    assert_eq!((state["full_transcript"].as_str(), &end[0]), (Some(&*said), &json!("done")));
}

#[test]
fn addresses_may_follow_the_offer() {
    let host = setup("").start();
    let odd = ["candidate:1 1 udp 1 4f2a.local 5 typ host", "", "nonsense"];
    let told = json!({"trickle": true, "odd_candidates": odd, "body": {"preset": "digits"}});
    let Some(result) = call(&host, told) else { return };
    assert!(!segments(&result).is_empty());
    let replies: Vec<Value> = result["replies"].as_array().unwrap()[1..]
        .iter()
        .map(|reply| serde_json::from_str(reply["text"].as_str().unwrap()).unwrap())
        .collect();
    let (wrong, right) = replies.split_last().unwrap();
    assert!(right.len() >= 3 && right.iter().all(|reply| *reply == json!({"status": "success"})), "{replies:?}");
    assert_eq!((&wrong["status"], &wrong["meta"]["error"]), (&json!("failed"), &json!("invalid_candidate_format")));
}

#[test]
fn a_client_that_hangs_up_leaves_its_last_words() {
    let host = setup("[journal]\ndir = \"journal\"\n").start();
    let told = json!({"transcript": true, "body": {"preset": "digits"}, "hang_up_after": "segment"});
    let Some(result) = call(&host, told) else { return };
    let (state, end) = last(&result);
    assert_eq!(end[0], "done");
    host.wait_for_log(&["stream ended", "dialect=\"webrtc\""], 1);
    let file = std::fs::read_dir(host.path("configs/journal")).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kept: Vec<_> = lines.iter().filter(|line| line["type"] == "segment").cloned().collect();
    assert_eq!(texts(&kept), state["full_transcript"].as_str().unwrap());
    assert!(kept.len() >= segments(&result).len());
    assert_eq!(lines.last().unwrap()["type"], "end");
}

#[test]
fn the_data_channel_takes_commands_and_names_what_is_none() {
    let host = setup("").start();
    let told = |id: &str, say: &str| json!({"id": id, "say": say, "body": {"preset": "digits"}, "speed": 20});
    let odd = [r#"{"type": "start", "preset": "digits"}"#, "speak"];
    let told = vec![told("1", odd[0]), told("2", odd[1]), told("3", r#"{"type": "flush"}"#)];
    let Some(results) = call_together(&host, told) else { return };
    let last = |result: &Value| result["messages"].as_array().unwrap().last().unwrap().clone();
    for (result, problem) in results.iter().zip(["`start` is not for WebRTC", "not a valid text message"]) {
        let error = last(result);
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("bad_message")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(problem), "{error}");
    }
    assert!(results[2]["messages"].as_array().unwrap().iter().any(|message| message["type"] == "flushed"));
    assert_eq!(last(&results[2])["type"], "done");
}

#[test]
fn a_stopping_server_finishes_the_streams() {
    let host = setup("[timeouts]\ndrain_seconds = 0\n").start();
    let result = std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&host, json!({"body": {"preset": "digits"}, "speed": 1})));
        host.wait_for("some audio or the end", || {
            let streams = host.json("/v1/streams");
            calling.is_finished() || streams["streams"][0]["audio_seconds"].as_f64().is_some_and(|heard| heard > 1.0)
        });
        host.signal("TERM");
        calling.join().unwrap()
    });
    let Some(result) = result else { return };
    assert_eq!(result["messages"].as_array().unwrap().last().unwrap()["type"], "done");
}

#[test]
fn audio_of_websocket_and_webrtc_is_counted_alike() {
    let host = setup("").start();
    let Some(_) = call(&host, json!({"speed": 20})) else { return };
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(1, 16_000)));
    client.finish();
    let metrics = host.get("/metrics").1;
    let audio = metrics.lines().find(|line| line.starts_with("auricle_audio_seconds_total{preset=\"tone\"")).unwrap();
    let seconds: f64 = audio.rsplit(' ').next().unwrap().parse().unwrap();
    let (rate, samples) = wav(&fixture("digits.wav"));
    // The recording with its silence, and what the client sends until it ends.
    let least = samples.len() as f64 / f64::from(rate) + 1.0 + 1.0;
    assert!(seconds >= least && seconds < least + 10.0, "{seconds} of {least}");
}
