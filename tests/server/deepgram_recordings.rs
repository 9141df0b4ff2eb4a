//! Recordings for Deepgram's clients (`POST /v1/listen`): the published clients of PyPI `deepgram-sdk` and npm `@deepgram/sdk`,
//! unmodified, and requests that they never send.

use super::{
    deepgram::{CLIENTS, MODELS, said, timed_words, tone, with_key},
    timed::{assert_same, native_words_by},
};
use auricle_tests::{Host, Setup, auricle, bytes, fixture, library, limit, noise, printed, tone_segments, wav, words};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
};

/// A WAV file of these samples at 16 kHz, with so many channels.
pub(crate) fn wav_file(samples: &[i16], channels: u16) -> Vec<u8> {
    let audio = bytes(samples);
    let (length, frame) = (audio.len() as u32, 2 * channels);
    let mut file = [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt ", &16u32.to_le_bytes()].concat();
    file.extend([1u16, channels].map(u16::to_le_bytes).concat());
    file.extend([16_000u32, 16_000 * u32::from(frame)].map(u32::to_le_bytes).concat());
    file.extend([frame, 16].map(u16::to_le_bytes).concat());
    [file.as_slice(), b"data", &length.to_le_bytes(), &audio].concat()
}

/// Frames of these channels, each as long as the longest.
pub(crate) fn interleaved(channels: &[&[i16]]) -> Vec<i16> {
    let frames = channels.iter().map(|samples| samples.len()).max().unwrap();
    let sample = |frame: usize| channels.iter().map(move |samples| samples.get(frame).copied().unwrap_or(0));
    (0..frames).flat_map(sample).collect()
}

/// A response: status, head, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    stream
}

fn head(query: &str, length: usize, more: &str) -> String {
    format!(
        "POST /v1/listen?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {length}\r\n{more}\r\n"
    )
}

fn read(mut stream: TcpStream) -> Answer {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text}"));
    let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}"));
    Answer { status: head[9..12].parse().unwrap(), head: head.to_ascii_lowercase(), body }
}

/// Sends a file to the server at an address.
fn send(address: &str, file: &[u8], query: &str, more: &str) -> Answer {
    let mut stream = connect(address);
    stream.write_all(head(query, file.len(), more).as_bytes()).unwrap();
    // A refused client may not be able to send all.
    let _ = stream.write_all(file);
    read(stream)
}

pub(crate) fn transcribe(host: &Host, file: &[u8], query: &str) -> Answer {
    send(host.address(), file, query, "")
}

/// The transcript of a channel.
pub(crate) fn transcript(answer: &Answer, channel: usize) -> &str {
    let alternative = &answer.body["results"]["channels"][channel]["alternatives"][0];
    alternative["transcript"].as_str().unwrap_or_else(|| panic!("{answer:?}"))
}

#[test]
fn the_response_has_deepgrams_form() {
    let host = tone().start();
    let audio = noise(1, 40_000);
    let answer = transcribe(&host, &wav_file(&audio, 1), "model=nova-3&smart_format=true&utterances=true&tag=a");
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = tone_segments(&audio, 16_000).join(" ");
    let metadata = &answer.body["metadata"];
    assert_eq!((&metadata["duration"], &metadata["channels"]), (&json!(2.5), &json!(1)));
    assert_eq!(metadata["models"], json!(["english"]));
    assert_eq!(metadata["model_info"], json!({"english": {"name": "english", "version": "", "arch": "tone"}}));
    let id = metadata["request_id"].as_str().unwrap();
    assert!(answer.head.contains(&format!("dg-request-id: {id}")), "{answer:?}");
    assert_eq!((id.len(), metadata["sha256"].as_str().unwrap().len()), (36, 64));
    let ignored: Vec<_> = metadata["warnings"].as_array().unwrap().iter().map(|one| &one["parameter"]).collect();
    assert_eq!(ignored, ["smart_format", "tag"]);
    assert_eq!(transcript(&answer, 0), text);
    let utterances = answer.body["results"]["utterances"].as_array().unwrap();
    let told: Vec<_> = utterances.iter().map(|one| one["transcript"].as_str().unwrap()).collect();
    assert_eq!(told.join(" "), text, "without times of words a segment is an utterance");
    assert_eq!((&utterances[1]["start"], &utterances[1]["channel"]), (&json!(1.0), &json!(0)));
    let ignored = "auricle_ignored_parameters_total{dialect=\"deepgram\",parameter=\"smart_format\"} 1";
    assert!(host.get("/metrics").1.contains(ignored));
    // Of a file that was cut off, what is missing is told.
    let cut = transcribe(&host, &wav_file(&audio, 1)[..64_044], "");
    assert_eq!(transcript(&cut, 0), tone_segments(&audio[..32_000], 16_000).join(" "));
    let warning = cut.body["metadata"]["warnings"][0]["message"].as_str().unwrap().to_owned();
    assert!(warning.contains("0.50 s of audio are missing"), "{warning}");
    assert!(cut.body["results"].get("utterances").is_none());
}

#[test]
fn samples_and_every_readable_kind_of_file_are_heard() {
    let host = tone().start();
    let audio = noise(2, 40_000);
    let raw = transcribe(&host, &bytes(&audio), "encoding=linear16&sample_rate=16000");
    assert_eq!(words(transcript(&raw, 0)), said(&audio));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/audio/src/file/testdata");
    for name in ["tone.mp3", "tone.aac", "tone.m4a", "tone.opus", "tone.flac", "tone.ogg", "tone.webm"] {
        let answer = transcribe(&host, &fs::read(folder.join(name)).unwrap(), "");
        assert!(
            answer.status == 200 && answer.body["metadata"]["duration"].as_f64().unwrap() > 0.1,
            "{name}: {answer:?}"
        );
    }
}

#[test]
fn channels_have_a_transcript_each_if_that_is_asked_for() {
    let host = tone().start();
    let (left, right) = (noise(3, 40_000), noise(4, 40_000));
    let both = interleaved(&[&left, &right]);
    let answer = transcribe(&host, &wav_file(&both, 2), "multichannel=true&utterances=true");
    assert_eq!(answer.status, 200, "{answer:?}");
    for (channel, audio) in [&left, &right].into_iter().enumerate() {
        assert_eq!(words(transcript(&answer, channel)), said(audio), "{channel}");
    }
    assert_eq!(answer.body["metadata"]["channels"], 2);
    let utterances = answer.body["results"]["utterances"].as_array().unwrap();
    let order: Vec<_> = utterances.iter().map(|one| (one["start"].as_f64().unwrap(), one["channel"].clone())).collect();
    assert!(order.is_sorted_by(|one, other| one.0 <= other.0), "{order:?}");
    assert!([json!(0), json!(1)].iter().all(|channel| order.iter().any(|(_, of)| of == channel)), "{order:?}");
    // Mixed otherwise.
    let mixed = transcribe(&host, &wav_file(&interleaved(&[&left, &left]), 2), "");
    assert_eq!(words(transcript(&mixed, 0)), said(&left));
    assert_eq!(
        (&mixed.body["metadata"]["channels"], mixed.body["results"]["channels"][1].clone()),
        (&json!(2), json!(null))
    );
    let many = transcribe(&host, &wav_file(&noise(5, 16_000), 10), "multichannel=true");
    assert_eq!((many.status, &many.body["err_code"]), (400, &json!("Bad Request")), "{many:?}");
    assert!(many.body["err_msg"].as_str().unwrap().contains("10 channels"), "{many:?}");
}

#[test]
fn each_channel_counts_against_the_limits() {
    let host = tone().settings(&format!("{MODELS}[limits]\nmax_streams = 2\n")).start();
    let file = |channels: u16| wav_file(&noise(6, 16_000 * usize::from(channels)), channels);
    let refused = transcribe(&host, &file(3), "multichannel=true");
    assert_eq!((refused.status, &refused.body["err_code"]), (503, &json!("TOO_MANY_REQUESTS")), "{refused:?}");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert_eq!(transcribe(&host, &file(2), "multichannel=true").status, 200);
    assert_eq!(transcribe(&host, &file(3), "").status, 200);
}

#[test]
fn what_cannot_be_done_is_refused_in_deepgrams_form() {
    let limits = "[limits]\nmax_upload_bytes = 200000\nmax_upload_seconds = 3.0\n";
    let host = tone().settings(&format!("{MODELS}{limits}")).start();
    let file = wav_file(&noise(7, 16_000), 1);
    let is = |answer: Answer, status: u16, code: &str, text: &str| {
        assert_eq!((answer.status, &answer.body["err_code"]), (status, &json!(code)), "{answer:?}");
        let message = answer.body["err_msg"].as_str().unwrap();
        assert!(message.contains(text) && answer.body["request_id"].as_str().unwrap().len() == 36, "{answer:?}");
        let header = |name: &str| answer.head.lines().any(|line| line.starts_with(name));
        assert!(header("dg-error: ") && header("dg-request-id: "), "{answer:?}");
    };
    for (query, text) in [
        ("model=absent", "there is no model `absent`"),
        ("diarize=true", "`diarize` is not supported"),
        ("callback=http://x", "`callback` is not supported"),
        ("keyterm=one", "a preset that opens `keyterms`"),
        ("encoding=linear16", "`sample_rate` is required"),
        ("utt_split=x", "`utt_split` is `x`"),
    ] {
        is(transcribe(&host, &file, query), 400, "INVALID_QUERY_PARAMETER", text);
    }
    is(
        transcribe(&host, b"no audio at all", ""),
        400,
        "Bad Request",
        "failed to process audio: not a recognized audio file",
    );
    for query in ["", "encoding=linear16&sample_rate=16000"] {
        is(transcribe(&host, b"", query), 400, "Bad Request", "failed to process audio: the body is empty");
    }
    for samples in [49_000, 120_000] {
        is(transcribe(&host, &wav_file(&noise(8, samples), 1), ""), 413, "PAYLOAD_TOO_LARGE", "limits.max_upload");
    }
    let url = br#"{"url": "https://example.com/speech.wav"}"#;
    let mut stream = connect(host.address());
    let head = head("", url.len(), "").replace("application/octet-stream", "application/json; charset=utf-8");
    stream.write_all(&[head.as_bytes(), url].concat()).unwrap();
    is(read(stream), 400, "INVALID_QUERY_PARAMETER", "does not fetch recordings");
    let refused = "auricle_refusals_total{reason=\"unknown_preset\"} 1";
    assert!(host.get("/metrics").1.contains(refused));
}

/// An engine that needs minutes for these files.
fn slow() -> Setup {
    let slow = json!({"backend": "faulty", "fault": "sleep", "seconds": 0.2, "times": 100_000, "segment_chunks": 1});
    Setup::new().plugin(&library("faulty")).preset("slow", &slow)
}

fn streams(host: &Host) -> usize {
    host.json("/v1/streams")["streams"].as_array().unwrap().len()
}

fn begin(host: &Host, file: &[u8], query: &str) -> TcpStream {
    let mut stream = connect(host.address());
    stream.write_all(head(query, file.len(), "").as_bytes()).unwrap();
    stream.write_all(file).unwrap();
    stream
}

#[test]
fn a_client_that_goes_away_ends_its_work_on_all_channels() {
    let host = slow().start();
    let file = wav_file(&noise(9, 4_000_000), 2);
    let waiting = begin(&host, &file, "multichannel=true");
    host.wait_for("both channels", || host.json("/v1/streams")["streams"][0]["channels"] == 2);
    waiting.shutdown(Shutdown::Both).unwrap();
    host.wait_for("the end of the streams", || streams(&host) == 0);
}

#[test]
fn a_recording_in_work_when_the_server_stops_is_refused_for_another_try() {
    let host = slow().settings("[timeouts]\ndrain_seconds = 0.2").start();
    let waiting = begin(&host, &wav_file(&noise(9, 4_000_000), 1), "");
    host.wait_for("the stream", || streams(&host) == 1);
    host.signal("TERM");
    let answer = read(waiting);
    assert_eq!((answer.status, &answer.body["err_code"]), (503, &json!("SERVICE_UNAVAILABLE")), "{answer:?}");
}

#[test]
fn a_listener_of_its_own_has_both_doors() {
    let listeners = "[[listeners]]\naddress = \"127.0.0.1:0\"\n[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"deepgram\"]\n\
                     [[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = [\"native\"]\n";
    let host = tone().settings(&format!("{MODELS}{listeners}")).start();
    let audio = noise(10, 16_000);
    let answer = send(&host.listener(1), &wav_file(&audio, 1), "", "");
    assert_eq!(words(transcript(&answer, 0)), said(&audio));
    let (socket, _) = tungstenite::connect(format!("ws://{}/v1/listen", host.listener(1))).unwrap();
    drop(socket);
    let mut stream = connect(&host.listener(2));
    stream.write_all(head("", 0, "").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 404"), "{text}");
}

#[test]
fn a_key_is_read_as_deepgrams_clients_send_it() {
    let setup = tone().settings(&format!("keys = \"keys.toml\"\n{MODELS}"));
    let keys = setup.path("configs/keys.toml");
    let made = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let host = setup.start();
    let file = wav_file(&noise(11, 16_000), 1);
    for scheme in ["Token", "Bearer"] {
        let answer = send(host.address(), &file, "", &format!("Authorization: {scheme} {key}\r\n"));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for header in ["", "Authorization: Token x\r\n"] {
        let answer = send(host.address(), &file, "", header);
        assert_eq!((answer.status, &answer.body["err_code"]), (401, &json!("INVALID_AUTH")), "{answer:?}");
    }
}

/// What a published client is told about a file.
fn published(program: &str, host: &Host, key: &str, file: &Path, options: &Value) -> Option<Value> {
    let options = options.to_string();
    let args = [host.address(), key, file.to_str().unwrap(), &options];
    let ran = if program.ends_with(".py") { CLIENTS.python(program, &args) } else { CLIENTS.node(program, &args) };
    Some(serde_json::from_str(printed(ran?).trim()).unwrap())
}

#[test]
fn the_published_clients_get_the_words_of_the_native_protocol() {
    let (host, key) = with_key();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words_by(&host, &format!("?key={key}"), &audio);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    // The second channel begins a second later.
    let late = [vec![0; 16_000], audio.clone()].concat();
    let stereo = host.path("stereo.wav");
    fs::write(&stereo, wav_file(&interleaved(&[&audio, &late]), 2)).unwrap();
    let native_late = native_words_by(&host, &format!("?key={key}"), &late);
    for program in ["recording.py", "recording.mjs"] {
        let asked = json!({"model": "nova-3", "language": "en", "smart_format": true, "utterances": true});
        let Some(told) = published(program, &host, &key, &fixture("digits.wav"), &asked) else { continue };
        let channel = |told: &Value, n: usize| told["results"]["channels"][n]["alternatives"][0].clone();
        assert_same(&timed_words(&channel(&told, 0)["words"]), &native, 0.001);
        assert_eq!(words(channel(&told, 0)["transcript"].as_str().unwrap()), spoken, "{program}");
        let utterances = told["results"]["utterances"].as_array().unwrap();
        let told_words: Vec<_> = utterances.iter().flat_map(|one| words(one["transcript"].as_str().unwrap())).collect();
        assert_eq!(told_words, spoken, "{program}: {utterances:?}");
        let asked = json!({"model": "nova-3", "multichannel": true});
        let told = published(program, &host, &key, &stereo, &asked).unwrap();
        assert_same(&timed_words(&channel(&told, 0)["words"]), &native, 0.001);
        assert_same(&timed_words(&channel(&told, 1)["words"]), &native_late, 0.001);
        for (key, options, status, code) in [
            ("unknown", json!({"model": "nova-3"}), 401, "INVALID_AUTH"),
            (&key, json!({"model": "absent"}), 400, "INVALID_QUERY_PARAMETER"),
            (&key, json!({"model": "nova-3", "redact": "pci"}), 400, "INVALID_QUERY_PARAMETER"),
            (&key, json!({"model": "nova-3", "language": "de"}), 400, "INVALID_QUERY_PARAMETER"),
            (&key, json!({"url": "https://example.com/speech.wav"}), 400, "INVALID_QUERY_PARAMETER"),
        ] {
            let refused = published(program, &host, key, &fixture("digits.wav"), &options).unwrap();
            let told = (refused["status"].as_u64(), refused["error"]["err_code"].as_str());
            assert_eq!(told, (Some(status), Some(code)), "{program} {options}: {refused}");
        }
    }
}
