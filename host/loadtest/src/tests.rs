//! Streams against servers that follow a script in each protocol, over in-memory pipes and with a paused clock: delays
//! are exactly those of the script, to a millisecond.

use super::*;
use auricle_core::Encoding;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

/// Number of frames in a stream, and of frames per word.
const FRAMES: usize = 20;
const PERIOD: usize = 4;
const WORDS: [&str; 6] = ["zero", "one", "two", "three", "four", "five"];

/// Behaviour of a server, besides recognition.
#[derive(Clone, Copy)]
struct Script {
    protocol: Protocol,
    /// Delay of the texts on the n-th connection. The first two connections are the warm-up and the reference stream.
    late: fn(usize) -> Duration,
    /// Duration of the n-th handshake.
    handshake: fn(usize) -> Duration,
    /// Maximum number of concurrent streams.
    room: usize,
    /// Number of frames after which the n-th connection fails.
    breaks: fn(usize) -> usize,
    /// The word sent instead of `three` on the n-th connection.
    three: fn(usize) -> &'static str,
    /// Whether every second partial is omitted.
    skips: fn(usize) -> bool,
}

impl Script {
    fn new(protocol: Protocol) -> Self {
        let late = |_| Duration::from_millis(7);
        let handshake = |_| Duration::ZERO;
        Self { protocol, late, handshake, room: 100, breaks: |_| usize::MAX, three: |_| "three", skips: |_| false }
    }
}

/// Opens connections to a server that follows this script.
#[derive(Clone)]
struct Pipes {
    script: Script,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Transport for Pipes {
    type Io = DuplexStream;

    async fn connect(&self) -> Result<WebSocketStream<DuplexStream>, Failure> {
        let number = self.connections.fetch_add(1, Relaxed);
        tokio::time::sleep((self.script.handshake)(number)).await;
        let takes = self.open.load(Relaxed) < self.script.room;
        if self.script.protocol == Protocol::SherpaOnnx && !takes {
            let (url, status) = ("ws://x".to_owned(), "503 Service Unavailable".to_owned());
            return Err(Failure::Refused { url, status, line: String::new() });
        }
        let (near, far) = duplex(1 << 20);
        let (script, open) = (self.script, Arc::clone(&self.open));
        open.fetch_add(1, Relaxed);
        tokio::spawn(async move {
            let socket = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
            Server { socket, script, number }.serve(takes).await;
            open.fetch_sub(1, Relaxed);
        });
        Ok(WebSocketStream::from_raw_socket(near, Role::Client, None).await)
    }
}

/// The server's side of a connection.
struct Server {
    socket: WebSocketStream<DuplexStream>,
    script: Script,
    number: usize,
}

impl Server {
    async fn send(&mut self, message: Value) {
        // The client may be gone.
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }

    async fn close(&mut self, code: u16) {
        let _ = self.socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: "".into() })).await;
    }

    async fn serve(mut self, takes: bool) {
        let protocol = self.script.protocol;
        let mut id = String::new();
        if protocol == Protocol::WhisperLiveKit {
            let first = if takes {
                json!({"type": "config", "useAudioWorklet": true})
            } else {
                json!({"type": "error", "error": "full"})
            };
            self.send(first).await;
        } else if protocol != Protocol::SherpaOnnx {
            let Some(Ok(Message::Text(hello))) = self.socket.next().await else { panic!("no hello") };
            let hello: Value = serde_json::from_str(&hello).unwrap();
            match protocol {
                Protocol::Auricle if takes => {
                    assert_eq!(
                        (&hello["type"], &hello["preset"], &hello["pace"]),
                        (&json!("start"), &json!("p"), &json!("live"))
                    );
                    let ready = json!({
                        "seq": 0, "type": "ready", "stream": "s", "epoch": 0, "preset": "p", "backend": "b", "separator": " ",
                        "sample_rate": 16000, "chunk_seconds": 0.1, "languages": [], "capabilities": [],
                        "audio": { "format": "s16le", "sample_rate": 16000, "channels": 1 },
                    });
                    self.send(ready).await;
                }
                Protocol::Auricle => {
                    self.send(json!({"seq": 0, "type": "error", "code": "overloaded", "message": "try later"})).await;
                    return self.close(4430).await;
                }
                Protocol::Vosk => assert_eq!(hello, json!({"config": {"sample_rate": 16000}})),
                _ => {
                    id = hello["uid"].as_str().unwrap().to_owned();
                    let status = if takes {
                        json!({"uid": id, "message": "SERVER_READY", "backend": "faster_whisper"})
                    } else {
                        json!({"uid": id, "status": "WAIT", "message": 1.5})
                    };
                    self.send(status).await;
                }
            }
        }
        let (mut frames, mut spoken) = (0, Vec::new());
        while let Some(Ok(message)) = self.socket.next().await {
            match message {
                Message::Binary(bytes) if bytes.is_empty() || &bytes[..] == b"END_OF_AUDIO" => break,
                Message::Binary(bytes) => {
                    let sample = if protocol.encoding() == Encoding::F32le { 4 } else { 2 };
                    assert_eq!(bytes.len(), 1_600 * sample, "100 ms of 16 kHz");
                    frames += 1;
                    if frames > (self.script.breaks)(self.number) {
                        return;
                    }
                    if frames % PERIOD == 0 {
                        let word = WORDS[frames / PERIOD];
                        spoken.push(if word == "three" { (self.script.three)(self.number) } else { word });
                    }
                    let skipped = (self.script.skips)(self.number) && spoken.len() % 2 == 1;
                    if frames % PERIOD == 0 && !skipped {
                        tokio::time::sleep((self.script.late)(self.number)).await;
                        self.partial(&id, &spoken).await;
                    } else if protocol == Protocol::Vosk {
                        self.partial(&id, &spoken).await;
                    }
                }
                Message::Text(end) => {
                    let expected = match protocol {
                        Protocol::Auricle => r#"{"type":"finish"}"#,
                        Protocol::SherpaOnnx => "Done",
                        Protocol::Vosk => r#"{"eof" : 1}"#,
                        Protocol::WhisperLive | Protocol::WhisperLiveKit => panic!("text at the end"),
                    };
                    assert_eq!(end.as_str(), expected);
                    break;
                }
                _ => return,
            }
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
        self.end(&id, &spoken).await;
    }

    async fn partial(&mut self, id: &str, words: &[&str]) {
        let text = words.join(" ");
        self.send(match self.script.protocol {
            Protocol::Auricle => json!({"seq": 1, "type": "partial", "start": 0.0, "end": 1.0, "text": text}),
            Protocol::SherpaOnnx => json!({"text": text, "segment": 0, "is_final": false}),
            Protocol::Vosk => json!({"partial": text}),
            Protocol::WhisperLive => {
                json!({"uid": id, "segments": [{"start": "0.000", "end": "1.000", "text": text, "completed": false}]})
            }
            Protocol::WhisperLiveKit => json!({"lines": [], "buffer_transcription": text}),
        })
        .await;
    }

    async fn end(&mut self, id: &str, words: &[&str]) {
        let text = words.join(" ");
        match self.script.protocol {
            Protocol::Auricle => {
                self.send(json!({"seq": 2, "type": "segment", "start": 0.0, "end": 2.0, "text": text})).await;
                self.send(json!({"seq": 3, "type": "done", "seconds": 2.0})).await;
            }
            Protocol::SherpaOnnx => {
                self.send(json!({"text": text, "segment": 0, "is_final": true})).await;
                let _ = self.socket.send(Message::text("Done!")).await;
                // Waits for the client to close.
                while let Some(Ok(_)) = self.socket.next().await {}
            }
            Protocol::Vosk => self.send(json!({"text": text})).await,
            Protocol::WhisperLive => {
                self.send(json!({"uid": id, "segments": [{"start": "0.000", "end": "2.000", "text": text, "completed": true}]}))
                    .await;
            }
            Protocol::WhisperLiveKit => {
                self.send(json!({"lines": [{"text": text}], "buffer_transcription": ""})).await;
                self.send(json!({"type": "ready_to_stop"})).await;
            }
        }
        self.close(1000).await;
    }
}

fn load(protocol: Protocol, amount: Amount) -> Load {
    Load {
        server: auricle_client::Server::at("ws://x".parse().unwrap()),
        protocol,
        preset: Some("p".into()),
        resume: false,
        audio: Vec::new(),
        labels: Vec::new(),
        seconds: Duration::from_millis(100 * FRAMES as u64),
        frame: Duration::from_millis(100),
        stagger: Duration::from_secs(1),
        patience: Duration::from_secs(5),
        bound_ms: 500.0,
        tolerance: 0.0,
        pid: None,
        amount,
    }
}

async fn run(script: Script, amount: Amount) -> Result<Report, Problem> {
    let load = load(script.protocol, amount);
    let recording = Recording::of(&[0.25; 100], load.protocol.encoding(), load.frame, load.seconds);
    let pipes = Pipes { script, connections: Arc::default(), open: Arc::default() };
    let bench = Bench { load: &load, way: pipes };
    let known = bench.learn(vec![Arc::new(recording)]).await?;
    Ok(bench.run(&known, |_| {}).await)
}

async fn level(script: Script, streams: usize) -> Level {
    run(script, Amount::Levels(vec![streams])).await.unwrap().levels.remove(0)
}

const ALL: [Protocol; 5] =
    [Protocol::Auricle, Protocol::SherpaOnnx, Protocol::Vosk, Protocol::WhisperLive, Protocol::WhisperLiveKit];

fn near(milliseconds: f64, expected: f64) -> bool {
    // The clock has a resolution of one millisecond.
    (milliseconds - expected).abs() <= 2.0
}

/// Whether a connection comes after the warm-up and the reference stream.
fn later(number: usize) -> bool {
    number >= 2
}

#[tokio::test(start_paused = true)]
async fn each_protocol_is_spoken_and_its_delays_are_known() {
    for protocol in ALL {
        let late = |number| Duration::from_millis(if later(number) { 120 } else { 7 });
        let level = level(Script { late, ..Script::new(protocol) }, 8).await;
        assert!(level.held, "{protocol:?} {level:?}");
        // The last word arrives with the last frame's text, after the end of the audio.
        assert_eq!((level.partial.count, level.end.count), (8 * 4, 8), "{protocol:?} {level:?}");
        let Delays { p50_ms, p95_ms, p99_ms, .. } = level.partial;
        assert!([p50_ms, p95_ms, p99_ms].iter().all(|delay| near(*delay, 120.0)), "{protocol:?} {level:?}");
        assert!(near(level.end.p50_ms, 160.0), "{protocol:?} {level:?}");
        assert_eq!(level.words, Words { expected: 8 * 5, different: 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_passes_texts_over_looks_no_better() {
    let level = level(Script { skips: later, ..Script::new(Protocol::Auricle) }, 4).await;
    // The first and the third word arrive with the next one.
    assert!(near(level.partial.p50_ms, 407.0) || near(level.partial.p50_ms, 7.0), "{level:?}");
    assert_eq!(level.partial.count, 4 * 4);
    assert!(near(level.partial.p95_ms, 407.0), "{level:?}");
    assert!(level.held, "{level:?}");
}

#[tokio::test(start_paused = true)]
async fn a_late_handshake_makes_texts_late() {
    // The audio is due half a second after the client connects; the first word needs 400 ms of it.
    let handshake = |number| Duration::from_millis(if later(number) { 1_300 } else { 0 });
    for protocol in ALL {
        let level = level(Script { handshake, ..Script::new(protocol) }, 2).await;
        assert!(near(level.partial.max_ms, 407.0) && near(level.partial.p50_ms, 14.0), "{level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_words_are_told() {
    let three = |number| if number == 3 { "tree" } else { "three" };
    for protocol in ALL {
        let level = level(Script { three, ..Script::new(protocol) }, 4).await;
        assert_eq!((level.held, level.changed, level.words.different), (false, 1, 1), "{protocol:?}");
        assert_eq!(level.reasons, ["1 of 20 words differ, in 1 stream"]);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_by_reason() {
    for (protocol, reason) in [
        (Protocol::Auricle, "overloaded: try later"),
        (Protocol::SherpaOnnx, "503 Service Unavailable"),
        (Protocol::WhisperLive, "WAIT"),
    ] {
        let level = level(Script { room: 3, ..Script::new(protocol) }, 5).await;
        assert_eq!((level.refused.get(reason), level.refused.len()), (Some(&2), 1), "{level:?}");
        assert_eq!((level.held, level.failed.len(), level.end.count, level.lost), (false, 0, 3, 2), "{level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_off_are_counted() {
    let breaks = |number| if number == 4 { 10 } else { usize::MAX };
    for protocol in ALL {
        let level = level(Script { breaks, ..Script::new(protocol) }, 4).await;
        assert_eq!((level.held, level.failed.values().sum::<usize>(), level.lost), (false, 1, 1), "{level:?}");
        assert_eq!(level.reasons.len(), 1, "{level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_streams_are_found() {
    let ramp = Ramp { from: 4, growth: Growth::Factor(2.0), least: 0, most: 100, precision: 0.0 };
    let report = run(Script { room: 11, ..Script::new(Protocol::Auricle) }, Amount::Most(ramp)).await.unwrap();
    let tried: Vec<_> = report.levels.iter().map(|level| (level.streams, level.held)).collect();
    assert_eq!(tried, [(4, true), (8, true), (16, false), (12, false), (10, true), (11, true)]);
    assert_eq!((report.most_streams, report.conclusion().as_str()), (11, "11 streams were held with p95 <= 500 ms"));
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_alone_does_not_get_is_a_problem() {
    let all = Amount::Levels(vec![1]);
    let refused = run(Script { room: 0, ..Script::new(Protocol::Auricle) }, all.clone()).await.unwrap_err();
    assert_eq!(refused.to_string(), "reference stream: overloaded: try later");
    let broken = run(Script { breaks: |_| 3, ..Script::new(Protocol::Vosk) }, all).await.unwrap_err();
    assert!(broken.to_string().starts_with("reference stream: "), "{broken}");
}
