//! The model of the repository in a complete setup: engine `onnx` in a real host, with digits streamed to it.
//!
//! The bundled recording must be recognised word for word. The Free Spoken Digit Dataset, if this machine has it, gives
//! a word error rate, which is printed and must be plausible. The model was trained on it, so this is no measure of
//! quality.

use auricle_tests::{
    Client, Host, Setup, bytes, fixture, library, long, models, noise, runtime, shared_digits, skip, wav, word_errors,
    words,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, thread};

fn setup() -> Setup {
    let preset = fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap();
    let preset: Value = serde_json::from_str(&preset).unwrap();
    Setup::new().plugin(&library("onnx")).resource(&models()).preset("digits", &preset)
}

fn host() -> Host {
    setup().resource(&runtime()).start()
}

fn stream(host: &Host, audio: &[i16], frame: usize, start: Value) -> Client {
    let mut client = Client::open(host, "digits", start);
    client.audio_in_frames(&bytes(audio), frame);
    client.finish();
    client
}

fn file() -> Value {
    json!({"pace": "file"})
}

fn spoken() -> String {
    words(&fs::read_to_string(fixture("digits.txt")).unwrap()).join(" ")
}

/// The segments, with rounded confidences: a batch computes sums in another order.
fn rounded(client: &Client) -> Vec<Value> {
    fn round(value: &mut Value) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match field.as_f64() {
                Some(number) if name == "confidence" => *field = json!((number * 1e4).round() / 1e4),
                _ => round(field),
            }),
            Value::Array(values) => values.iter_mut().for_each(round),
            _ => {}
        }
    }
    let mut segments = client.events("segment");
    segments.iter_mut().for_each(round);
    segments
}

#[test]
fn digits_are_understood_one_by_one_and_eight_at_once() {
    let host = host();
    let (_, audio) = wav(&fixture("digits.wav"));
    let alone = stream(&host, &audio, 3_200, file());
    assert_eq!(alone.texts().join(" "), spoken());
    let ready = &alone.heard[0];
    assert_eq!((&ready["sample_rate"], &ready["languages"]), (&json!(16_000), &json!(["en"])), "{ready}");
    thread::scope(|scope| {
        for n in 0..8 {
            let (host, audio, alone) = (&host, &audio, &alone);
            scope.spawn(move || {
                let together = stream(host, audio, 640 + 100 * n, file());
                assert_eq!(rounded(&together), rounded(alone));
            });
        }
    });
}

#[test]
fn neither_frames_nor_pace_nor_rate_change_the_words() {
    let host = host();
    let (_, audio) = wav(&fixture("digits.wav"));
    let expected = stream(&host, &audio, 640, file()).events("segment");
    for (frame, pace) in [(333, "file"), (1_000_000, "file"), (8_192, "live")] {
        assert_eq!(stream(&host, &audio, frame, json!({"pace": pace})).events("segment"), expected, "{frame} {pace}");
    }
    // Telephone audio: averages of two samples each.
    let half: Vec<i16> = audio
        .chunks(2)
        .map(|pair| (pair.iter().map(|x| i32::from(*x)).sum::<i32>() / pair.len() as i32) as i16)
        .collect();
    let heard = stream(&host, &half, 640, json!({"pace": "file", "sample_rate": 8_000}));
    assert_eq!(heard.texts().join(" "), spoken());
}

#[test]
fn words_come_while_they_are_spoken_and_have_their_times() {
    let host = host();
    let (_, audio) = wav(&fixture("digits.wav"));
    let client = stream(&host, &audio, 3_200, file());
    let seconds = audio.len() as f64 / 16_000.0;
    let mut last = 0.0;
    for segment in client.events("segment") {
        for word in segment["words"].as_array().unwrap() {
            let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
            assert!(last <= start && start < end && end <= seconds, "{word} after {last} of {seconds}");
            last = end;
        }
    }
    let first = |kind: &str| client.heard.iter().position(|event| event["type"] == kind).unwrap();
    // A partial that the client has not received yet is replaced by the next text, so there may be few.
    assert!(first("speech_started") < first("segment") && first("speech_started") < first("partial"));
}

#[test]
fn a_flush_between_two_groups_loses_nothing() {
    let host = host();
    let (_, audio) = wav(&fixture("digits.wav"));
    let expected = stream(&host, &audio, 3_200, file());
    // Half a second after the first group, whose end is known from the words.
    let end = expected.events("segment")[0]["words"].as_array().unwrap()[2]["end"].as_f64().unwrap();
    let middle = ((end + 0.3) * 16_000.0) as usize;
    let mut client = Client::open(&host, "digits", file());
    client.audio_in_frames(&bytes(&audio[..middle]), 3_200);
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    assert_eq!(client.texts(), ["four seven one"]);
    client.audio_in_frames(&bytes(&audio[middle..]), 3_200);
    assert_eq!(client.finish().join(" "), spoken());
}

#[test]
fn nothing_is_heard_in_silence_and_noise() {
    let host = host();
    let seconds = if long() { 300 } else { 30 };
    let silence = vec![0; 16_000 * seconds];
    for level in [0, 300, 30, 3] {
        let audio =
            if level == 0 { silence.clone() } else { noise(7, silence.len()).iter().map(|x| x / level).collect() };
        assert_eq!(stream(&host, &audio, 32_000, file()).texts(), Vec::<String>::new(), "noise / {level}");
    }
}

#[test]
fn without_the_runtime_a_stream_is_told_so_and_the_next_one_works_once_it_is_there() {
    let host = setup().start();
    let message = Client::start(&host, "digits", file()).fails("engine_unavailable", 4503);
    assert!(message.contains("the server's log says why: stream "), "{message}");
    host.wait_for_log(&["ERROR", "ONNX Runtime is missing: no `", "nor in the resource directories"], 1);
    for entry in fs::read_dir(runtime()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), host.path("resources").join(entry.file_name())).unwrap();
    }
    // For a moment the server remembers that the model cannot be loaded.
    host.wait_for("the model", || {
        let mut client = Client::start(&host, "digits", file());
        let first = client.next();
        client.vanish();
        first.is_some_and(|event| event["type"] == "ready")
    });
    let (_, audio) = wav(&fixture("digits.wav"));
    assert_eq!(stream(&host, &audio, 3_200, file()).texts().join(" "), spoken());
}

#[test]
fn real_people_are_understood() {
    let Some(folder) = shared_digits() else {
        return skip("no Free Spoken Digit Dataset (AURICLE_DIGITS)");
    };
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let host = host();
    let mut speakers: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let [digit, speaker, index] = name.trim_end_matches(".wav").split('_').collect::<Vec<_>>()[..] {
            // The dataset's own test set.
            if index.parse::<u32>().unwrap() < 5 {
                speakers.entry(speaker.to_owned()).or_default().push((digit.parse().unwrap(), name.clone()));
            }
        }
    }
    assert!(!speakers.is_empty());
    let (mut wrong, mut total) = (0, 0);
    for (speaker, mut recordings) in speakers {
        // Every seventh recording and so on: digits in no order, ten per stream, 0.3 s apart.
        recordings
            .sort_by_key(|(digit, name)| (digit * 7 + name.len() * 3 + name.as_bytes()[name.len() - 5] as usize) % 50);
        let mut mistakes = 0;
        for group in recordings.chunks(10) {
            let mut audio = vec![0i16; 2_400];
            for (_, name) in group {
                let (rate, samples) = wav(&shared_digits().unwrap().join(name));
                assert_eq!(rate, 8_000);
                audio.extend(samples);
                audio.extend([0; 2_400]);
            }
            let heard = stream(&host, &audio, 1_600, json!({"pace": "file", "sample_rate": 8_000})).texts().join(" ");
            let said: Vec<String> = group.iter().map(|(digit, _)| NAMES[*digit].to_owned()).collect();
            mistakes += word_errors(&said, &words(&heard));
            total += said.len();
        }
        println!("{speaker}: {mistakes} of {} wrong", recordings.len());
        wrong += mistakes;
    }
    println!("word error rate {:.1} %", 100.0 * wrong as f64 / total as f64);
    assert!(wrong * 100 < total * 15, "{wrong} of {total} words wrong");
}

#[test]
fn memory_stays_flat_over_hours_without_a_pause() {
    let minutes = if long() { 180 } else { 6 };
    let (_, audio) = wav(&fixture("digits.wav"));
    let minute = bytes(&audio.repeat(1 + 60 * 16_000 / audio.len())[..60 * 16_000]);
    let host = host();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::open(&host, "digits", file())).collect();
    let mut early = None;
    for passed in 1..=minutes {
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| {
                    client.audio_in_frames(&minute, 32_000);
                    // Reads the events so far, because the server would wait for that.
                    while client.until("segment")["end"].as_f64().unwrap() < 60.0 * f64::from(passed) - 20.0 {}
                    client.heard.clear();
                });
            }
        });
        if passed == minutes / 4 + 1 {
            early = host.resident();
        }
    }
    if let Some(early) = early {
        let late = host.resident().unwrap();
        println!("{} MiB early, {} after {minutes} minutes", early >> 20, late >> 20);
        assert!(late < early + (8 << 20), "{} MiB early, {} late", early >> 20, late >> 20);
    }
    for mut client in clients {
        client.finish();
        assert!(client.heard.last().unwrap()["seconds"].as_f64().unwrap() >= 60.0 * f64::from(minutes));
    }
}
