//! The dialects of sherpa-onnx's online and offline servers: own listeners, paths of the main listener, and clients that
//! were not made for this server: the published `sherpa-onnx-online-websocket-client`, and copies of what the sample
//! scripts in Python do (`clients/sherpa`).

use super::timed::{Timed, assert_same, digits, native_words};
use auricle_tests::{PublishedClients, Setup, fixture, library, limit, noise, printed, tone_segments, wav, words};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    net::{Shutdown, TcpStream},
};
use tungstenite::{Message, WebSocket, client::client_with_config};

const CLIENTS: PublishedClients = PublishedClients("sherpa");

/// The main listener, one for online clients and one for offline clients.
const LISTENERS: &str = r#"
[[listeners]]
address = "127.0.0.1:0"
[[listeners]]
address = "127.0.0.1:0"
dialects = ["sherpa"]
[[listeners]]
address = "127.0.0.1:0"
dialects = ["sherpa-offline"]
"#;

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("english", &json!({"backend": "tone"})).settings(LISTENERS)
}

fn floats(audio: &[i16]) -> Vec<u8> {
    audio.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect()
}

fn recording(rate: i32, audio: &[i16]) -> Vec<u8> {
    [&rate.to_le_bytes()[..], &(4 * audio.len() as i32).to_le_bytes(), &floats(audio)].concat()
}

/// A client of sherpa-onnx.
struct Sherpa(WebSocket<TcpStream>);

impl Sherpa {
    fn connect(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(limit())).unwrap();
        stream.set_write_timeout(Some(limit())).unwrap();
        let (socket, _) = client_with_config(format!("ws://{address}{path}"), stream, None).unwrap();
        Self(socket)
    }

    fn audio(&mut self, audio: &[i16]) {
        for piece in floats(audio).chunks(32_000) {
            self.0.send(Message::binary(piece.to_vec())).unwrap();
        }
    }

    fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The next text; the close code and reason if there is none.
    fn hear(&mut self) -> Result<String, (u16, String)> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(text.to_string()),
                Ok(Message::Close(frame)) => {
                    let frame = frame.expect("a code");
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                Ok(_) => {}
                Err(error) => panic!("no close: {error}"),
            }
        }
    }

    /// The results up to `Done!`.
    fn results(&mut self) -> Vec<Value> {
        let mut results = Vec::new();
        loop {
            match self.hear().unwrap().as_str() {
                "Done!" => return results,
                text => results.push(serde_json::from_str(text).unwrap()),
            }
        }
    }
}

/// The words of the segments that are complete.
fn texts(results: &[Value]) -> Vec<String> {
    let complete = results.iter().filter(|result| result["is_final"] == true);
    complete.flat_map(|result| words(result["text"].as_str().unwrap())).collect()
}

/// The tokens of the segments that are complete. The protocol has no ends of words; those of `native` are taken.
fn timed(results: &[Value], native: &[Timed]) -> Vec<Timed> {
    let mut timed = Vec::new();
    for result in results.iter().filter(|result| result["is_final"] == true) {
        let list = |key: &str| result[key].as_array().unwrap().clone();
        let (start, probs) = (result["start_time"].as_f64().unwrap(), list("ys_probs"));
        for (n, (token, time)) in list("tokens").iter().zip(list("timestamps")).enumerate() {
            let word = token.as_str().unwrap().strip_prefix(' ').unwrap().to_owned();
            let (end, sure) = native.get(timed.len()).map_or((0.0, 1.0), |word| (word.2, word.3));
            let sure = probs.get(n).map_or(sure, |log| log.as_f64().unwrap().exp());
            timed.push((word, start + time.as_f64().unwrap(), end, sure));
        }
    }
    timed
}

/// Checks what holds for the results of every stream.
fn assert_results(results: &[Value]) {
    let (last, before) = results.split_last().expect("at least one result");
    assert!(last["is_final"] == true && last["is_eof"] == true, "{last}");
    assert!(before.iter().all(|result| result["is_eof"] == false), "{before:?}");
    let mut segment = 0;
    for result in results {
        assert_eq!(result["segment"], segment, "{result}");
        segment += i32::from(result["is_final"] == true);
    }
}

#[test]
fn all_text_comes_before_the_end_and_another_stream_may_follow() {
    let host = tone().start();
    let audio = noise(1, 50_000);
    let own = host.listener(1);
    for (address, path) in [(own.as_str(), ""), (own.as_str(), "/any"), (host.address(), "/sherpa")] {
        let mut client = Sherpa::connect(address, path);
        for audio in [&audio[..], &audio[..20_000]] {
            client.audio(audio);
            client.say("hello");
            client.say("Done");
            let results = client.results();
            assert_results(&results);
            assert_eq!(texts(&results), words(&tone_segments(audio, 16_000).join(" ")), "{address}{path}");
        }
        client.say("Done");
        let nothing = client.results();
        assert_eq!((nothing.len(), nothing[0]["text"].as_str()), (1, Some("")));
    }
    assert!(host.json("/v1/streams")["streams"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn words_and_their_times_are_those_of_the_native_protocol() {
    let host = digits().settings(LISTENERS).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let mut client = Sherpa::connect(&host.listener(1), "/");
    client.audio(&audio);
    client.say("Done");
    let results = client.results();
    assert_results(&results);
    assert!(results.iter().any(|result| result["is_final"] == false), "there are texts before the end");
    assert_same(&timed(&results, &native), &native, 0.011);

    let mut client = Sherpa::connect(host.address(), "/sherpa/offline");
    for piece in recording(16_000, &audio).chunks(10_240) {
        client.0.send(Message::binary(piece.to_vec())).unwrap();
    }
    let result: Value = serde_json::from_str(&client.hear().unwrap()).unwrap();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    assert_eq!(words(result["text"].as_str().unwrap()), spoken);
    let number = |key: &str, n: usize| result[key][n].as_f64();
    let timed: Vec<Timed> = (0..spoken.len())
        .map(|n| {
            let (start, duration) = (number("timestamps", n).unwrap(), number("durations", n).unwrap());
            let sure = number("ys_log_probs", n).map_or(native[n].3, f64::exp);
            let token = result["tokens"][n].as_str().unwrap();
            (token.strip_prefix(' ').unwrap().to_owned(), start, start + duration, sure)
        })
        .collect();
    assert_same(&timed, &native, 0.011);
}

#[test]
fn recordings_follow_one_another_at_any_rate() {
    let host = tone().start();
    let audio = noise(2, 40_000);
    let own = host.listener(2);
    let mut client = Sherpa::connect(&own, "/");
    let all = recording(16_000, &audio);
    for size in [10_240, 8, 1 << 20] {
        // The next recording may come before the result of this one.
        all.chunks(size).for_each(|piece| client.0.send(Message::binary(piece.to_vec())).unwrap());
    }
    for _ in 0..3 {
        let result: Value = serde_json::from_str(&client.hear().unwrap()).unwrap();
        assert_eq!(result["text"], tone_segments(&audio, 16_000).join(" "));
    }
    // Half a second at 8 kHz is half a second of the model.
    client.0.send(Message::binary(recording(8_000, &audio[..4_000]))).unwrap();
    let result: Value = serde_json::from_str(&client.hear().unwrap()).unwrap();
    assert!(result["text"].as_str().unwrap().starts_with("8000:"), "{result}");
    client.0.send(Message::binary(recording(16_000, &[]))).unwrap();
    let result: Value = serde_json::from_str(&client.hear().unwrap()).unwrap();
    assert_eq!(result["text"], "");
    client.say("Done");
    assert_eq!(client.hear(), Err((1000, "Done".to_owned())));
}

#[test]
fn what_is_no_recording_is_closed_with_the_reason() {
    let host = tone().start();
    for (frame, problem) in [
        (vec![0; 7], "has 7 bytes"),
        (recording(1_000, &[0]), "`sample_rate` is 1000"),
        ([recording(16_000, &[0]), vec![0]].concat(), "1 bytes more"),
    ] {
        let mut client = Sherpa::connect(&host.listener(2), "/");
        client.0.send(Message::binary(frame)).unwrap();
        let (code, reason) = client.hear().unwrap_err();
        assert!(code == 1008 && reason.contains(problem), "{code} {reason}");
    }
    let mut client = Sherpa::connect(&host.listener(2), "/");
    client.say("{}");
    assert_eq!(client.hear(), Err((1000, "Invalid payload: {}".to_owned())));
}

#[test]
fn a_failure_is_told_in_the_close_frame() {
    let presets = || Setup::new().plugin(&library("tone")).preset("a", &json!({"backend": "tone"}));
    let host = presets().preset("b", &json!({"backend": "tone"})).settings(LISTENERS).start();
    let mut client = Sherpa::connect(&host.listener(1), "/");
    client.audio(&[0; 160]);
    let (code, reason) = client.hear().unwrap_err();
    assert!(code == 1008 && reason.starts_with("unknown_preset: ") && reason.contains("[dialects.sherpa]"), "{reason}");
    let named = format!("{LISTENERS}[dialects.sherpa]\npreset = \"b\"\nsample_rate = 8000");
    let host = presets().preset("b", &json!({"backend": "tone"})).settings(&named).start();
    let mut client = Sherpa::connect(&host.listener(1), "/");
    client.audio(&noise(3, 4_000));
    client.say("Done");
    let results = client.results();
    assert_eq!(
        results.last().unwrap()["text"].as_str().map(|text| text.starts_with("8000:")),
        Some(true),
        "{results:?}"
    );

    // Two segments of a second each, then the engine fails.
    let preset = json!({"backend": "faulty", "fault": "error", "at": "process_iter", "after_chunks": 25});
    let host = Setup::new().plugin(&library("faulty")).preset("english", &preset).settings(LISTENERS).start();
    let mut client = Sherpa::connect(&host.listener(1), "/");
    let audio = noise(5, 48_000);
    client.audio(&audio);
    let mut results: Vec<Value> = Vec::new();
    let closed = loop {
        match client.hear() {
            Ok(text) => results.push(serde_json::from_str(&text).unwrap()),
            Err(closed) => break closed,
        }
    };
    assert_eq!(texts(&results), words(&tone_segments(&audio[..32_000], 16_000).join(" ")));
    assert!(closed.0 == 1011 && closed.1.starts_with("engine_error: "), "{closed:?}");
}

/// Whatever a client sends after `Done`, and whenever: it gets its last result.
#[test]
fn nothing_done_after_the_end_costs_a_word() {
    let slow = json!({"backend": "faulty", "fault": "sleep", "at": "finish", "seconds": 0.4});
    let host = Setup::new().plugin(&library("faulty")).preset("slow", &slow).settings(LISTENERS).start();
    let audio = noise(6, 20_000);
    let said = |after: &dyn Fn(&mut Sherpa)| {
        let mut client = Sherpa::connect(&host.listener(1), "/");
        client.audio(&audio);
        client.say("Done");
        after(&mut client);
        texts(&client.results())
    };
    let expected = said(&|_| {});
    assert!(!expected.is_empty());
    assert_eq!(said(&|client| client.say("Done")), expected);
    assert_eq!(said(&|client| client.audio(&noise(7, 1_600))), expected);
    assert_eq!(said(&|client| client.0.send(Message::binary(vec![0; 2 << 20])).unwrap()), expected);
    assert_eq!(said(&|client| client.0.get_mut().write_all(b"\xffthis is no frame").unwrap()), expected);
    assert_eq!(said(&|client| client.0.get_mut().shutdown(Shutdown::Write).unwrap()), expected);
}

#[test]
fn the_words_so_far_are_told_when_the_server_stops() {
    let host = tone().settings(&format!("{LISTENERS}\n[timeouts]\ndrain_seconds = 0.0")).start();
    let audio = noise(8, 20_000);
    let mut client = Sherpa::connect(&host.listener(1), "/");
    client.audio(&audio);
    host.wait_for_audio(1.25);
    host.signal("TERM");
    let mut results: Vec<Value> = Vec::new();
    let closed = loop {
        match client.hear() {
            Ok(text) => results.push(serde_json::from_str(&text).unwrap()),
            Err(closed) => break closed,
        }
    };
    assert_eq!(texts(&results), words(&tone_segments(&audio, 16_000).join(" ")));
    assert_eq!((closed.0, closed.1.starts_with("shutting_down: ")), (1001, true));
}

/// The results that a client printed among other lines.
fn results_in(lines: &str) -> Vec<Value> {
    let json = lines.lines().filter_map(|line| Some(&line[line.find("{ \"text\"")?..]));
    json.map(|line| serde_json::from_str(line).unwrap_or_else(|problem| panic!("{line}: {problem}"))).collect()
}

#[test]
fn the_published_client_gets_all_words() {
    let host = digits().settings(LISTENERS).start();
    let (port, file) = (host.listener(1).rsplit_once(':').unwrap().1.to_owned(), fixture("digits.wav"));
    let port = format!("--server-port={port}");
    let args = [port.as_str(), "--seconds-per-message=0.05", file.to_str().unwrap()];
    let Some(ran) = CLIENTS.run("sherpa-onnx-online-websocket-client", &args) else { return };
    // It prints to the standard error.
    let lines = String::from_utf8(ran.stderr.clone()).unwrap();
    assert!(ran.status.success(), "{lines}");
    let results = results_in(&lines);
    assert_results(&results);
    assert_eq!(texts(&results), words(&fs::read_to_string(fixture("digits.txt")).unwrap()));
}

#[test]
fn the_sample_scripts_get_all_words() {
    let host = digits().settings(LISTENERS).start();
    let file = fixture("digits.wav");
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let online = format!("ws://{}", host.listener(1));
    for more in [&["--seconds", "0.01"][..], &["--seconds", "0", "--samples", "100000"]] {
        let args = [&["online"][..], more, &[&online, file.to_str().unwrap()]].concat();
        let Some(ran) = CLIENTS.python("client.py", &args) else { return };
        assert_eq!(texts(&results_in(&printed(ran))), spoken, "{more:?}");
    }
    let (offline, file) = (format!("ws://{}", host.listener(2)), file.to_str().unwrap());
    let ran = CLIENTS.python("client.py", &["offline", &offline, file, file]).unwrap();
    let results: Vec<Value> = printed(ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| words(result["text"].as_str().unwrap()) == spoken), "{results:?}");
}
