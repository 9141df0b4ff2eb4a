//! Sessions against a server that follows a script. No test depends on timing.

use super::*;
use crate::failure::Failure;
use auricle_audio::file::Options;
use auricle_core::AudioFormat;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::{
    future::Future,
    io::{Cursor, Read},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

type Socket = WebSocketStream<TcpStream>;

/// Records everything. Fails at message number `full_at`.
#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    known: usize,
    notices: Vec<String>,
    sent: f64,
    full_at: Option<usize>,
}

impl Observer for Seen {
    fn message(&mut self, line: &str, event: Option<&Event>) -> io::Result<()> {
        if self.full_at == Some(self.lines.len()) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.lines.push(line.to_owned());
        self.known += usize::from(event.is_some());
        Ok(())
    }

    fn sent(&mut self, seconds: f64) -> io::Result<()> {
        self.sent = seconds;
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        self.notices.push(text.to_owned());
        Ok(())
    }
}

fn ready() -> Value {
    json!({
        "seq": 0, "type": "ready", "stream": "s", "epoch": 0, "preset": "p", "backend": "b", "separator": " ",
        "sample_rate": 16000, "chunk_seconds": 0.1, "languages": [], "capabilities": [],
        "audio": { "format": "s16le", "sample_rate": 16000, "channels": 1 },
    })
}

async fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// Receives the next text message; returns it with the number of audio bytes before it.
async fn receive(socket: &mut Socket) -> (Value, usize) {
    let mut bytes = 0;
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(audio) => bytes += audio.len(),
            Message::Text(line) => return (serde_json::from_str(&line).unwrap(), bytes),
            other => panic!("{other:?}"),
        }
    }
}

async fn close(mut socket: Socket, code: u16, reason: &str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
    socket.close(Some(frame)).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

/// Serves one connection by the script. Returns a session for its address.
async fn serve<F: Future<Output = ()> + Send + 'static>(
    script: impl FnOnce(Socket) -> F + Send + 'static,
) -> (Session, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let session = session(listener.local_addr().unwrap().port());
    let served = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        script(accept_async(socket).await.unwrap()).await;
    });
    (session, served)
}

fn session(port: u16) -> Session {
    let options = json!({ "language": "de" }).as_object().cloned().unwrap();
    Session {
        server: Server::at(format!("127.0.0.1:{port}").parse().unwrap()),
        preset: "p".to_owned(),
        options,
        multichannel: false,
        pace: Pace::File,
        reconnect: Duration::ZERO,
    }
}

async fn source(reader: impl Read + Send + Sync + 'static) -> Source {
    Source::read("x", reader, Options { raw: Some(AudioFormat::default()), ..Options::default() }).await.unwrap()
}

/// A quarter of a second.
async fn short() -> Source {
    source(Cursor::new(vec![0; 8_000])).await
}

async fn run(session: &Session, seen: &mut Seen) -> Report {
    let (_keep, mut interrupts) = mpsc::channel(1);
    session.run(short().await, seen, &mut interrupts).await
}

#[tokio::test]
async fn what_is_left_out_is_told_at_once_and_at_the_end() {
    let (session, served) = serve(|mut socket| async move {
        receive(&mut socket).await;
        send(&mut socket, ready()).await;
        assert_eq!(receive(&mut socket).await, (json!({ "type": "finish" }), 8));
        send(&mut socket, json!({ "seq": 1, "type": "done", "seconds": 0.0 })).await;
        close(socket, 1000, "").await;
    })
    .await;
    // The header announces one second of audio.
    let header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\x7d\0\0";
    let file = Cursor::new([header.as_slice(), &[0; 8]].concat());
    let source = Source::read("x", file, Options::default()).await.unwrap();
    let (mut seen, (_keep, mut interrupts)) = (Seen::default(), mpsc::channel(1));
    let Report { end, summary } = session.run(source, &mut seen, &mut interrupts).await;
    served.await.unwrap();
    assert_eq!(seen.notices, ["x: 1.00 s of audio are missing: the file is cut off or damaged"]);
    assert!(matches!(end, Err(End::Damaged { parts: 1 })) && summary.damaged == 1, "{end:?}");
}

#[tokio::test]
async fn channels_in_opposite_phase_are_a_warning_and_no_failure() {
    let (session, served) = serve(|mut socket| async move {
        receive(&mut socket).await;
        send(&mut socket, ready()).await;
        assert_eq!(receive(&mut socket).await, (json!({ "type": "finish" }), 32_000));
        send(&mut socket, json!({ "seq": 1, "type": "done", "seconds": 0.5 })).await;
        close(socket, 1000, "").await;
    })
    .await;
    let raw = Some(AudioFormat { channels: 2, ..AudioFormat::default() });
    let samples: Vec<u8> = (0..8_000_i16).flat_map(|n| [n, -n]).flat_map(i16::to_le_bytes).collect();
    let source = Source::read("x", Cursor::new(samples), Options { raw, ..Options::default() }).await.unwrap();
    let (mut seen, (_keep, mut interrupts)) = (Seen::default(), mpsc::channel(1));
    let Report { end, summary } = session.run(source, &mut seen, &mut interrupts).await;
    served.await.unwrap();
    assert!(
        matches!(seen.notices.as_slice(), [line] if line.starts_with("x: warning: ") && line.contains("--channel N"))
    );
    assert!(end.is_ok() && summary.damaged == 0, "{end:?}");
}

#[tokio::test]
async fn a_stream_goes_from_start_to_done() {
    let (session, served) = serve(|mut socket| async move {
        let start = json!({
            "type": "start", "preset": "p", "options": { "language": "de" },
            "format": "s16le", "sample_rate": 16000, "channels": 1, "pace": "file",
        });
        assert_eq!(receive(&mut socket).await, (start, 0));
        send(&mut socket, ready()).await;
        send(&mut socket, json!({ "seq": 1, "type": "unheard_of" })).await;
        send(&mut socket, json!({ "seq": 2, "type": "partial", "start": 0.0, "end": 0.1, "text": "go" })).await;
        assert_eq!(receive(&mut socket).await, (json!({ "type": "finish" }), 8_000));
        send(&mut socket, json!({ "seq": 3, "type": "segment", "start": 0.0, "end": 0.2, "text": "go on" })).await;
        send(&mut socket, json!({ "seq": 4, "type": "done", "seconds": 0.25 })).await;
        close(socket, 1000, "").await;
    })
    .await;
    let mut seen = Seen::default();
    let Report { end, summary } = run(&session, &mut seen).await;
    end.unwrap();
    served.await.unwrap();
    assert_eq!((seen.lines.len(), seen.known, seen.sent), (5, 4, 0.25));
    assert_eq!((summary.audio_seconds, summary.segments, summary.partials), (0.25, 1, 1));
    assert!(summary.ready_ms.is_some() && summary.last_segment_ms.is_some() && summary.done_ms.is_some());
    assert!(summary.first_partial_audio_ms.unwrap() <= 250.0);
}

#[tokio::test]
async fn the_reason_of_the_server_is_told() {
    for code in ["unknown_preset", "a_code_of_tomorrow"] {
        let (session, _) = serve(move |mut socket| async move {
            receive(&mut socket).await;
            send(&mut socket, json!({ "seq": 0, "type": "error", "code": code, "message": "no such thing" })).await;
            close(socket, 4404, code).await;
        })
        .await;
        let end = run(&session, &mut Seen::default()).await.end.unwrap_err();
        assert_eq!(end.to_string(), format!("the server ended the stream: no such thing ({code})"));
    }
}

#[tokio::test]
async fn a_lost_connection_is_not_done() {
    let (session, _) = serve(|mut socket| async move {
        receive(&mut socket).await;
    })
    .await;
    assert!(matches!(run(&session, &mut Seen::default()).await.end, Err(End::Stream(Failure::Lost(_)))));
    let (session, _) = serve(|socket| close(socket, 1001, "restarting")).await;
    let end = run(&session, &mut Seen::default()).await.end.unwrap_err();
    assert_eq!(end.to_string(), "the connection was lost: closed by the server with code 1001: restarting");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            socket.read_buf(&mut request).await.unwrap();
        }
        socket.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\n\nfull up").await.unwrap();
    });
    let end = run(&session(port), &mut Seen::default()).await.end.unwrap_err();
    let url = format!("ws://127.0.0.1:{port}/v1/stream");
    assert_eq!(end.to_string(), format!("{url} refused the stream: 503 Service Unavailable: full up"));
    server.await.unwrap();
    // Now nobody listens there.
    let end = run(&session(port), &mut Seen::default()).await.end.unwrap_err();
    assert!(matches!(end, End::Stream(Failure::Connect { .. })), "{end}");
}

#[tokio::test]
async fn an_output_that_cannot_be_written_ends_it() {
    let (session, _) = serve(|mut socket| async move {
        receive(&mut socket).await;
        send(&mut socket, ready()).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let mut seen = Seen { full_at: Some(0), ..Seen::default() };
    let end = run(&session, &mut seen).await.end.unwrap_err();
    assert!(matches!(&end, End::Output(error) if error.kind() == io::ErrorKind::BrokenPipe), "{end}");
}

#[tokio::test]
async fn audio_that_breaks_off_is_still_transcribed() {
    struct Unplugged;
    impl Read for Unplugged {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let (session, served) = serve(|mut socket| async move {
        receive(&mut socket).await;
        send(&mut socket, ready()).await;
        assert_eq!(receive(&mut socket).await, (json!({ "type": "finish" }), 8_000));
        send(&mut socket, json!({ "seq": 1, "type": "done", "seconds": 0.25 })).await;
        close(socket, 1000, "").await;
    })
    .await;
    let source = source(Read::chain(Cursor::new(vec![0; 8_000]), Unplugged)).await;
    let (_keep, mut interrupts) = mpsc::channel(1);
    let end = session.run(source, &mut Seen::default(), &mut interrupts).await.end.unwrap_err();
    assert!(matches!(end, End::Source(_)), "{end}");
    served.await.unwrap();
}

/// A quarter of a second of audio; then the reader blocks while the sender exists.
async fn endless() -> (Source, std::sync::mpsc::Sender<()>) {
    struct Waiting(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);
    impl Read for Waiting {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let _ = self.0.get_mut().unwrap().recv();
            Ok(0)
        }
    }
    let (keep, waiting) = std::sync::mpsc::channel();
    let reader = Read::chain(Cursor::new(vec![0; 8_000]), Waiting(waiting.into()));
    (source(reader).await, keep)
}

#[tokio::test]
async fn an_interrupt_ends_the_audio_and_the_next_the_stream() {
    for twice in [false, true] {
        let (interrupt, mut interrupts) = mpsc::channel(1);
        let (session, served) = serve(move |mut socket| async move {
            receive(&mut socket).await;
            send(&mut socket, ready()).await;
            // As soon as audio arrives.
            assert!(socket.next().await.unwrap().unwrap().is_binary());
            interrupt.send(()).await.unwrap();
            assert_eq!(receive(&mut socket).await.0, json!({ "type": "finish" }));
            if twice {
                interrupt.send(()).await.unwrap();
                while let Some(Ok(_)) = socket.next().await {}
                return;
            }
            send(&mut socket, json!({ "seq": 1, "type": "segment", "start": 0.0, "end": 0.1, "text": "last" })).await;
            send(&mut socket, json!({ "seq": 2, "type": "done", "seconds": 0.25 })).await;
            close(socket, 1000, "").await;
        })
        .await;
        let (source, _keep) = endless().await;
        let mut seen = Seen::default();
        let Report { end, summary } = session.run(source, &mut seen, &mut interrupts).await;
        assert_eq!(seen.notices.len(), 1);
        if twice {
            assert!(matches!(end, Err(End::Interrupted)));
        } else {
            end.unwrap();
            assert_eq!(summary.segments, 1);
        }
        served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn live_audio_is_sent_when_it_would_have_been_spoken() {
    let stop = Notify::new();
    let (sender, mut progress) = mpsc::channel(16);
    let feed = Feed { live: true, stop: &stop, progress: sender };
    let began = Instant::now();
    let mut sent = Vec::new();
    // The second piece takes 150 ms to send; the third is late, the fourth in time again.
    let send = async |_| {
        sent.push(began.elapsed().as_millis());
        if sent.len() == 2 {
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        true
    };
    let mut source = source(Cursor::new(vec![0; 3_200 * 5 - 320])).await;
    assert!(feed.run(&mut source, send).await.is_none());
    assert_eq!(sent, [100, 200, 350, 400, 490]);
    let mut seconds = Vec::new();
    while let Some(step) = progress.recv().await {
        if let Progress::Sending(sent) = step {
            seconds.push(sent);
        }
    }
    assert_eq!(seconds, [0.1, 0.2, 0.3, 0.4, 0.49]);
    assert!(source.next().await.is_none());
}
