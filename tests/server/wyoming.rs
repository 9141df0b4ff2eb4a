//! The dialect of Wyoming: a listener without HTTP, and the sequences of Home Assistant with the published library, PyPI
//! `wyoming`.

use super::timed::digits;
use auricle_tests::{
    Host, PublishedClients, Setup, auricle, bytes, fixture, library, limit, noise, printed, tone_segments, words,
};
use serde_json::{Map, Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
};

const CLIENTS: PublishedClients = PublishedClients("wyoming");

/// The main listener, and one for Wyoming.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["wyoming"]
"#;

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

/// A client of Wyoming.
struct Wyoming(BufReader<TcpStream>);

impl Wyoming {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, kind: &str, data: Value, payload: &[u8]) {
        let (data, length) = (data.to_string(), payload.len());
        let line = format!("{{\"type\": \"{kind}\", \"data_length\": {}, \"payload_length\": {length}}}\n", data.len());
        self.0.get_mut().write_all(&[line.as_bytes(), data.as_bytes(), payload].concat()).unwrap();
    }

    fn audio(&mut self, audio: &[i16]) {
        for piece in bytes(audio).chunks(2_048) {
            self.say("audio-chunk", json!({"rate": 16_000, "width": 2, "channels": 1}), piece);
        }
    }

    /// The next event with its type; `None` at the end.
    fn hear(&mut self) -> Option<(String, Value)> {
        let mut line = String::new();
        if self.0.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let line: Map<String, Value> = serde_json::from_str(&line).unwrap();
        assert!(line["version"].is_string() && line.get("payload_length").is_none(), "{line:?}");
        let mut data = vec![0; line.get("data_length").map_or(0, |length| length.as_u64().unwrap() as usize)];
        self.0.read_exact(&mut data).unwrap();
        let data = if data.is_empty() { json!({}) } else { serde_json::from_slice(&data).unwrap() };
        Some((line["type"].as_str().unwrap().to_owned(), data))
    }

    /// The text up to `transcript-stop`; checks that its chunks are the transcript.
    fn transcript(&mut self) -> String {
        let mut chunks = String::new();
        let mut text = None;
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|last| last != "transcript-stop") {
            let (kind, data) = self.hear().expect("a transcript");
            match kind.as_str() {
                "transcript-chunk" => chunks.push_str(data["text"].as_str().unwrap()),
                "transcript" => text = data["text"].as_str().map(str::to_owned),
                "transcript-start" => assert!(kinds.is_empty(), "{kinds:?}"),
                _ => {}
            }
            kinds.push(kind);
        }
        assert_eq!(kinds[0], "transcript-start");
        assert_eq!(text.as_ref(), Some(&chunks), "{kinds:?}");
        chunks
    }

    /// The error before the end; its code and text.
    fn fails(mut self) -> (String, String) {
        let mut last = None;
        while let Some(event) = self.hear() {
            last = Some(event);
        }
        let (kind, data) = last.expect("an error");
        assert_eq!(kind, "error");
        (data["code"].as_str().unwrap().to_owned(), data["text"].as_str().unwrap().to_owned())
    }
}

#[test]
fn commands_follow_one_another_and_no_word_is_lost() {
    let host = tone().start();
    let mut client = Wyoming::connect(&host.listener(1));
    for seed in 1..4 {
        let audio = noise(seed, 30_000);
        client.say(
            "transcribe",
            json!({"language": null, "name": if seed == 2 { json!("english") } else { json!(null) }}),
            &[],
        );
        client.say("audio-start", json!({"rate": 16_000, "width": 2, "channels": 1, "timestamp": 0}), &[]);
        client.audio(&audio);
        client.say("wake-up", json!({}), &[0; 9]);
        client.say("audio-stop", json!({"timestamp": null}), &[]);
        assert_eq!(client.transcript(), tone_segments(&audio, 16_000).join(" "));
    }
    client.say("audio-stop", json!({}), &[]);
    assert_eq!(client.transcript(), "", "without audio");
    client.say("ping", json!({"text": "a"}), &[]);
    assert_eq!(client.hear(), Some(("pong".to_owned(), json!({"text": "a"}))));
    assert!(host.json("/v1/streams")["streams"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn the_format_is_that_of_each_chunk() {
    let host = tone().start();
    let audio = noise(5, 8_000);
    let mut client = Wyoming::connect(&host.listener(1));
    let stereo: Vec<i16> = audio.iter().flat_map(|sample| [*sample, *sample]).collect();
    client.say("audio-chunk", json!({"rate": 16_000, "width": 2, "channels": 2}), &bytes(&stereo));
    let wide: Vec<u8> = audio.iter().flat_map(|sample| (i32::from(*sample) << 16).to_le_bytes()).collect();
    client.say("audio-chunk", json!({"rate": 16_000, "width": 4, "channels": 1}), &wide);
    client.say("audio-stop", json!({}), &[]);
    assert_eq!(client.transcript(), tone_segments(&[audio.clone(), audio].concat(), 16_000).join(" "));
}

/// Whatever a client does after `audio-stop`: it gets its transcript.
#[test]
fn nothing_done_after_the_end_costs_a_word() {
    let slow = json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).settings(LISTENERS).start();
    let audio = noise(6, 20_000);
    let said = |after: &dyn Fn(&mut Wyoming)| {
        let mut client = Wyoming::connect(&host.listener(1));
        client.audio(&audio);
        client.say("audio-stop", json!({}), &[]);
        after(&mut client);
        client.transcript()
    };
    let expected = said(&|_| {});
    assert!(!expected.is_empty());
    assert_eq!(said(&|client| client.audio(&audio)), expected);
    assert_eq!(said(&|client| client.0.get_mut().write_all(b"this is no event\n").unwrap()), expected);
    assert_eq!(said(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), expected);
}

#[test]
fn a_failure_is_an_event_and_an_end() {
    let two = || tone().preset("other", &json!({"backend": "tone"}));
    let host = two().start();
    let fails = |say: &dyn Fn(&mut Wyoming)| {
        let mut client = Wyoming::connect(&host.listener(1));
        say(&mut client);
        client.fails()
    };
    let audio = json!({"rate": 16_000, "width": 2, "channels": 1});
    for (say, code, problem) in [
        (&|client: &mut Wyoming| client.audio(&[0]) as (), "unknown_preset", "[dialects.wyoming]"),
        (
            &|client: &mut Wyoming| {
                client.say("transcribe", json!({"name": "klingon"}), &[]);
                client.audio(&[0]);
            },
            "unknown_preset",
            "klingon",
        ),
        (&|client: &mut Wyoming| client.say("audio-chunk", json!({"rate": 16_000}), &[0; 2]), "bad_message", "`width`"),
        (&|client: &mut Wyoming| client.say("audio-chunk", audio.clone(), &[0; 3]), "bad_audio", "a chunk of 3 bytes"),
        (
            &|client: &mut Wyoming| client.say("audio-chunk", audio.clone(), &vec![0; 2 << 20]),
            "too_large",
            "smaller chunks",
        ),
        (
            &|client: &mut Wyoming| client.0.get_mut().write_all(b"GET / HTTP/1.1\r\n").unwrap(),
            "bad_message",
            "not JSON",
        ),
    ] as [(&dyn Fn(&mut Wyoming), &str, &str); 6]
    {
        let (told, text) = fails(say);
        assert!(told == code && text.contains(problem), "{told}: {text}");
    }
    // Two segments of a second each, then the engine fails.
    let preset = json!({"backend": "faulty", "fault": "error", "at": "process_iter", "after_chunks": 25});
    let host = Setup::new().plugin(&library("faulty")).preset("english", &preset).settings(LISTENERS).start();
    let mut client = Wyoming::connect(&host.listener(1));
    client.audio(&noise(7, 48_000));
    assert_eq!(client.hear().map(|(kind, _)| kind).as_deref(), Some("transcript-start"));
    assert_eq!(client.fails().0, "engine_error");
}

#[test]
fn a_silent_client_and_a_stop_of_the_server_end_the_connection() {
    let settings = format!("[timeouts]\nstart_seconds = 0.3\ndrain_seconds = 0.0\n{LISTENERS}");
    let host = tone().settings(&settings).start();
    assert_eq!(Wyoming::connect(&host.listener(1)).fails().0, "idle_timeout");
    let audio = noise(8, 20_000);
    let mut client = Wyoming::connect(&host.listener(1));
    client.audio(&audio);
    host.wait_for_audio(1.25);
    host.signal("TERM");
    assert_eq!(client.transcript(), tone_segments(&audio, 16_000).join(" "));
    assert_eq!(client.fails().0, "shutting_down");
}

#[test]
fn its_listener_has_no_http_and_shares_no_address() {
    let host = tone().start();
    let mut socket = TcpStream::connect(host.listener(1)).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("{\"type\":\"error\""), "{answer}");
    assert!(host.json("/v1/presets").is_object());
    for (settings, problem) in [
        ("dialects = [\"wyoming\", \"native\"]", "`wyoming` needs a listener of its own"),
        (
            "dialects = [\"wyoming\"]\n[[listeners]]\naddress = \"0.0.0.0:0\"\ndialects = [\"wyoming\"]",
            "cannot send a key",
        ),
    ] {
        let setup = tone().settings(&format!("[[listeners]]\naddress = \"127.0.0.1:0\"\n{settings}"));
        let output = setup.command().output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(problem), "{settings}: {told}");
    }
}

#[test]
fn a_listener_is_bound_to_a_key_or_to_networks() {
    let setup = tone().preset("other", &json!({"backend": "tone"}));
    let keys = setup.path("configs/keys.toml");
    fs::write(&keys, "").unwrap();
    let output = auricle().args(["key", "add", "kitchen", "--preset", "other", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listener = |more: &str| format!("[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"wyoming\"]\n{more}\n");
    let [open, bound, near, far] =
        ["", "key = \"kitchen\"", "allow = [\"127.0.0.0/8\"]", "allow = [\"10.0.0.0/8\"]"].map(listener);
    let main = "[[listeners]]\naddress = \"127.0.0.1:0\"\n";
    let host = setup.settings(&format!("keys = \"keys.toml\"\n{main}{open}{bound}{near}{far}")).start();
    let models = |n: usize| -> Result<Vec<String>, String> {
        let mut client = Wyoming::connect(&host.listener(n));
        client.say("describe", json!({}), &[]);
        match client.hear() {
            Some((kind, data)) if kind == "info" => {
                let models = data["asr"][0]["models"].as_array().unwrap().iter();
                Ok(models.map(|model| model["name"].as_str().unwrap().to_owned()).collect())
            }
            other => Err(other.map(|(_, data)| data["code"].as_str().unwrap().to_owned()).unwrap_or_default()),
        }
    };
    assert_eq!(models(1), Err("unauthorized".to_owned()));
    assert_eq!(models(2), Ok(vec!["other".to_owned()]));
    assert_eq!(models(3), Ok(vec!["english".to_owned(), "other".to_owned()]));
    assert_eq!(models(4), Err("unauthorized".to_owned()));
}

fn told(args: &[&str]) -> Option<Value> {
    let printed = printed(CLIENTS.python("client.py", args)?);
    Some(serde_json::from_str(printed.trim()).unwrap())
}

fn uri(host: &Host) -> String {
    format!("tcp://{}", host.listener(1))
}

#[test]
fn home_assistant_finds_the_models_and_gets_its_transcripts() {
    let host = digits().preset("any", &json!({"backend": "tone"})).plugin(&library("tone"));
    let settings = format!("{LISTENERS}[dialects.wyoming]\npreset = \"digits\"\nlanguages = [\"de\"]");
    let host = host.settings(&settings).start();
    let (uri, file) = (uri(&host), fixture("digits.wav"));
    let (spoken, file) = (words(&fs::read_to_string(fixture("digits.txt")).unwrap()), file.to_str().unwrap());
    let Some(info) = told(&["info", &uri]) else { return };
    let program = &info["asr"][0];
    assert_eq!((&program["name"], &program["supports_transcript_streaming"]), (&json!("auricle"), &json!(true)));
    let models: Vec<_> =
        program["models"].as_array().unwrap().iter().map(|model| (&model["name"], &model["languages"])).collect();
    assert_eq!(models, [(&json!("digits"), &json!(["en"])), (&json!("any"), &json!(["de"]))]);

    let got = told(&["transcribe", &uri, file, r#"{"language": "en"}"#]).unwrap();
    assert_eq!(words(got["text"].as_str().unwrap()), spoken);
    // The names that Home Assistant knows are no reason to refuse it.
    let named = r#"{"name": "digits", "transcript_names": ["Anna"], "vad_sensitivity": "relaxed"}"#;
    assert_eq!(words(told(&["transcribe", &uri, file, named]).unwrap()["text"].as_str().unwrap()), spoken);
    let parameters = "vad_sensitivity, transcript_names";
    host.wait_for_log(&["parameters without effect", "wyoming", parameters], 1);
    let refused = told(&["transcribe", &uri, file, r#"{"language": "de"}"#]).unwrap();
    assert_eq!(refused["code"], "invalid_option");
}

#[test]
fn streaming_transcripts_are_the_transcript_in_parts() {
    let host = digits().settings(LISTENERS).start();
    let (uri, file) = (uri(&host), fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let Some(got) = told(&["stream", &uri, file.to_str().unwrap()]) else { return };
    for events in got.as_array().unwrap() {
        let events = events.as_array().unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let chunks = events.iter().filter(|event| event["type"] == "transcript-chunk");
        let chunks: String = chunks.map(|event| event["text"].as_str().unwrap()).collect();
        assert_eq!(words(&chunks), spoken);
        assert_eq!((kinds[0], kinds.last()), ("transcript-start", Some(&"transcript-stop")));
        assert_eq!(events[kinds.len() - 2]["text"], chunks);
    }
}
