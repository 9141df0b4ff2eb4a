//! OpenAI's protocol for live audio: `/v1/realtime` of the main listener, and the official clients for Python and
//! JavaScript, unmodified.

use super::{
    timed::{digits, native_words},
    tls::self_signed,
};
use auricle_tests::{
    Client, Host, PublishedClients, Setup, auricle, bytes, fixture, library, limit, noise, printed, tone_segments, wav,
    words,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{collections::HashSet, fs, net::TcpStream};
use tungstenite::{
    Message, WebSocket,
    client::{IntoClientRequest, client_with_config},
    http::{HeaderValue, Response},
};

const CLIENTS: PublishedClients = PublishedClients("openai");

const INTENT: &str = "intent=transcription";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
const DELTA: &str = "conversation.item.input_audio_transcription.delta";
const FAILED: &str = "conversation.item.input_audio_transcription.failed";

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"}))
}

/// The response to a handshake.
type Answer = Response<Option<Vec<u8>>>;

/// A client of OpenAI, and what it was told.
struct Live {
    socket: WebSocket<TcpStream>,
    answer: Answer,
    told: Vec<Value>,
}

impl Live {
    /// Connects and reads `session.created`.
    fn connect(host: &Host, query: &str) -> Self {
        let mut live = Self::knock(host, query, &[]).unwrap();
        assert_eq!(live.next()["type"], "session.created");
        live
    }

    /// Connects with further headers; the response if that is refused.
    fn knock(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, Box<Answer>> {
        let address = host.address();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let mut request = format!("ws://{address}/v1/realtime?{query}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match client_with_config(request, stream, None) {
            Ok((socket, answer)) => Ok(Self { socket, answer, told: Vec::new() }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer),
            Err(problem) => panic!("{problem}"),
        }
    }

    fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// Changes the session; what is in effect then.
    fn update(&mut self, session: &Value) -> Value {
        self.say(&json!({"type": "session.update", "session": session}));
        self.until("session.updated")["session"].clone()
    }

    /// Sets fields of `session.audio.input`.
    fn input(&mut self, input: &Value) -> Value {
        self.update(&json!({"type": "transcription", "audio": {"input": input}}))
    }

    /// The client commits, and sends audio at the rate of the models.
    fn manual(&mut self) {
        self.input(&json!({"turn_detection": null, "format": {"type": "audio/pcm", "rate": 16_000}}));
    }

    fn append(&mut self, audio: &[u8]) {
        // Groups of bytes that divide no sample and no word of base64 evenly.
        for piece in audio.chunks(3_201) {
            self.say(&json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(piece)}));
        }
    }

    fn commit(&mut self) {
        self.say(&json!({"type": "input_audio_buffer.commit"}));
    }

    fn clear(&mut self) {
        self.say(&json!({"type": "input_audio_buffer.clear"}));
        self.until("input_audio_buffer.cleared");
    }

    fn next(&mut self) -> Value {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let told: Value = serde_json::from_str(&text).unwrap();
                    self.told.push(told.clone());
                    return told;
                }
                Ok(Message::Close(frame)) => panic!("closed: {frame:?} after {:?}", self.told),
                Ok(_) => {}
                Err(error) => panic!("{error} after {:?}", self.told),
            }
        }
    }

    fn until(&mut self, kind: &str) -> Value {
        loop {
            let next = self.next();
            if next["type"] == kind {
                return next;
            }
        }
    }

    /// The answer to a message that is wrong.
    fn refused(&mut self, message: &Value) -> Value {
        self.say(message);
        self.until("error")["error"].clone()
    }

    /// Commits, and waits for the text. Returns the item's transcript.
    fn transcript(&mut self) -> String {
        self.commit();
        // Its answer follows that of the commit; before it there may be items of the server.
        self.clear();
        let item = of(&self.told, "input_audio_buffer.committed").pop().unwrap()["item_id"].clone();
        loop {
            if let Some(completed) = of(&self.told, COMPLETED).into_iter().find(|event| event["item_id"] == item) {
                return completed["transcript"].as_str().unwrap().to_owned();
            }
            self.next();
        }
    }

    /// The code and the reason of the server's close.
    fn closed(&mut self) -> (u16, String) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.told.push(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    return frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                }
                Ok(_) => {}
                Err(error) => panic!("no close: {error}"),
            }
        }
    }
}

fn of<'a>(told: &'a [Value], kind: &str) -> Vec<&'a Value> {
    told.iter().filter(|event| event["type"] == kind).collect()
}

/// Checks what holds for all events: unique ids, and items with deltas that are the transcript. Returns the transcripts.
fn check(told: &[Value]) -> Vec<String> {
    let ids: HashSet<_> = told.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len(), "{told:?}");
    let mut previous = Value::Null;
    for committed in of(told, "input_audio_buffer.committed") {
        assert_eq!(committed["previous_item_id"], previous, "{told:?}");
        previous = committed["item_id"].clone();
        let of_item = |kind: &str| of(told, kind).into_iter().filter(|event| event["item_id"] == previous).count();
        assert_eq!(of_item(COMPLETED), 1, "{told:?}");
    }
    let deltas = |item: &Value| -> String {
        let deltas = of(told, DELTA).into_iter().filter(|delta| delta["item_id"] == *item);
        deltas.map(|delta| delta["delta"].as_str().unwrap()).collect()
    };
    let transcript = |completed: &Value| {
        assert_eq!(completed["transcript"], deltas(&completed["item_id"]), "{told:?}");
        assert_eq!(completed["usage"]["type"], "duration");
        completed["transcript"].as_str().unwrap().to_owned()
    };
    of(told, COMPLETED).into_iter().map(transcript).collect()
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
    host.wait_for("the audio", || host.json("/v1/streams")["streams"][0]["audio_seconds"].as_f64() == Some(1.25));
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

/// A server with the digits' model as every `gpt-*`, and a key. With `tls`, clients must trust `server-ca.pem`.
fn with_key(tls: bool) -> (Host, String) {
    let setup = digits();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--preset", "digits", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    self_signed(&setup.path("configs"), "server");
    let tls = if tls { "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n" } else { "" };
    let settings = format!("keys = \"keys.toml\"\n[models]\n\"gpt-*\" = \"digits\"\n\"closed\" = \"tone\"\n{tls}");
    let setup = setup.plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    (setup.settings(&settings).start(), key)
}

#[test]
fn a_key_may_be_in_all_places_of_openai() {
    let (host, key) = with_key(false);
    let (bearer, offered) = (format!("Bearer {key}"), format!("realtime, openai-insecure-api-key.{key}"));
    let beta = format!("{offered}, openai-beta.realtime-v1");
    for headers in [
        [("authorization", bearer.as_str()), ("openai-beta", "realtime=v1")],
        [("sec-websocket-protocol", offered.as_str()), ("x-nothing", "")],
        [("sec-websocket-protocol", beta.as_str()), ("x-nothing", "")],
    ] {
        let mut live = Live::knock(&host, INTENT, &headers).unwrap();
        let chosen = live.answer.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap());
        assert_eq!(chosen, (headers[0].0 != "authorization").then_some("realtime"));
        assert_eq!(live.next()["session"]["audio"]["input"]["transcription"]["model"], "digits");
    }
    let mut live = Live::connect(&host, &format!("{INTENT}&key={key}"));
    let update = json!({"audio": {"input": {"transcription": {"model": "closed"}}}});
    let error = live.refused(&json!({"type": "session.update", "session": update}));
    assert_eq!(error["code"], "model_not_found", "the key does not allow the preset");
    for headers in [
        &[][..],
        &[("authorization", "Bearer x")],
        &[("sec-websocket-protocol", "realtime, openai-insecure-api-key.x")],
    ] {
        let answer = Live::knock(&host, INTENT, headers).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        assert_eq!((answer.status().as_u16(), &body["error"]["code"]), (401, &json!("invalid_api_key")), "{headers:?}");
    }
    let answer = Live::knock(&host, &format!("model=closed&key={key}"), &[]).err().unwrap();
    assert_eq!(answer.status(), 404);
}

/// A script cannot read the answer to a handshake.
#[test]
fn a_web_page_without_a_key_is_told_at_once() {
    let setup = tone();
    fs::write(setup.path("configs/keys.toml"), "").unwrap();
    let host = setup.settings("keys = \"keys.toml\"\norigins = [\"https://app.example\"]\n").start();
    let headers =
        [("origin", "https://app.example"), ("sec-websocket-protocol", "realtime, openai-insecure-api-key.x")];
    let mut live = Live::knock(&host, INTENT, &headers).unwrap();
    assert_eq!(live.closed().0, 1008);
    assert_eq!((live.told.len(), &live.told[0]["error"]["code"]), (1, &json!("invalid_api_key")));
}

/// Checks what an official client was told: the digits in each of its parts.
fn check_client(name: &str, told: &Value, parts: &[(&str, usize)]) {
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    for (part, times) in parts {
        let events = told[*part].as_array().unwrap_or_else(|| panic!("{name}: {told}"));
        let heard: Vec<_> = check(events).iter().flat_map(|text| words(text)).collect();
        let expected: Vec<_> = std::iter::repeat_n(&spoken, *times).flatten().cloned().collect();
        assert_eq!(heard, expected, "{name} {part}");
        assert_eq!(events[0]["type"], "session.created", "{name} {part}");
    }
    assert_eq!(of(told["manual"].as_array().unwrap(), COMPLETED).len(), 2, "{name}");
    let server = told["server"].as_array().unwrap();
    assert!(!of(server, "input_audio_buffer.speech_stopped").is_empty(), "{name}: {server:?}");
    assert_eq!(told["error"]["code"], "input_audio_buffer_commit_empty", "{name}");
    assert_eq!((&told["error"]["event_id"], &told["refused"]), (&json!("mine"), &json!(401)), "{name}");
}

#[test]
fn the_official_client_for_python_gets_all_words() {
    let (host, key) = with_key(false);
    let (url, file) = (format!("http://{}/v1", host.address()), fixture("digits.wav"));
    let args = [url.as_str(), &key, "gpt-transcribe", file.to_str().unwrap()];
    let Some(ran) = CLIENTS.python("realtime.py", &args) else { return };
    let told = serde_json::from_str(&printed(ran)).unwrap();
    check_client("Python", &told, &[("manual", 2), ("server", 1)]);
    assert_eq!(told["secrets"], json!([400, "forbidden_field"]));
}

/// It connects with TLS only.
#[test]
fn the_official_client_for_javascript_gets_all_words() {
    let (host, key) = with_key(true);
    let (url, file) = (format!("https://{}/v1", host.address()), fixture("digits.wav"));
    let authority = host.path("configs/server-ca.pem");
    let args = [url.as_str(), &key, "gpt-transcribe", file.to_str().unwrap(), authority.to_str().unwrap()];
    let Some(ran) = CLIENTS.node("realtime.mjs", &args) else { return };
    let told = serde_json::from_str(&printed(ran)).unwrap();
    check_client("JavaScript", &told, &[("manual", 2), ("server", 1), ("beta", 1)]);
    let beta = told["beta"].as_array().unwrap();
    assert_eq!(of(beta, "transcription_session.updated").len(), 1);
    assert_eq!(of(beta, "conversation.item.created").len(), 1);
}
