//! Streams through a relay, whose server is killed and started again in its place.

use auricle_client::{AudioFormat, Event, Pace, Server, Settings, Stream};
use auricle_tests::{Host, Relay, Setup, TimedWord, bytes, stored_point, timed};
use std::{fs, sync::Arc};
use tokio::task::{JoinHandle, block_in_place};

/// The rate of the models.
const RATE: u64 = 16_000;

/// What a stream has said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) texts: Vec<String>,
    pub(crate) words: Vec<TimedWord>,
    /// Where the stream went on after a restart, and whether exactly.
    pub(crate) resumed: Vec<(f64, bool)>,
}

impl Heard {
    fn take(&mut self, event: Event) {
        match event {
            Event::Segment(text) => {
                self.words.extend(match text.words.is_empty() {
                    true => timed(&text.text, text.start, text.end),
                    false => text.words.iter().flat_map(|word| timed(&word.text, word.start, word.end)).collect(),
                });
                self.texts.push(text.text);
            }
            Event::Resumed { start, is_exact, .. } => self.resumed.push((start, is_exact)),
            Event::Gap { start, end } => panic!("a gap from {start} to {end}"),
            _ => {}
        }
    }
}

/// A stream through a relay, and its reader.
pub(crate) struct Listener {
    pub(crate) stream: Arc<Stream>,
    reading: JoinHandle<Heard>,
    pub(crate) relay: Relay,
}

impl Listener {
    pub(crate) async fn open(host: &Host, preset: &str, rate: u32) -> Self {
        let relay = Relay::new(host.address());
        let audio = AudioFormat { sample_rate: rate, ..AudioFormat::default() };
        let server = Server::at(relay.address().parse().unwrap());
        let settings = Settings { audio, pace: Pace::File, ..Settings::new(server, preset) };
        let stream = Arc::new(Stream::open(settings).await.unwrap());
        let source = Arc::clone(&stream);
        let reading = tokio::spawn(async move {
            let mut heard = Heard::default();
            while let Some(event) = source.next().await {
                heard.take(event.unwrap());
            }
            heard
        });
        Self { stream, reading, relay }
    }

    pub(crate) async fn end(self) -> Heard {
        self.stream.finish();
        self.reading.await.unwrap()
    }
}

/// Kills a server with its workers, and starts another in its place.
pub(crate) fn restart(host: Host, listener: &Listener) -> Host {
    host.signal_all("KILL");
    let host = host.again();
    listener.relay.move_to(host.address());
    host
}

/// Waits until the server has stored a point behind this one.
pub(crate) fn wait_for_point(host: &Host, sample: Option<u64>) {
    host.wait_for("a stored point", || stored_point(host) > sample);
}

/// A recording through a server that lives.
pub(crate) async fn uncut(setup: &Setup, preset: &str, recording: &(u32, Vec<i16>)) -> Heard {
    let host = setup.clone().start();
    let listener = Listener::open(&host, preset, recording.0).await;
    listener.stream.send(bytes(&recording.1)).unwrap();
    listener.end().await
}

/// A recording through a server that is killed so often: at once after a start, when the stream is there again, or when it has another
/// point, which it has so many seconds `later` at most. `round` chooses the places.
pub(crate) async fn killed(
    setup: &Setup,
    preset: &str,
    recording: &(u32, Vec<i16>),
    kills: usize,
    round: u64,
    later: u64,
) -> Heard {
    let (rate, samples) = recording;
    // The uncut stream's.
    let _ = fs::remove_dir_all(setup.path("resume"));
    let mut host = setup.clone().start();
    let listener = Listener::open(&host, preset, *rate).await;
    let mut random = fastrand::Rng::with_seed(round);
    let mut sent = 0;
    for kill in 0..kills {
        let to = (kill + 1) * samples.len() / (kills + 1) - random.usize(0..samples.len() / (kills + 1));
        if to > sent {
            listener.stream.send(bytes(&samples[sent..to])).unwrap();
            sent = to;
        }
        host = block_in_place(|| {
            let before = stored_point(&host);
            if kill % 3 > 0 {
                host.wait_for("the stream", || !host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
            }
            let heard = sent as u64 * RATE / u64::from(*rate);
            if kill % 3 == 2 && before.is_none_or(|sample| sample + later * RATE < heard) {
                wait_for_point(&host, before);
            }
            restart(host, &listener)
        });
    }
    listener.stream.send(bytes(&samples[sent..])).unwrap();
    listener.end().await
}
