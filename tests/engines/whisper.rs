//! Engine `whisper` in a complete setup: a real host, the model of the repository, and the synthetic models in the
//! engine's test data, which return some text for any audio.

use auricle_tests::{
    Client, Host, Reading, Setup, bytes, fixture, library, long, models, noise, reading, runtime, skip, wav,
    word_errors, words,
};
use serde_json::{Value, json};
use std::{
    f64::consts::TAU,
    fs,
    path::{Path, PathBuf},
    thread,
};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/whisper/testdata")
}

/// A host with a preset for a synthetic model and these fields.
fn setup(model: &str, fields: Value) -> Setup {
    let mut preset = json!({"backend": "whisper", "model": model, "temperature": [0.0], "host": {"concurrency": 1}});
    preset.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Setup::new().plugin(&library("whisper")).resource(&testdata()).resource(&runtime()).preset("nano", &preset)
}

fn stream(host: &Host, preset: &str, audio: &[i16]) -> Client {
    let mut client = Client::open(host, preset, json!({"pace": "file"}));
    client.audio_in_frames(&bytes(audio), 32_000);
    client.finish();
    client
}

/// A chord that gets louder and fades.
fn music(seconds: usize) -> Vec<i16> {
    let tone = |n: usize, hertz: f64| (n as f64 / 16_000.0 * hertz * TAU).sin();
    let swell = |n: usize| 0.6 + 0.4 * tone(n, 0.4);
    (0..16_000 * seconds)
        .map(|n| ([262.0, 330.0, 392.0].iter().map(|hertz| tone(n, *hertz)).sum::<f64>() * 3_000.0 * swell(n)) as i16)
        .collect()
}

fn preset(name: &str) -> Value {
    let file = models().join(format!("../configs/presets/{name}.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_model_of_the_fixtures_recognizes_digits_with_their_times() {
    let setup = Setup::new().plugin(&library("whisper")).resource(&fixture("")).resource(&runtime());
    let digits = json!({"backend": "whisper", "model": "whisper-digits", "lan": "en", "vac": true, "vad": "silero"});
    let host = setup.preset("digits", &digits).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let client = stream(&host, "digits", &audio);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let heard = words(&client.texts().join(" "));
    println!("spoken {spoken:?}\nheard  {heard:?}");
    // The model is small, and recognises other voices better than this one.
    assert!(word_errors(&spoken, &heard) * 5 <= spoken.len(), "{heard:?} instead of {spoken:?}");
    let (mut last, seconds) = (0.0, audio.len() as f64 / 16_000.0);
    for segment in client.events("segment") {
        for word in segment["words"].as_array().unwrap() {
            let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
            assert!(last <= start && start <= end && end <= seconds, "{word} after {last} of {seconds}");
            last = end;
        }
    }
    // It ignores speech that it was not trained on: sentences without digits.
    let (_, other) = wav(&fixture("weather.wav"));
    let invented = stream(&host, "digits", &other).texts().join(" ");
    assert!(words(&invented).len() <= 1, "{invented}");
}

#[test]
fn the_preset_of_the_repository_recognizes_real_speech() {
    if !models().join("tiny.en").exists() {
        return skip("Whisper tiny.en could not be downloaded");
    }
    let setup = Setup::new().plugin(&library("whisper")).resource(&models()).resource(&runtime());
    let host = setup.preset("whisper", &preset("whisper")).start();
    let Reading { recording, spoken } = reading();
    let recognized = words(&stream(&host, "whisper", &wav(&recording).1).texts().join(" "));
    let errors = word_errors(&spoken, &recognized);
    assert!(errors * 10 <= spoken.len(), "{errors} errors: {recognized:?} instead of {spoken:?}");
}

#[test]
fn streams_do_not_disturb_each_other() {
    let (_, audio) = wav(&fixture("train.wav"));
    let shouted: Vec<i16> = audio.iter().map(|sample| sample.saturating_mul(50)).collect();
    let host = setup("nano.fast", json!({})).start();
    let alone = stream(&host, "nano", &audio);
    assert!(!alone.texts().is_empty());
    thread::scope(|scope| {
        for _ in 0..3 {
            let (host, audio, shouted, alone) = (&host, &audio, &shouted, &alone);
            scope.spawn(move || assert_eq!(stream(host, "nano", audio).texts(), alone.texts()));
            scope.spawn(move || stream(host, "nano", shouted));
        }
    });
}

#[test]
fn it_shares_a_host_and_its_runtime_with_the_engine_of_streaming_networks() {
    let mut digits = preset("digits");
    // In one process, because otherwise nothing is shared.
    digits["host"]["isolation"] = json!("in-process");
    let nano = || setup("nano", json!({"host": {"isolation": "in-process"}}));
    let with = |setup: Setup| setup.plugin(&library("onnx")).resource(&models()).preset("digits", &digits).start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let expected = ["nano", "digits"].map(|preset| stream(&with(nano()), preset, &audio).texts());
    assert!(expected.iter().all(|texts| !texts.is_empty()));
    let host = with(nano());
    thread::scope(|scope| {
        for (preset, expected) in ["nano", "digits", "nano", "digits"].iter().zip(expected.iter().cycle()) {
            let (host, audio) = (&host, &audio);
            scope.spawn(move || assert_eq!(&stream(host, preset, audio).texts(), expected, "{preset}"));
        }
    });
    // Loaded once: the second engine uses the library of the first.
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid()));
    if let Ok(maps) = maps {
        let mut libraries: Vec<&str> = maps.lines().filter(|line| line.contains("libonnxruntime")).collect();
        libraries.iter_mut().for_each(|line| *line = line.rsplit(' ').next().unwrap());
        libraries.dedup();
        assert_eq!(libraries.len(), 1, "{libraries:?}");
    }
}

#[test]
fn where_nobody_speaks_nothing_is_said() {
    let host = setup("nano.fast", json!({"vac": true, "vad": "silero"})).start();
    let seconds = if long() { 300 } else { 20 };
    let loud = noise(3, 16_000 * seconds);
    let faint: Vec<i16> = loud.iter().map(|sample| sample / 100).collect();
    for (what, audio) in
        [("silence", vec![0; 16_000 * seconds]), ("noise", loud), ("faint noise", faint), ("music", music(seconds))]
    {
        let client = stream(&host, "nano", &audio);
        assert_eq!(client.texts(), Vec::<String>::new(), "{what}");
        assert!(client.events("speech_started").is_empty(), "{what}");
    }
    // The same stream reports text when there is speech, with its start and end.
    let (_, speech) = wav(&fixture("report.wav"));
    let client = stream(&host, "nano", &[vec![0; 16_000], speech, vec![0; 32_000]].concat());
    assert!(!client.texts().is_empty() && !client.events("speech_started").is_empty());
    assert!(!client.events("endpoint").is_empty());
}

#[test]
fn a_tenth_of_a_second_and_nothing_at_all_end_well() {
    let (_, audio) = wav(&fixture("report.wav"));
    for fields in [json!({}), json!({"vac": true, "vad": "energy"})] {
        let host = setup("nano.fast", fields).start();
        for samples in [0, 1, 1_600] {
            stream(&host, "nano", &audio[8_000..8_000 + samples]);
        }
    }
}

#[test]
fn streams_share_the_models_memory() {
    let (_, audio) = wav(&fixture("report.wav"));
    let host = setup("nano.fast", json!({})).start();
    let open = |count: usize| -> Vec<Client> {
        (0..count)
            .map(|_| {
                let mut client = Client::open(&host, "nano", json!({"pace": "file"}));
                client.audio_in_frames(&bytes(&audio), 32_000);
                client.say(&json!({"type": "flush"}));
                client.until("flushed");
                client
            })
            .collect()
    };
    let first = open(1);
    let Some(one) = host.resident() else { return };
    let others = open(9);
    let ten = host.resident().unwrap();
    // Each stream has a few megabytes of buffers and features. A model's runtime alone needs more.
    assert!(ten < one + 9 * (4 << 20), "{} MiB with one stream, {} with ten", one >> 20, ten >> 20);
    drop((first, others));
}

#[test]
fn memory_stays_flat_over_hours_without_a_pause() {
    let minutes = if long() { 120 } else { 4 };
    let (_, audio) = wav(&fixture("demo.wav"));
    let minute = &audio.repeat(1 + 60 * 16_000 / audio.len())[..60 * 16_000];
    let host = setup("nano.fast", json!({"min_chunk_size": 5.0, "max_repetitions": 1})).start();
    let mut client = Client::open(&host, "nano", json!({"pace": "file"}));
    let mut early = None;
    for passed in 0..minutes {
        client.audio_in_frames(&bytes(minute), 32_000);
        client.say(&json!({"type": "flush"}));
        client.until("flushed");
        if passed == minutes / 4 {
            early = host.resident();
        }
    }
    if let Some(early) = early {
        let late = host.resident().unwrap();
        assert!(late < early + (24 << 20), "{} MiB early, {} late", early >> 20, late >> 20);
    }
    assert!(!client.finish().is_empty());
}
