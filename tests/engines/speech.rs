//! Real speech in a complete setup: PocketSphinx in its engine folder, a real host, and recordings streamed to it.
//!
//! The bundled recordings must be recognised word for word. Further recordings, if this machine has them, give a word
//! error rate, which is printed and must be plausible.

use auricle_tests::{Client, Host, Setup, bytes, fixture, shared_audio, skip, staged, wav, word_errors, words};
use serde_json::{Value, json};
use std::{fs, path::Path, thread};

const FIXTURES: [&str; 5] = ["demo", "report", "train", "weather", "welcome_8k"];

fn host(max_streams: u32) -> Host {
    let preset =
        json!({"backend": "pocketsphinx", "model": "en-us", "max_streams": max_streams, "host": {"concurrency": 2}});
    Setup::new().plugin(&staged("pocketsphinx.engine")).preset("english", &preset).start()
}

/// A recording and its text.
struct Recording {
    name: String,
    rate: u32,
    samples: Vec<i16>,
    spoken: String,
}

fn read(wav_file: &Path) -> Recording {
    let (rate, samples) = wav(wav_file);
    let spoken = fs::read_to_string(wav_file.with_extension("txt")).unwrap_or_default();
    let name = wav_file.file_stem().unwrap().to_string_lossy().into_owned();
    Recording { name, rate, samples, spoken: words(&spoken).join(" ") }
}

fn bundled(name: &str) -> Recording {
    read(&fixture(&format!("{name}.wav")))
}

fn stream(host: &Host, recording: &Recording, frame: usize, start: Value) -> Client {
    let mut client = Client::open(host, "english", start);
    client.audio_in_frames(&bytes(&recording.samples), frame);
    client.finish();
    client
}

fn file(rate: u32) -> Value {
    json!({"pace": "file", "sample_rate": rate})
}

#[test]
fn bundled_recordings_are_understood_one_by_one_and_four_at_once() {
    let host = host(4);
    let recordings: Vec<_> = FIXTURES.iter().map(|name| bundled(name)).collect();
    let one_by_one: Vec<_> =
        recordings.iter().map(|it| stream(&host, it, 3_200, file(it.rate)).events("segment")).collect();
    for (recording, segments) in recordings.iter().zip(&one_by_one) {
        let heard: Vec<_> = segments.iter().map(|segment| segment["text"].as_str().unwrap()).collect();
        assert_eq!(heard.join(" "), recording.spoken, "{}", recording.name);
    }
    thread::scope(|scope| {
        for (recording, alone) in recordings.iter().zip(&one_by_one).take(4) {
            let host = &host;
            scope.spawn(move || {
                let together = stream(host, recording, 3_200, file(recording.rate)).events("segment");
                assert_eq!(&together, alone, "{}", recording.name);
            });
        }
    });
}

#[test]
fn neither_frames_nor_pace_nor_format_change_the_words() {
    let host = host(4);
    let recording = bundled("weather");
    let expected = stream(&host, &recording, 640, file(16_000)).events("segment");
    for (frame, pace) in [(333, "file"), (1_000_000, "file"), (8_192, "live")] {
        let start = json!({"pace": pace, "sample_rate": 16_000});
        assert_eq!(stream(&host, &recording, frame, start).events("segment"), expected, "{frame} {pace}");
    }
    // Both channels are the same, as floats: mixing them restores the original.
    let mut client = Client::open(&host, "english", json!({"pace": "file", "format": "f32le", "channels": 2}));
    let floats = recording.samples.iter().flat_map(|sample| [f32::from(*sample) / 32_768.0; 2]);
    client.audio_in_frames(&floats.flat_map(f32::to_le_bytes).collect::<Vec<u8>>(), 5_000);
    client.finish();
    assert_eq!(client.events("segment"), expected);
    // Three times the sample rate, by repeating samples: it sounds different, but has the same words.
    let tripled: Vec<i16> = recording.samples.iter().flat_map(|sample| [*sample; 3]).collect();
    let tripled = Recording { name: "48 kHz".into(), rate: 48_000, samples: tripled, spoken: String::new() };
    assert_eq!(stream(&host, &tripled, 9_600, file(48_000)).texts().join(" "), recording.spoken);
}

#[test]
fn words_have_times_within_their_segment_and_partials_come_first() {
    let host = host(4);
    let recording = bundled("demo");
    let client = stream(&host, &recording, 3_200, file(16_000));
    let mut last = 0.0;
    for segment in client.events("segment") {
        let (start, end) = (segment["start"].as_f64().unwrap(), segment["end"].as_f64().unwrap());
        assert!(last <= start && start < end && end <= recording.samples.len() as f64 / 16_000.0, "{segment}");
        last = end;
        let words = segment["words"].as_array().unwrap();
        assert_eq!(words.len(), segment["text"].as_str().unwrap().split(' ').count());
        for word in words {
            let (from, to) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
            assert!(start <= from && from < to && to <= end, "{word} of {segment}");
            assert!((0.0..=1.0).contains(&word["confidence"].as_f64().unwrap()), "{word}");
        }
    }
    let first = |kind: &str| client.heard.iter().position(|event| event["type"] == kind).unwrap();
    assert!(first("speech_started") < first("partial") && first("partial") < first("segment"));
    assert!(first("segment") < first("endpoint"));
}

#[test]
fn a_flush_in_a_pause_and_one_in_speech_lose_nothing() {
    let host = host(4);
    let recording = bundled("demo");
    let mut client = Client::open(&host, "english", file(16_000));
    let all = bytes(&recording.samples);
    // 3.9 s is between the first two sentences.
    client.audio_in_frames(&all[..124_800], 3_200);
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    let first = client.texts().join(" ");
    client.audio_in_frames(&all[124_800..], 3_200);
    let texts = client.finish().join(" ");
    assert!(recording.spoken.starts_with(&first) && !first.is_empty(), "{first}");
    assert_eq!(texts, recording.spoken);

    let mut client = Client::open(&host, "english", file(16_000));
    // In the middle of the second sentence: all words are recognised except, at most, the one that is cut in two.
    client.audio_in_frames(&all[..186_000], 3_200);
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    client.audio_in_frames(&all[186_000..], 3_200);
    let heard = words(&client.finish().join(" "));
    assert!(word_errors(&words(&recording.spoken), &heard) <= 3, "{heard:?}");
}

#[test]
fn silence_gives_no_words_and_a_fifth_stream_is_refused() {
    let host = host(2);
    let silence = Recording { name: "silence".into(), rate: 16_000, samples: vec![0; 160_000], spoken: String::new() };
    assert_eq!(stream(&host, &silence, 3_200, file(16_000)).texts(), Vec::<String>::new());
    let mut first = Client::open(&host, "english", json!({}));
    let mut second = Client::open(&host, "english", json!({}));
    let message = Client::start(&host, "english", json!({})).fails("capacity", 4429);
    assert!(message.contains('2'), "{message}");
    first.finish();
    Client::open(&host, "english", json!({})).finish();
    second.finish();
}

#[test]
fn further_recordings_are_understood_as_well_as_can_be_expected() {
    let Some(folder) = shared_audio() else {
        return skip("no folder of further recordings (AURICLE_AUDIO)");
    };
    let english = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("en_"));
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| english(path) && path.extension().is_some_and(|kind| kind == "wav"));
    files.sort();
    let recordings: Vec<_> =
        files.iter().map(|path| read(path)).filter(|recording| !recording.spoken.is_empty()).collect();
    let host = host(4);
    let queue = std::sync::Mutex::new(recordings.iter());
    let (mut wrong, mut total) = (0, 0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut tally = (0, 0);
                    loop {
                        let Some(recording) = queue.lock().unwrap().next() else { return tally };
                        let heard = stream(&host, recording, 3_200, file(recording.rate)).texts().join(" ");
                        let spoken = words(&recording.spoken);
                        let errors = word_errors(&spoken, &words(&heard));
                        println!("{}: {errors} of {} wrong: {heard}", recording.name, spoken.len());
                        tally = (tally.0 + errors, tally.1 + spoken.len());
                    }
                })
            })
            .collect();
        for worker in workers {
            let (errors, words) = worker.join().unwrap();
            (wrong, total) = (wrong + errors, total + words);
        }
    });
    println!("{} recordings: word error rate {:.1} %", recordings.len(), 100.0 * wrong as f64 / total as f64);
    assert!(wrong * 100 < total * 45, "{wrong} of {total} words wrong");
}
