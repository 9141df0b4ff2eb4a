//! The dialect of WhisperLive: its own listener, the path `/whisper-live` of the main listener, and the published clients
//! of PyPI `whisper-live`, unmodified.

use super::{
    sockets::{self, Socket},
    timed::{Timed, assert_same, digits, native_words},
};
use auricle_tests::{
    PublishedClients, Setup, auricle, bytes, fixture, library, noise, printed, tone_segments, wav, words,
};
use serde_json::{Value, json};
use std::{fs, net::Shutdown};
use tungstenite::Message;

const CLIENTS: PublishedClients = PublishedClients("whisper-live");

/// The main listener, and one for WhisperLive only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["whisper-live"]
"#;

const END: &[u8] = b"END_OF_AUDIO";

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

fn floats(audio: &[i16]) -> Vec<u8> {
    audio.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect()
}

/// A client of WhisperLive.
struct Live(Socket);

impl Live {
    fn connect(address: &str, path: &str) -> Self {
        Self::knock(address, path, &[]).unwrap()
    }

    /// Connects with further headers; the HTTP status if that is refused.
    fn knock(address: &str, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let connected = sockets::knock(address, path, headers);
        connected.map(|(socket, _)| Self(socket)).map_err(|answer| answer.status().as_u16())
    }

    /// Connects and sends options; the id is `u`.
    fn ask(address: &str, options: Value) -> Self {
        let mut client = Self::connect(address, "/");
        client.options(options);
        client
    }

    fn options(&mut self, mut options: Value) {
        options["uid"] = "u".into();
        self.0.send(Message::text(options.to_string())).unwrap();
    }

    fn open(address: &str, options: Value) -> Self {
        let mut client = Self::ask(address, options);
        let ready = client.hear().unwrap();
        assert_eq!(ready, json!({"uid": "u", "message": "SERVER_READY", "backend": "faster_whisper"}));
        client
    }

    fn audio(&mut self, audio: &[u8]) {
        audio.chunks(16_384).for_each(|piece| self.0.send(Message::binary(piece.to_vec())).unwrap());
    }

    /// The next message; the close code if there is none.
    fn hear(&mut self) -> Result<Value, u16> {
        let message = sockets::hear(&mut self.0).map_err(|(code, _)| code)?;
        Ok(serde_json::from_str(message.to_text().unwrap()).unwrap())
    }

    /// All messages to the close, and its code.
    fn rest(&mut self) -> (Vec<Value>, u16) {
        let (messages, code, _) = sockets::rest(&mut self.0);
        (messages, code)
    }

    fn finish(mut self) -> Vec<Value> {
        self.0.send(Message::binary(END)).unwrap();
        let (messages, code) = self.rest();
        assert_eq!(code, 1000, "{messages:?}");
        messages
    }

    /// The message before the close, and its code.
    fn fails(mut self) -> (Value, u16) {
        let (mut messages, code) = self.rest();
        (messages.pop().unwrap_or_default(), code)
    }
}

/// The complete segments, as the published client collects them: those that begin where the one before ended, or later.
fn complete(messages: &[Value]) -> Vec<Value> {
    let mut complete: Vec<Value> = Vec::new();
    let second = |segment: &Value, key: &str| segment[key].as_str().unwrap().parse::<f64>().unwrap();
    for segment in messages.iter().flat_map(|message| message["segments"].as_array().into_iter().flatten()) {
        let follows = complete.last().is_none_or(|last| second(segment, "start") >= second(last, "end"));
        if segment["completed"] == true && follows {
            complete.push(segment.clone());
        }
    }
    complete
}

fn texts(messages: &[Value]) -> Vec<String> {
    complete(messages).iter().flat_map(|segment| words(segment["text"].as_str().unwrap())).collect()
}

fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

#[test]
fn all_segments_are_told_in_messages_of_the_last_ones() {
    let host = tone().start();
    let audio = noise(1, 100_000);
    let own = host.listener(1);
    for (address, path) in [(own.as_str(), ""), (own.as_str(), "/any"), (host.address(), "/whisper-live")] {
        let mut client = Live::connect(address, path);
        client.options(json!({"send_last_n_segments": 3}));
        client.hear().unwrap();
        client.audio(&floats(&audio));
        let messages = client.finish();
        assert_eq!(texts(&messages), said(&audio), "{address}{path}");
        assert_eq!(messages[0], json!({"uid": "u", "language": "auto", "language_prob": 1.0}), "as the engine says");
        for message in &messages[1..] {
            let segments = message["segments"].as_array().unwrap();
            let (last, before) = segments.split_last().unwrap();
            assert!(segments.len() <= 3 && before.iter().all(|segment| segment["completed"] == true), "{message}");
            assert!(message["uid"] == "u" && last["text"].as_str().unwrap().starts_with(' '), "{message}");
        }
    }
}

#[test]
fn samples_may_be_integers_and_bytes() {
    let host = tone().start();
    let audio = noise(2, 20_000);
    let mut client = Live::open(&host.listener(1), json!({"audio_format": "int16"}));
    client.audio(&bytes(&audio));
    assert_eq!(texts(&client.finish()), said(&audio));
    let mut client = Live::open(&host.listener(1), json!({"audio_format": "uint8"}));
    let rough: Vec<i16> = audio.iter().map(|sample| sample >> 8 << 8).collect();
    client.audio(&rough.iter().map(|sample| ((sample >> 8) + 128) as u8).collect::<Vec<_>>());
    assert_eq!(texts(&client.finish()), said(&rough));
}

#[test]
fn words_are_those_of_the_native_protocol() {
    let host = digits().settings(LISTENERS).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let mut client = Live::open(&host.listener(1), json!({"word_timestamps": true, "language": "en-GB"}));
    client.audio(&floats(&audio));
    let segments = complete(&client.finish());
    let number = |word: &Value, key: &str| word[key].as_str().unwrap().parse().unwrap();
    let timed: Vec<Timed> = segments
        .iter()
        .flat_map(|segment| segment["words"].as_array().unwrap())
        .map(|word| {
            let text = word["word"].as_str().unwrap().strip_prefix(' ').unwrap();
            (text.to_owned(), number(word, "start"), number(word, "end"), word["probability"].as_f64().unwrap())
        })
        .collect();
    assert_same(&timed, &native, 0.001);
}

#[test]
fn a_pause_makes_the_text_final() {
    let host = tone().start();
    let audio = noise(3, 20_000);
    let mut client = Live::open(&host.listener(1), json!({}));
    client.audio(&floats(&audio));
    let mut messages = Vec::new();
    // Without a further message of the client.
    while texts(&messages) != said(&audio) {
        messages.push(client.hear().unwrap());
    }
    client.audio(&floats(&audio));
    messages.extend(client.finish());
    assert_eq!(texts(&messages), [said(&audio), said(&audio)].concat());
}

#[test]
fn a_model_is_a_preset_or_the_default() {
    let settings = format!("{LISTENERS}[dialects.whisper-live]\npreset = \"english\"\n");
    let fast = json!({"backend": "tone", "segment_chunks": 5});
    let host = tone().preset("fast", &fast).settings(&settings).start();
    let audio = noise(4, 20_000);
    for (model, samples) in [(json!(null), 16_000), (json!("small"), 16_000), (json!("fast"), 8_000)] {
        let mut client = Live::open(&host.listener(1), json!({"model": model}));
        client.audio(&floats(&audio));
        assert_eq!(texts(&client.finish()), words(&tone_segments(&audio, samples).join(" ")), "{model}");
    }
    let host = tone().preset("fast", &fast).start();
    let (error, code) = Live::ask(&host.listener(1), json!({"model": "small"})).fails();
    assert!(error["message"].as_str().unwrap().starts_with("unknown_preset: "), "{error}");
    assert_eq!((&error["status"], code), (&json!("ERROR"), 1008));
}

#[test]
fn what_cannot_be_done_is_refused_and_what_has_no_effect_is_named() {
    let host = digits().settings(LISTENERS).start();
    for (options, problem) in [
        (json!({"language": "de"}), "invalid_option: `language` is `de`, but the model of preset `digits` knows: en"),
        (json!({"task": "translate"}), "forbidden_field: option `task` is not open"),
        (json!({"hotwords": "one"}), "forbidden_field: option `keyterms` is not open"),
        (json!({"initial_prompt": "one"}), "forbidden_field: option `prompt`"),
        (json!({"enable_translation": true}), "invalid_option: `enable_translation` is not supported"),
        (json!({"enable_diarization": true}), "invalid_option: `enable_diarization` is not supported"),
        (json!({"audio_format": "opus"}), "bad_message: `audio_format` is `opus`"),
    ] {
        let (error, code) = Live::ask(&host.listener(1), options.clone()).fails();
        let message = error["message"].as_str().unwrap();
        assert!(
            error["status"] == "ERROR" && error["uid"] == "u" && message.starts_with(problem),
            "{options}: {error}"
        );
        assert_eq!(code, 1008);
    }
    let mut client = Live::open(&host.listener(1), json!({"use_vad": false, "same_output_threshold": 3, "more": 1}));
    let warning = json!({"uid": "u", "status": "WARNING", "message": "without effect: use_vad, same_output_threshold"});
    assert_eq!(client.hear(), Ok(warning));
    let line = ["parameters without effect", "whisper-live", "use_vad, same_output_threshold"];
    host.wait_for_log(&line, 1);
    let count = "auricle_ignored_parameters_total{dialect=\"whisper-live\",parameter=\"use_vad\"} 1";
    assert!(host.get("/metrics").1.contains(count));
    assert!(client.finish().is_empty());
}

#[test]
fn a_language_and_hotwords_reach_an_engine_that_takes_them() {
    let preset = json!({"backend": "faulty", "host": {"open": ["lan"]}});
    let host = Setup::new().plugin(&library("faulty")).preset("any", &preset).settings(LISTENERS).start();
    for (options, told) in [(json!({"language": "de"}), None), (json!({"language": null}), Some("auto"))] {
        let mut client = Live::open(&host.listener(1), options.clone());
        client.audio(&floats(&noise(5, 20_000)));
        let messages = client.finish();
        // Only a language that the client did not set is reported.
        let reported: Vec<_> = messages.iter().filter_map(|message| message["language"].as_str()).collect();
        assert_eq!(reported, told.into_iter().collect::<Vec<_>>(), "{options}");
        assert!(!texts(&messages).is_empty());
    }
}

#[test]
fn a_full_server_says_wait_and_one_that_stops_disconnects() {
    let settings = format!("[limits]\nmax_streams = 1\n[timeouts]\ndrain_seconds = 0.0\n{LISTENERS}");
    let host = tone().settings(&settings).start();
    let own = host.listener(1);
    let mut first = Live::open(&own, json!({}));
    // The published client sends this; without it the answer is a status of HTTP.
    let origin = format!("http://{own}");
    let mut second = Live::knock(&own, "/", &[("origin", &origin)]).unwrap();
    second.options(json!({}));
    assert_eq!(second.fails(), (json!({"uid": "u", "status": "WAIT", "message": 1.0}), 1013));
    assert_eq!(Live::knock(&own, "/", &[]).err(), Some(503));
    let audio = noise(6, 20_000);
    first.audio(&floats(&audio));
    host.wait_for_audio(1.25);
    host.signal("TERM");
    let (mut messages, code) = first.rest();
    assert_eq!(messages.pop(), Some(json!({"uid": "u", "message": "DISCONNECT"})));
    assert_eq!((texts(&messages), code), (said(&audio), 1001));
}

#[test]
fn a_client_that_says_nothing_is_disconnected() {
    let settings = format!("[timeouts]\nstart_seconds = 0.3\n{LISTENERS}");
    let host = tone().settings(&settings).start();
    let silent = Live::connect(&host.listener(1), "/");
    assert_eq!(silent.fails(), (json!({"uid": null, "message": "DISCONNECT"}), 1000));
    let mut wrong = Live::connect(&host.listener(1), "/");
    wrong.audio(&[0; 64]);
    assert_eq!(wrong.fails().1, 1008);
}

/// Whatever a client does after the end of its audio: it gets its last words.
#[test]
fn nothing_done_after_the_end_costs_a_word() {
    let slow = json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).settings(LISTENERS).start();
    let audio = noise(7, 20_000);
    let said = |after: &dyn Fn(&mut Live)| {
        let mut client = Live::open(&host.listener(1), json!({}));
        client.audio(&floats(&audio));
        client.0.send(Message::binary(END)).unwrap();
        after(&mut client);
        texts(&client.rest().0)
    };
    let expected = said(&|_| {});
    assert!(!expected.is_empty());
    assert_eq!(said(&|client| client.audio(&floats(&audio))), expected);
    assert_eq!(said(&|client| client.0.send(Message::text("{}")).unwrap()), expected);
    assert_eq!(said(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), expected);
}

#[test]
fn a_key_may_be_in_all_places_of_whisper_live() {
    let setup = tone();
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let host = setup.settings(&format!("keys = \"keys.toml\"\n{LISTENERS}")).start();
    let own = host.listener(1);
    let (token, bearer, offered) = (format!("/?token={key}"), format!("Bearer {key}"), format!("bearer, {key}"));
    for (path, headers) in [
        (token.as_str(), vec![]),
        ("/", vec![("authorization", bearer.as_str())]),
        ("/", vec![("sec-websocket-protocol", offered.as_str())]),
    ] {
        assert!(Live::knock(&own, path, &headers).is_ok(), "{path} {headers:?}");
    }
    for (path, headers) in [("/", vec![]), ("/?token=x", vec![]), ("/", vec![("sec-websocket-protocol", "bearer, x")])]
    {
        assert_eq!(Live::knock(&own, path, &headers).err(), Some(401), "{path} {headers:?}");
    }
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

fn told(args: &[&str]) -> Option<Value> {
    let printed = printed(CLIENTS.python("client.py", args)?);
    Some(serde_json::from_str(printed.trim()).unwrap())
}

#[test]
fn the_published_streaming_client_gets_all_words() {
    let host = digits().settings(LISTENERS).start();
    let (own, file) = (host.listener(1), fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let Some(got) = told(&["streaming", port(&own), file.to_str().unwrap(), r#"{"lang": "en"}"#]) else { return };
    let list = |key: &str| got[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(words(&list("committed").join(" ")), spoken);
    assert!(!list("partials").is_empty());
}

#[test]
fn the_published_file_client_gets_all_words_and_subtitles() {
    let host = digits().settings(LISTENERS).start();
    let (own, file) = (host.listener(1), fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let Some(got) = told(&["file", port(&own), file.to_str().unwrap()]) else { return };
    assert_eq!(words(got["text"].as_str().unwrap()), spoken);
    let lines = got["srt"].as_str().unwrap().trim().split("\n\n").flat_map(|block| block.lines().skip(2));
    assert_eq!(words(&lines.collect::<Vec<_>>().join(" ")), spoken);
}
