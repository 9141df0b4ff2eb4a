//! The dialect of vosk-server: its own listener, the path `/vosk` of the main listener, and clients that were not made
//! for this server.
//!
//! Rust clients send what a test specifies, and wait for each answer. The Python clients are from other projects: the
//! published `vosk-transcriber`, and copies of what vosk-server's sample scripts do (`clients/vosk`).

use super::timed::{self, Timed, assert_same, native_words};
use auricle_tests::{
    Host, PublishedClients, Setup, bytes, fixture, library, limit, noise, printed, tone_segments, wav, words,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    net::{Shutdown, TcpStream},
};
use tungstenite::{Message, WebSocket, client::client_with_config};

/// The main listener, and one for vosk only.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["vosk"]
"#;

/// Half a second of telephone audio per segment; `tone` has a second at 16 kHz by default.
fn telephone() -> Value {
    json!({"backend": "tone", "sample_rate": 8_000, "chunk_samples": 800, "segment_chunks": 5})
}

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"}))
}

fn host() -> Host {
    tone().settings(LISTENERS).start()
}

/// Engine `onnx` with the model of the digits.
fn digits() -> Host {
    timed::digits().settings(LISTENERS).start()
}

/// A client of vosk-server.
struct Vosk(WebSocket<TcpStream>);

impl Vosk {
    fn connect(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let (socket, _) = client_with_config(format!("ws://{address}{path}"), stream, None).unwrap();
        Self(socket)
    }

    /// Connects to the listener for vosk only, and sends a `config`.
    fn open(host: &Host, config: Value) -> Self {
        let mut client = Self::connect(&host.listener(1), "/");
        client.say(&json!({"config": config}).to_string());
        client
    }

    fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// Receives the next text as it is on the wire; the close code if there is none.
    fn hear_text(&mut self) -> Result<String, u16> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(text.to_string()),
                Ok(Message::Close(frame)) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Ok(_) => {}
                Err(error) => panic!("no close: {error}"),
            }
        }
    }

    fn hear(&mut self) -> Value {
        let text = self.hear_text().unwrap_or_else(|code| panic!("closed with {code} instead of an answer"));
        serde_json::from_str(&text).unwrap()
    }

    /// Sends an audio message; returns its answer.
    fn audio(&mut self, bytes: &[u8]) -> Value {
        self.0.send(Message::binary(bytes.to_vec())).unwrap();
        self.hear()
    }

    /// Sends audio in messages of `size` bytes; returns the final answers.
    fn audio_in_messages(&mut self, bytes: &[u8], size: usize) -> Vec<Value> {
        let answers = bytes.chunks(size).map(|message| self.audio(message));
        let (partials, finals): (Vec<_>, Vec<_>) = answers.partition(|answer| answer["partial"].is_string());
        assert!(partials.iter().all(|partial| partial.as_object().unwrap().len() == 1), "{partials:?}");
        finals
    }

    fn reset(&mut self) -> Value {
        self.say(r#"{"reset" : 1}"#);
        self.hear()
    }

    /// Ends the audio: one more answer, nothing else, and a normal close.
    fn eof(mut self) -> Value {
        self.say(r#"{"eof" : 1}"#);
        let last = self.hear();
        assert_eq!(self.hear_text(), Err(1000), "more than one answer to a message");
        last
    }

    /// Receives an error and a close; returns the code and the message.
    fn fails(mut self) -> (String, String) {
        let error = self.hear();
        let closed = self.hear_text();
        assert!(matches!(closed, Err(code) if code != 1000), "after {error}: {closed:?}");
        let text = |key: &str| error[key].as_str().unwrap_or_else(|| panic!("{error}")).to_owned();
        (text("code"), text("error"))
    }
}

/// The words of final answers.
fn texts(finals: &[Value]) -> Vec<String> {
    finals.iter().flat_map(|answer| words(answer["text"].as_str().unwrap())).collect()
}

/// The text of `tone`, as words.
fn said(audio: &[i16], samples: usize) -> Vec<String> {
    words(&tone_segments(audio, samples).join(" "))
}

#[test]
fn each_message_has_one_answer_and_nothing_is_lost() {
    let host = host();
    let audio = noise(1, 50_000);
    let own = host.listener(1);
    for (address, path) in [(own.as_str(), ""), (own.as_str(), "/"), (host.address(), "/vosk")] {
        for size in [6_400, 333, 200_000] {
            let mut client = Vosk::connect(address, path);
            client.say(r#"{ "config" : { "sample_rate" : 16000 } }"#);
            let mut finals = client.audio_in_messages(&bytes(&audio), size);
            finals.push(client.eof());
            assert_eq!(texts(&finals), said(&audio, 16_000), "{address}{path} in {size} bytes");
            // Without the times of words, because this engine has none.
            assert!(finals.iter().all(|told| told.as_object().unwrap().len() == 1), "{finals:?}");
        }
    }
}

#[test]
fn answers_are_spaced_as_vosk_spaces_them() {
    let host = host();
    let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
    client.0.send(Message::binary(vec![0; 2])).unwrap();
    assert_eq!(client.hear_text().unwrap(), "{\n  \"partial\" : \"\"\n}");
    client.say(r#"{"reset" : 1}"#);
    assert!(client.hear_text().unwrap().starts_with("{\n  \"text\" : \"1"));
    client.say(r#"{"eof" : 1}"#);
    assert_eq!(client.hear_text().unwrap(), "{\n  \"text\" : \"\"\n}");
}

#[test]
fn a_client_that_says_nothing_of_its_audio_has_a_telephone() {
    let host = Setup::new().plugin(&library("tone")).preset("telephone", &telephone()).settings(LISTENERS).start();
    let audio = noise(2, 10_000);
    let mut client = Vosk::connect(&host.listener(1), "/");
    let mut finals = client.audio_in_messages(&bytes(&audio), 8_000);
    finals.push(client.eof());
    assert_eq!(texts(&finals), said(&audio, 4_000));
}

#[test]
fn a_reset_tells_the_rest_and_the_stream_goes_on() {
    let host = host();
    let audio = noise(3, 30_000);
    let mut client = Vosk::open(&host, json!({"sample_rate": "16000"}));
    assert_eq!(client.reset(), json!({"text": ""}), "before any audio");
    let mut before = client.audio_in_messages(&bytes(&audio[..10_500]), 1_000);
    before.push(client.reset());
    assert_eq!(texts(&before), said(&audio[..10_500], 16_000));
    assert_eq!(client.reset(), json!({"text": ""}), "nothing was said since");
    // The same again changes nothing.
    client.say(r#"{"config": {"sample_rate": 16000.0}}"#);
    let mut after = client.audio_in_messages(&bytes(&audio[10_500..]), 1_000);
    after.push(client.eof());
    assert_eq!(texts(&after), said(&audio[10_500..], 16_000));
}

#[test]
fn the_rate_may_change_and_so_may_the_answers() {
    let host = host();
    let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
    client.audio(&bytes(&noise(6, 1_600)));
    client.say(r#"{"config" : {"sample_rate" : 8000, "max_alternatives" : 1}}"#);
    client.audio(&bytes(&noise(7, 800)));
    // 100 ms of each: 3,200 samples at the model's rate.
    let last = client.eof();
    let text = last["alternatives"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("3200:"), "{last}");
}

#[test]
fn an_end_without_audio_is_answered() {
    let host = host();
    assert_eq!(Vosk::connect(&host.listener(1), "/").eof(), json!({"text": ""}));
    assert_eq!(Vosk::open(&host, json!({"words": 0})).eof(), json!({"text": ""}));
    let alternatives = Vosk::open(&host, json!({"max_alternatives": 3}));
    assert_eq!(alternatives.eof(), json!({"alternatives": [{"confidence": 1.0, "text": ""}]}));
}

#[test]
fn a_model_is_a_preset_by_its_own_name_or_by_the_settings() {
    let settings = format!(
        "{LISTENERS}\n[dialects.vosk]\npreset = \"english\"\nmodels = {{ \"vosk-model-small-cn-0.22\" = \"telephone\" }}\n\
         [models]\n\"vosk-model-*\" = \"english\"\n\"telephone\" = \"english\"\n"
    );
    let host = tone().preset("telephone", &telephone()).settings(&settings).start();
    let audio = noise(4, 20_000);
    for (config, rate, segment) in [
        (json!({"sample_rate": 16_000}), 16_000, 16_000),
        (json!({"sample_rate": 16_000, "model": "english"}), 16_000, 16_000),
        (json!({"model": "telephone"}), 8_000, 4_000),
        (json!({"model": "vosk-model-small-cn-0.22", "sample_rate": 8_000}), 8_000, 4_000),
        (json!({"model": "vosk-model-en-us-0.22", "sample_rate": 16_000}), 16_000, 16_000),
    ] {
        let mut client = Vosk::open(&host, config.clone());
        let mut finals = client.audio_in_messages(&bytes(&audio), 8_000);
        finals.push(client.eof());
        assert_eq!(texts(&finals), said(&audio, segment), "{config} at {rate}");
    }
    let mut unknown = Vosk::open(&host, json!({"model": "/opt/vosk/model"}));
    let _ = unknown.0.send(Message::binary(vec![0; 2]));
    let (code, error) = unknown.fails();
    assert_eq!(code, "unknown_preset");
    assert!(error.contains("/opt/vosk/model"), "{error}");
}

#[test]
fn what_is_no_message_is_told_and_closed() {
    let host = host();
    for text in ["EOS", "{}", r#"{"eof" : 0}"#, r#"{"config" : 16000}"#, r#"{"config" : {"sample_rate" : "fast"}}"#] {
        let mut client = Vosk::connect(&host.listener(1), "/");
        client.say(text);
        let (code, error) = client.fails();
        assert_eq!(code, "bad_message", "{text}: {error}");
    }
    let mut changed = Vosk::open(&host, json!({"sample_rate": 16_000}));
    changed.audio(&[0; 320]);
    changed.say(r#"{"config" : {"model" : "english"}}"#);
    assert_eq!(changed.fails().0, "bad_message");
    // No engine of this host supports phrases.
    let mut phrases = Vosk::open(&host, json!({"sample_rate": 16_000, "phrase_list": ["one two", "[unk]"]}));
    let _ = phrases.0.send(Message::binary(vec![0; 2]));
    assert_eq!(phrases.fails().0, "invalid_option");
}

#[test]
fn what_was_said_before_a_failure_is_told_before_it() {
    // Two segments of a second each, then the engine fails, all within one message.
    let preset = json!({"backend": "faulty", "fault": "error", "at": "process_iter", "after_chunks": 25});
    let host = Setup::new().plugin(&library("faulty")).preset("english", &preset).settings(LISTENERS).start();
    let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
    let audio = noise(5, 48_000);
    client.0.send(Message::binary(bytes(&audio))).unwrap();
    assert_eq!(texts(&[client.hear()]), said(&audio[..32_000], 16_000));
    assert_eq!(client.fails().0, "engine_error");
    let failed = r#"auricle_stream_failures_total{preset="english",engine="faulty",code="engine_error"} 1"#;
    host.wait_for("the count", || host.get("/metrics").1.contains(failed));
}

#[test]
fn clients_that_leave_without_waiting_harm_nobody() {
    let host = host();
    for end in [Some(r#"{"eof" : 1}"#), None] {
        // Like the web page among the samples.
        let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
        client.audio(&[0; 6_400]);
        end.into_iter().for_each(|end| client.say(end));
        client.0.close(None).unwrap();
        drop(client);
        let mut vanishes = Vosk::open(&host, json!({"sample_rate": 16_000}));
        vanishes.audio(&[0; 6_400]);
        end.into_iter().for_each(|end| vanishes.say(end));
    }
    host.wait_for("the streams' ends", || host.json("/v1/streams")["streams"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(Vosk::connect(&host.listener(1), "/").eof(), json!({"text": ""}));
}

fn results(finals: &[Value]) -> Vec<Timed> {
    let words = finals.iter().flat_map(|told| told["result"].as_array().into_iter().flatten());
    let number = |word: &Value, key: &str| word[key].as_f64().unwrap_or_else(|| panic!("no {key}: {word}"));
    words
        .map(|word| {
            (
                word["word"].as_str().unwrap().to_owned(),
                number(word, "start"),
                number(word, "end"),
                number(word, "conf"),
            )
        })
        .collect()
}

#[test]
fn words_are_those_of_the_native_protocol() {
    let host = digits();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let finals = |config: Value| {
        let mut client = Vosk::open(&host, config);
        let mut finals = client.audio_in_messages(&bytes(&audio), 6_400);
        finals.push(client.eof());
        finals
    };
    let timed = finals(json!({"sample_rate": 16_000}));
    assert_eq!(texts(&timed), spoken);
    assert_same(&results(&timed), &native, 0.001);

    let plain = finals(json!({"sample_rate": 16_000, "words": 0}));
    assert_eq!(texts(&plain), spoken);
    assert!(plain.iter().all(|told| told.as_object().unwrap().len() == 1), "{plain:?}");

    let alternatives = finals(json!({"sample_rate": 16_000, "max_alternatives": 20}));
    let best: Vec<_> = alternatives.iter().map(|told| told["alternatives"].as_array().unwrap()).collect();
    assert!(best.iter().all(|each| each.len() == 1 && each[0]["confidence"].is_number()), "{best:?}");
    assert_eq!(best.iter().flat_map(|each| words(each[0]["text"].as_str().unwrap())).collect::<Vec<_>>(), spoken);
    let words = || best.iter().flat_map(|each| each[0]["result"].as_array().into_iter().flatten());
    assert!(words().count() == native.len() && words().all(|word| word.get("conf").is_none()), "{best:?}");
}

/// Whatever a client sends after `eof`, and whenever: it gets its last answer.
#[test]
fn nothing_done_after_eof_costs_a_word() {
    // The end takes long enough for what is sent after `eof` to be read before it.
    let slow = json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).settings(LISTENERS).start();
    let audio = noise(6, 20_000);
    let last = |after: &dyn Fn(&mut Vosk)| {
        let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
        client.audio_in_messages(&bytes(&audio[..8_000]), 8_000);
        client.say(r#"{"eof" : 1}"#);
        after(&mut client);
        client.hear()
    };
    let expected = last(&|_| {});
    assert_ne!(expected["text"], "", "{expected}");
    for text in [r#"{"eof" : 1}"#, r#"{"reset" : 1}"#, r#"{"config": {"sample_rate": 8000}}"#, "Done", "", "{"] {
        assert_eq!(last(&|client| client.say(text)), expected, "{text}");
    }
    assert_eq!(last(&|client| client.0.send(Message::binary(vec![0; 2 << 20])).unwrap()), expected);
    assert_eq!(last(&|client| client.0.get_mut().write_all(b"\xffthis is no frame").unwrap()), expected);
    assert_eq!(last(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), expected);
}

#[test]
fn times_go_on_after_a_reset() {
    let host = digits();
    let (_, audio) = wav(&fixture("digits.wav"));
    let mut client = Vosk::open(&host, json!({"sample_rate": 16_000}));
    let mut finals = client.audio_in_messages(&bytes(&audio), 6_400);
    finals.push(client.reset());
    let once = results(&finals);
    let mut again = client.audio_in_messages(&bytes(&audio), 6_400);
    again.push(client.eof());
    let (last, next) = (once.last().unwrap(), &results(&again)[0]);
    assert!(next.1 > last.2, "{next:?} is not after {last:?}");
    assert!(next.1 > audio.len() as f64 / 16_000.0, "{next:?}");
}

/// The clients of vosk-server.
const CLIENTS: PublishedClients = PublishedClients("vosk");

#[test]
fn the_sample_scripts_get_what_they_wait_for() {
    let host = digits();
    let (url, file) = (format!("ws://{}", host.listener(1)), fixture("digits.wav"));
    let (_, audio) = wav(&file);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let messages = audio.len().div_ceil(3_200) + 1;
    for args in [
        &[][..],
        &["--library", "websocket-client"],
        &["--stream"],
        &["--config", r#"{"words": 0}"#],
        &["--config", r#"{"max_alternatives": 20}"#],
    ] {
        let Some(ran) = CLIENTS.python("client.py", &[args, &[url.as_str(), file.to_str().unwrap()]].concat()) else {
            return;
        };
        let answers: Vec<Value> = printed(ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), messages, "{args:?}");
        let text = |told: &Value| told["text"].as_str().or(told["alternatives"][0]["text"].as_str()).map(words);
        assert_eq!(answers.iter().filter_map(text).flatten().collect::<Vec<_>>(), spoken, "{args:?}");
        assert_eq!(answers.iter().any(|told| told.get("result").is_some()), !args.contains(&"--config"), "{args:?}");
    }
    let ran = CLIENTS.python("client.py", &["--srt", &url, file.to_str().unwrap()]).unwrap();
    assert_subtitles(&printed(ran), &spoken);
}

#[test]
fn vosk_transcriber_writes_texts_and_subtitles() {
    let host = digits();
    let (url, file) = (format!("ws://{}/vosk", host.address()), fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    for kind in ["txt", "srt"] {
        let out = host.path(&format!("out.{kind}"));
        let args = [&url, "-s", "-i", file.to_str().unwrap(), "-t", kind, "-o", out.to_str().unwrap()];
        let Some(ran) = CLIENTS.python("transcriber.py", &args) else { return };
        printed(ran);
        let written = fs::read_to_string(out).unwrap();
        match kind {
            "txt" => assert_eq!(words(&written), spoken),
            _ => assert_subtitles(&written, &spoken),
        }
    }
}

/// Checks that the lines of text between numbers and times are the spoken text.
fn assert_subtitles(srt: &str, spoken: &[String]) {
    let blocks = srt.trim().split("\n\n");
    let text = blocks.flat_map(|block| block.lines().skip(2)).collect::<Vec<_>>().join(" ");
    assert_eq!(words(&text), spoken, "{srt}");
}
