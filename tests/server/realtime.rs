//! OpenAI's protocol for live audio: `/v1/realtime` of the main listener.

mod clients;
mod live;

use super::timed::{conversation, digits, native_words};
use auricle_tests::{Client, Setup, bytes, fixture, library, noise, tone_segments, wav, words};
use live::{COMPLETED, FAILED, INTENT, Live, check, of};
use serde_json::{Value, json};
use tungstenite::Message;

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"}))
}

fn said(audio: &[i16]) -> String {
    tone_segments(audio, 16_000).join(" ")
}

#[test]
fn the_client_ends_items() {
    let host = tone().start();
    let audio = noise(1, 40_000);
    let mut live = Live::connect(&host, INTENT);
    let session = &live.told[0]["session"];
    let input = json!({
        "format": {"type": "audio/pcm", "rate": 24_000}, "noise_reduction": null,
        "transcription": {"model": "english", "language": null, "prompt": ""}, "turn_detection": {"type": "server_vad"},
    });
    assert_eq!((&session["type"], &session["audio"]["input"]), (&json!("transcription"), &input));
    live.manual();
    for _ in 0..2 {
        live.append(&bytes(&audio));
        assert_eq!(live.transcript(), said(&audio));
    }
    assert_eq!(check(&live.told), [said(&audio), said(&audio)]);
    let kinds: Vec<_> = live.told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("speech_")), "{kinds:?}");
    let (committed, done) = (of(&live.told, "input_audio_buffer.committed"), of(&live.told, "conversation.item.done"));
    for (committed, done) in committed.iter().zip(done) {
        let item = json!({
            "id": committed["item_id"], "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": null}],
        });
        assert_eq!((&done["item"], &done["previous_item_id"]), (&item, &committed["previous_item_id"]));
    }
    let completed = of(&live.told, COMPLETED);
    assert!(completed.iter().all(|item| item["usage"]["seconds"] == 2.5 && item.get("logprobs").is_none()));
}

#[test]
fn the_server_ends_items_with_the_words_of_the_native_protocol() {
    let host = digits().start();
    let (_, mut audio) = wav(&fixture("digits.wav"));
    let native: Vec<_> = native_words(&host, &audio).into_iter().map(|word| word.0).collect();
    // Silence, and the same words again: there are several items.
    audio.extend([0; 48_000]);
    let twice = audio.repeat(2);
    let mut live = Live::connect(&host, &format!("{INTENT}&model=digits"));
    let asked = json!({
        "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200},
        "format": {"type": "audio/pcm", "rate": 16_000}, "transcription": {"model": "digits", "language": "en-US"},
    });
    let effective = live.input(&asked);
    assert_eq!(effective["audio"]["input"]["turn_detection"], json!({"type": "server_vad"}));
    live.update(&json!({"type": "transcription", "include": ["item.input_audio_transcription.logprobs"]}));
    live.append(&bytes(&twice));
    live.transcript();
    let spoken: Vec<_> = check(&live.told).iter().flat_map(|text| words(text)).collect();
    assert_eq!(spoken, [native.clone(), native].concat());
    let (started, stopped) =
        (of(&live.told, "input_audio_buffer.speech_started"), of(&live.told, "input_audio_buffer.speech_stopped"));
    assert!(started.len() >= 2 && started.len() == stopped.len(), "{:?}", live.told);
    let mut end = 0;
    for (started, stopped) in started.into_iter().zip(stopped) {
        let (from, to) = (started["audio_start_ms"].as_u64().unwrap(), stopped["audio_end_ms"].as_u64().unwrap());
        assert!(started["item_id"] == stopped["item_id"] && end <= from && from < to, "{:?}", live.told);
        end = to;
    }
    assert!(end as usize <= twice.len() / 16);
    let tokens = of(&live.told, COMPLETED).into_iter().flat_map(|item| item["logprobs"].as_array().unwrap());
    assert_eq!(tokens.flat_map(|token| words(token["token"].as_str().unwrap())).collect::<Vec<_>>(), spoken);
    let counted = "auricle_ignored_parameters_total{dialect=\"openai-realtime\",parameter=\"turn_detection.silence_duration_ms\"} 1";
    assert!(host.get("/metrics").1.contains(counted));
}

#[test]
fn a_stage_ends_items_as_eagerly_as_the_client_wants() {
    let host = conversation().start();
    let (_, mut audio) = wav(&fixture("digits.wav"));
    audio.extend([0; 48_000]);
    let spoken = words(&std::fs::read_to_string(fixture("digits.txt")).unwrap());
    let mut counts = Vec::new();
    for eagerness in ["low", "high"] {
        let mut live = Live::connect(&host, &format!("{INTENT}&model=conversation"));
        let detection = json!({"type": "semantic_vad", "eagerness": eagerness});
        let format = json!({"type": "audio/pcm", "rate": 16_000});
        let effective = live.input(&json!({"turn_detection": detection, "format": format}));
        assert_eq!(effective["audio"]["input"]["turn_detection"], detection);
        live.append(&bytes(&audio));
        live.transcript();
        let heard: Vec<_> = check(&live.told).iter().flat_map(|text| words(text)).collect();
        assert_eq!(heard, spoken, "{eagerness}");
        let (started, stopped) =
            (of(&live.told, "input_audio_buffer.speech_started"), of(&live.told, "input_audio_buffer.speech_stopped"));
        assert!(started.len().abs_diff(stopped.len()) <= 1, "{:?}", live.told);
        counts.push(stopped.len());
    }
    assert!(counts[1] > 0 && counts[0] <= counts[1], "{counts:?}");
    assert!(!host.get("/metrics").1.contains("parameter=\"turn_detection"));
}

#[test]
fn audio_may_be_in_other_formats() {
    let host = tone().start();
    let audio = bytes(&noise(3, 60_000));
    for (format, beta, native) in [
        (
            json!({"type": "audio/pcm", "rate": 24_000}),
            Some("pcm16"),
            json!({"format": "s16le", "sample_rate": 24_000}),
        ),
        (json!({"type": "audio/pcm", "rate": 8_000}), None, json!({"format": "s16le", "sample_rate": 8_000})),
        (json!({"type": "audio/pcmu"}), Some("g711_ulaw"), json!({"format": "mulaw", "sample_rate": 8_000})),
        (json!({"type": "audio/pcma"}), Some("g711_alaw"), json!({"format": "alaw", "sample_rate": 8_000})),
    ] {
        let mut client = Client::open(&host, "english", native);
        client.audio_in_frames(&audio, 8_000);
        let expected = client.finish().join(" ");
        assert!(!expected.is_empty());
        let mut live = Live::connect(&host, INTENT);
        let session = live.input(&json!({"turn_detection": null, "format": format}));
        assert_eq!(session["audio"]["input"]["format"], format);
        live.append(&audio);
        assert_eq!(live.transcript(), expected, "{format}");
        let Some(beta) = beta else { continue };
        let mut live = Live::connect(&host, INTENT);
        let session = json!({"input_audio_format": beta, "turn_detection": null, "input_audio_transcription": {"model": "english"}});
        live.say(&json!({"type": "transcription_session.update", "session": session}));
        let effective = live.until("transcription_session.updated")["session"].clone();
        assert_eq!((&effective["input_audio_format"], &effective["turn_detection"]), (&json!(beta), &Value::Null));
        live.append(&audio);
        assert_eq!(live.transcript(), expected, "{beta}");
        assert_eq!(
            (of(&live.told, "conversation.item.created").len(), of(&live.told, "conversation.item.added").len()),
            (1, 0)
        );
    }
}

#[test]
fn what_is_cleared_is_not_in_an_item() {
    let host = tone().start();
    let audio = noise(4, 20_000);
    let mut live = Live::connect(&host, INTENT);
    live.manual();
    live.append(&bytes(&audio));
    live.commit();
    live.append(&bytes(&noise(5, 20_000)));
    live.clear();
    live.append(&bytes(&audio));
    assert_eq!(live.transcript(), said(&audio));
    let completed: Vec<_> = of(&live.told, COMPLETED).iter().map(|item| item["transcript"].clone()).collect();
    assert_eq!(completed, [said(&audio), said(&audio)]);
    // Nothing is left.
    live.clear();
    assert_eq!(live.refused(&json!({"type": "input_audio_buffer.commit"}))["code"], "input_audio_buffer_commit_empty");
}

#[test]
fn errors_are_told_and_the_session_goes_on() {
    let host = tone().preset("digits", &json!({"backend": "tone"})).start();
    let mut live = Live::connect(&host, &format!("{INTENT}&model=english"));
    live.manual();
    let input = |input: Value| json!({"type": "transcription", "audio": {"input": input}});
    for (kind, session, param, code) in [
        ("session.update", json!({"type": "realtime"}), "session.type", "invalid_value"),
        ("session.update", json!({"voice": "alloy"}), "session", "unknown_parameter"),
        ("session.update", input(json!({"transcription": {"model": "absent"}})), "model", "model_not_found"),
        (
            "session.update",
            input(json!({"transcription": {"keywords": ["one"]}})),
            "session.audio.input.transcription",
            "unsupported_parameter",
        ),
        ("response.create", json!({}), "type", "invalid_value"),
    ] {
        let error = live.refused(&json!({"type": kind, "event_id": "mine", "session": session}));
        assert_eq!(
            (&error["param"], &error["code"], &error["event_id"]),
            (&json!(param), &json!(code), &json!("mine")),
            "{error}"
        );
        assert_eq!(error["type"], "invalid_request_error", "{error}");
    }
    let error = live.refused(&json!({"type": "input_audio_buffer.append", "audio": "?"}));
    assert_eq!((&error["param"], &error["event_id"]), (&json!("audio"), &Value::Null));
    let error = live.refused(&json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(error["code"], "input_audio_buffer_commit_empty");
    live.socket.send(Message::text("no JSON")).unwrap();
    assert_eq!(live.until("error")["error"]["code"], "bad_message");
    live.socket.send(Message::binary(vec![0; 64])).unwrap();
    assert_eq!(live.until("error")["error"]["code"], "bad_message");
    // What was refused has changed nothing.
    let audio = noise(6, 20_000);
    live.append(&bytes(&audio));
    assert_eq!(live.transcript(), said(&audio));
    assert!(host.get("/metrics").1.contains("auricle_refusals_total{reason=\"unknown_preset\"} 1"));
}

#[test]
fn a_session_may_change_between_its_texts() {
    let open = json!({"backend": "tone", "host": {"open": ["lan"]}});
    let host = tone().preset("other", &open).settings("[models]\n\"gpt-*\" = \"other\"\n").start();
    let mut live = Live::connect(&host, INTENT);
    assert_eq!(live.told[0]["session"]["audio"]["input"]["transcription"], Value::Null, "there are two presets");
    let (one, two) = (noise(7, 24_000), noise(8, 24_000));
    let format = |rate: u32| json!({"type": "audio/pcm", "rate": rate});
    live.input(&json!({"turn_detection": null, "transcription": {"model": "english"}, "format": format(16_000)}));
    live.append(&bytes(&one));
    // The text so far stays in the item.
    let session = live.input(&json!({"transcription": {"model": "gpt-transcribe", "language": "de"}}));
    assert_eq!(session["audio"]["input"]["transcription"]["model"], "gpt-transcribe");
    live.append(&bytes(&two));
    assert_eq!(live.transcript(), format!("{} {}", said(&one), said(&two)));
    live.input(&json!({"format": format(8_000)}));
    live.append(&bytes(&one));
    live.input(&json!({"format": format(16_000)}));
    // The stream has ended, but the audio is there.
    assert!(!live.transcript().is_empty());
    let seconds: Vec<_> = of(&live.told, COMPLETED).iter().map(|item| item["usage"]["seconds"].clone()).collect();
    assert_eq!(seconds, [3.0, 3.0]);
    check(&live.told);
    host.wait_for_log(&["stream ended", "preset=\"english\"", "outcome=\"done\""], 1);
}

#[test]
fn what_cannot_be_done_is_refused_before_the_handshake() {
    let host = digits().start();
    for (query, status, code, problem) in [
        ("intent=transcription&model=absent", 404, "model_not_found", "there is no model `absent`"),
        ("intent=conversation", 400, "invalid_option", "`intent` is `conversation`"),
        ("call_id=rtc_1", 400, "invalid_option", "`call_id` cannot be used"),
    ] {
        let answer = Live::knock(&host, query, &[]).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        assert_eq!((answer.status().as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{query}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(problem), "{query}: {body}");
    }
    // Whether the model has the language is known when it is loaded.
    let mut live = Live::connect(&host, INTENT);
    live.input(&json!({"transcription": {"language": "de"}}));
    live.append(&[0; 4_800]);
    let (code, reason) = live.closed();
    assert!(code == 1008 && reason.starts_with("invalid_option: `language` is `de`"), "{reason}");
    assert_eq!(live.told.last().unwrap()["error"]["code"], "invalid_option");
}

#[test]
fn limits_end_the_connection_with_an_error() {
    let host = tone().settings("[limits]\nmax_message_bytes = 10000\nmax_streams = 1\n").start();
    let mut live = Live::connect(&host, INTENT);
    let answer = Live::knock(&host, INTENT, &[]).err().unwrap();
    assert_eq!(answer.status(), 503);
    let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
    assert_eq!((&body["error"]["code"], &body["error"]["type"]), (&json!("capacity"), &json!("server_error")));
    live.say(&json!({"type": "input_audio_buffer.append", "audio": "A".repeat(20_000)}));
    assert_eq!(live.closed().0, 1009);
    assert_eq!(live.told.last().unwrap()["error"]["code"], "too_large");
    let host = tone().settings("[timeouts]\nstart_seconds = 0.3\n").start();
    let mut silent = Live::connect(&host, INTENT);
    assert_eq!(silent.closed().0, 1008);
    assert_eq!(silent.told.last().unwrap()["error"]["code"], "idle_timeout");
}

/// The last words of a client that has not committed them.
fn at_the_stop(turn_detection: &Value) -> (Live, Vec<i16>) {
    let host = tone().settings("[timeouts]\ndrain_seconds = 0.0\n").start();
    let audio = noise(9, 20_000);
    let mut live = Live::connect(&host, INTENT);
    live.input(&json!({"turn_detection": turn_detection, "format": {"type": "audio/pcm", "rate": 16_000}}));
    live.append(&bytes(&audio));
    host.wait_for_audio(1.25);
    host.signal("TERM");
    let (code, reason) = live.closed();
    assert!(code == 1001 && reason.starts_with("shutting_down: "), "{code} {reason}");
    assert!(of(&live.told, "error").is_empty(), "{:?}", live.told);
    (live, audio)
}

#[test]
fn a_server_that_stops_completes_the_last_item() {
    for turn_detection in [Value::Null, json!({"type": "server_vad"})] {
        let (live, audio) = at_the_stop(&turn_detection);
        let texts = check(&live.told);
        assert_eq!(texts.join(" "), said(&audio), "{turn_detection}");
        let stopped = of(&live.told, "input_audio_buffer.speech_stopped").len();
        assert_eq!(stopped, if turn_detection.is_null() { 0 } else { texts.len() });
    }
}

#[test]
fn a_client_that_leaves_during_speech_does_no_harm() {
    let host = tone().start();
    let audio = noise(10, 20_000);
    for leave in [
        |live: &mut Live| live.socket.close(None).unwrap(),
        |live: &mut Live| {
            live.socket.get_mut().shutdown(std::net::Shutdown::Both).unwrap();
        },
    ] {
        let mut live = Live::connect(&host, INTENT);
        live.manual();
        live.append(&bytes(&audio));
        live.commit();
        leave(&mut live);
        host.wait_for("the end", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
    }
    let mut live = Live::connect(&host, INTENT);
    live.manual();
    live.append(&bytes(&audio));
    assert_eq!(live.transcript(), said(&audio));
}

#[test]
fn an_engine_that_fails_fails_the_items() {
    let broken = json!({"backend": "faulty", "fault": "error", "after_chunks": 2});
    let host = Setup::new().plugin(&library("faulty")).preset("broken", &broken).start();
    let mut live = Live::connect(&host, INTENT);
    live.manual();
    live.append(&bytes(&noise(11, 1_600)));
    live.commit();
    live.append(&bytes(&noise(12, 32_000)));
    let (code, _) = live.closed();
    assert_eq!(code, 1011);
    let item = &of(&live.told, "input_audio_buffer.committed")[0]["item_id"];
    let ended = live.told.iter().filter(|event| event["type"] == FAILED || event["type"] == COMPLETED);
    assert!(ended.clone().any(|event| event["item_id"] == *item), "{:?}", live.told);
    let error = &live.told.last().unwrap()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("server_error"), &json!("engine_error")));
}
