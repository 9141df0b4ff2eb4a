//! Engine hosts die, fall silent, stop and come back; no word is lost or told twice.

use super::{
    KEY, SAMPLES, address, engine, engine_at, engine_hosts, front, front_of, open_streams, tone, wait_for_engines,
};
use crate::{
    peers::{Ask, Dialect, for_all},
    timed::digits,
};
use auricle_tests::{Client, Host, bytes, fixture, library, noise, tone_segments, wav};
use serde_json::{Value, json};

/// The dialects whose audio comes as it is spoken.
const STREAMING: [Dialect; 12] = [
    Dialect::Native,
    Dialect::Vosk,
    Dialect::Sherpa,
    Dialect::WhisperLive,
    Dialect::WhisperLiveKit,
    Dialect::Deepgram,
    Dialect::AssemblyAi,
    Dialect::Moshi,
    Dialect::Telephone,
    Dialect::Realtime,
    Dialect::Riva,
    Dialect::Wyoming,
];

/// The engine host of a client's stream.
fn home<'a>(engines: &'a [Host], client: &Client) -> &'a Host {
    let id = client.heard[0]["stream"].as_str().unwrap().to_owned();
    engines.iter().find(|engine| open_streams(engine).contains(&id)).unwrap()
}

/// Runs a stream, and does something to its engine host in the middle.
fn survives(engines: &[Host], front: &Host, act: impl FnOnce(&Host)) {
    let audio = noise(3, 5 * SAMPLES);
    let mut client = Client::open(front, "tone", json!({}));
    client.audio_in_frames(&bytes(&audio[..2 * SAMPLES]), 4_000);
    client.until("segment");
    act(home(engines, &client));
    client.audio_in_frames(&bytes(&audio[2 * SAMPLES..]), 4_000);
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    assert!(client.events("gap").is_empty());
    assert_eq!(front.logged(&["continuing with a new processor"]), 1);
}

#[test]
fn a_stream_goes_on_when_its_engine_host_is_killed() {
    let engines = [engine(tone()), engine(tone())];
    let front = front(&[&engines[0], &engines[1]]);
    survives(&engines, &front, |engine| engine.signal("KILL"));
}

#[test]
fn a_stream_leaves_an_engine_host_that_is_silent() {
    let engines = [engine(tone()), engine(tone())];
    let (setup, settings) = front_of(&[address(&engines[0]), address(&engines[1])], KEY);
    let front = setup.settings(&format!("{settings}silence_seconds = 1.0\n")).start();
    wait_for_engines(&front, 2);
    survives(&engines, &front, |engine| engine.signal_all("STOP"));
    front.wait_for_log(&["engine host not available", "it has told nothing for 1 s"], 1);
    engines.iter().for_each(|engine| engine.signal_all("CONT"));
    wait_for_engines(&front, 2);
}

#[test]
fn a_stream_leaves_an_engine_host_that_stops() {
    // Long enough that the test would take too long if streams did not leave by themselves.
    let patient = || engine_at(tone(), "127.0.0.1:0", "[timeouts]\ndrain_seconds = 1000.0\n");
    let mut engines = [patient(), patient()];
    let front = front(&[&engines[0], &engines[1]]);
    survives(&engines, &front, |engine| {
        engine.signal("TERM");
        let is_stopping = |host: &Value| host["reason"] == "it is stopping" || host["connected"] == false;
        front.wait_for("the front to know", || engine_hosts(&front).iter().any(is_stopping));
    });
    let stopped = engines.iter_mut().find(|engine| engine.logged(&["stopping: no new streams"]) > 0).unwrap();
    assert!(stopped.wait().success());
    assert_eq!(front.logged(&["while processing this stream"]), 0);
}

#[test]
fn the_only_engine_host_keeps_its_streams_while_it_stops() {
    let engine = engine(tone());
    let front = front(&[&engine]);
    let audio = noise(8, 2 * SAMPLES);
    let mut client = Client::open(&front, "tone", json!({}));
    client.audio_in_frames(&bytes(&audio[..SAMPLES]), 4_000);
    client.until("segment");
    engine.signal("TERM");
    front.wait_for("the front to know", || engine_hosts(&front)[0]["reason"] == "it is stopping");
    client.audio_in_frames(&bytes(&audio[SAMPLES..]), 4_000);
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    assert_eq!(front.logged(&["continuing with a new processor"]), 0);
}

#[test]
fn streams_wait_for_an_engine_host_to_come_back_and_new_ones_are_refused() {
    let mut engines = [engine(tone()), engine(tone())];
    let addresses = [address(&engines[0]), address(&engines[1])];
    let front = front(&[&engines[0], &engines[1]]);
    let audio = noise(4, 3 * SAMPLES);
    let mut clients: Vec<_> = (0..6).map(|_| Client::open(&front, "tone", json!({}))).collect();
    for client in &mut clients {
        client.audio_in_frames(&bytes(&audio[..SAMPLES]), 4_000);
        client.until("segment");
    }
    for engine in &mut engines {
        engine.signal("KILL");
        engine.wait();
    }
    front.wait_for("the front to notice", || front.get("/readyz").0 == 503);
    assert_eq!(front.get("/readyz").1, "no engine host is connected\n");
    let status = front.json("/v1/status");
    assert_eq!(
        (&status["accepting"], &status["presets"][0]["state"]),
        (&json!(false), &json!("unavailable")),
        "{status}"
    );
    let metric = format!("auricle_engine_host_connected{{engine_host=\"{}\"}} 0", addresses[0]);
    assert!(front.get("/metrics").1.lines().any(|line| line == metric), "{metric}");
    let message = Client::start(&front, "tone", json!({})).fails("engine_unavailable", 4503);
    assert!(message.contains("no engine host serves it now; try again later"), "{message}");
    for client in &mut clients {
        client.audio_in_frames(&bytes(&audio[SAMPLES..]), 4_000);
    }
    let again = engine_at(tone(), &addresses[1], "");
    front.wait_for("readiness", || front.get("/readyz").0 == 200);
    for client in &mut clients {
        assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    }
    drop(again);
}

#[test]
fn without_an_engine_host_a_stream_ends_after_a_while() {
    let engine = engine(tone());
    let (setup, settings) = front_of(&[address(&engine)], KEY);
    let front = setup.settings(&format!("{settings}wait_seconds = 0.5\n")).start();
    wait_for_engines(&front, 1);
    let audio = noise(4, SAMPLES);
    let mut client = Client::open(&front, "tone", json!({}));
    client.audio_in_frames(&bytes(&audio[..20_000]), 4_000);
    client.until("segment");
    engine.signal("KILL");
    client.audio_in_frames(&bytes(&audio[20_000..]), 4_000);
    let message = client.fails("engine_unavailable", 4503);
    assert!(message.contains("no engine host is available for this stream"), "{message}");
}

#[test]
fn a_stream_that_kills_its_engine_hosts_ends_before_it_has_killed_all() {
    let host = json!({"open": ["fault", "at", "after_chunks"], "isolation": "in-process"});
    let setup = || tone().plugin(&library("faulty")).preset("faulty", &json!({"backend": "faulty", "host": host}));
    let engines: Vec<_> = (0..5).map(|_| engine(setup())).collect();
    let front = front(&engines.iter().collect::<Vec<_>>());
    let options = json!({"fault": "sigsegv", "at": "process_iter", "after_chunks": 3});
    let mut client = Client::start(&front, "faulty", json!({"options": options}));
    client.audio_in_frames(&bytes(&noise(1, SAMPLES)), 4_000);
    let message = client.fails("engine_crashed", 4505);
    assert!(message.contains("the engine's machine was lost 4 times at the same place in this stream"), "{message}");
    wait_for_engines(&front, 1);
    assert_eq!(Client::open(&front, "tone", json!({})).finish(), [""; 0]);
}

#[test]
fn clients_of_every_dialect_notice_nothing() {
    let setup = || tone().preset("digits", &json!({"backend": "tone"}));
    let mut engines = [engine(setup()), engine(setup())];
    let addresses: Vec<_> = engines.iter().map(address).collect();
    let (front, settings) = front_of(&addresses, KEY);
    let front = for_all(front, "digits", &settings).start();
    wait_for_engines(&front, 2);
    let audio = noise(6, 4 * SAMPLES);
    let uncut: Vec<_> = STREAMING
        .map(|dialect| {
            let mut peer = dialect.connect(&front, &Ask::default()).unwrap();
            peer.audio(&audio);
            peer.finish()
        })
        .into();
    let mut peers: Vec<_> =
        STREAMING.map(|dialect| dialect.connect(&front, &Ask::default()).unwrap()).into_iter().collect();
    let part = audio.len() / 3;
    for n in 0..3 {
        for peer in &mut peers {
            peer.audio(&audio[n * part..(n + 1) * part]);
        }
        if n < 2 {
            // Each stream loses its engine host once at least.
            front.wait_for("the streams", || !open_streams(&engines[n]).is_empty());
            engines[n].signal("KILL");
            engines[n].wait();
            engines[n] = engine_at(setup(), &addresses[n], "");
            wait_for_engines(&front, 2);
        }
    }
    for peer in &mut peers {
        peer.audio(&audio[3 * part..]);
    }
    for ((dialect, peer), uncut) in STREAMING.into_iter().zip(peers).zip(uncut) {
        let told = peer.finish();
        assert_eq!((told.words(0), told.refused), (uncut.words(0), None), "{}", dialect.name());
    }
    assert!(front.logged(&["continuing with a new processor"]) >= STREAMING.len());
}

#[test]
fn digits_are_the_same_as_without_the_death_of_an_engine_host() {
    let engines = [engine(digits()), engine(digits())];
    let front = front(&[&engines[0], &engines[1]]);
    let (_, recording) = wav(&fixture("digits.wav"));
    let audio = bytes(&recording.repeat(3));
    let run = |kill: bool| {
        let mut client = Client::open(&front, "digits", json!({}));
        let (before, rest) = audio.split_at(audio.len() / 2);
        client.audio_in_frames(before, 6_400);
        client.until("segment");
        if kill {
            home(&engines, &client).signal("KILL");
        }
        client.audio_in_frames(rest, 6_400);
        client.finish();
        ["segment", "speech_started", "endpoint"].map(|kind| client.events(kind))
    };
    let whole = run(false);
    assert!(!whole[0].is_empty());
    assert_eq!(run(true), whole);
    assert_eq!(front.logged(&["continuing with a new processor"]), 1);
}
