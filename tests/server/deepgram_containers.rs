//! Live audio of Deepgram's clients in containers, and with a transcript for each channel.

use super::{
    deepgram::{Live, MODELS, RAW, assert_tiles, finals, of, said, texts, timed, tone},
    deepgram_recordings::{interleaved, transcribe, transcript, wav_file},
    timed::{assert_same, digits, native_words},
};
use auricle_tests::{Host, fixture, noise, wav, words};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tungstenite::Message;

/// Streams a file in pieces of this size, to the end.
fn stream(host: &Host, file: &[u8], piece: usize, query: &str) -> Vec<Value> {
    let mut client = Live::connect(host, query);
    file.chunks(piece).for_each(|piece| client.0.send(Message::binary(piece.to_vec())).unwrap());
    client.finish()
}

/// The messages of one channel.
fn channel(messages: &[Value], channel: usize) -> Vec<Value> {
    let index = |message: &&Value| message["channel_index"][0] == channel;
    messages.iter().filter(index).cloned().collect()
}

#[test]
fn a_streamed_file_has_the_words_of_its_samples() {
    let host = digits().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let file = fs::read(fixture("digits.wav")).unwrap();
    for piece in [1_001, 8_000, 10_000_000] {
        let messages = stream(&host, &file, piece, "interim_results=true");
        assert_same(&timed(&messages), &native, 0.001);
        assert_tiles(&messages, audio.len() as f64 / 16_000.0);
    }
}

/// What the audio crate can read while it arrives, by its own test files. The texts of this engine depend on every sample.
#[test]
fn every_readable_kind_of_container_is_heard() {
    let host = tone().start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/audio/src/file/testdata");
    for name in ["tone.mp3", "tone.aac", "tone.m4a", "tone.opus", "tone.flac", "tone.ogg", "tone.webm"] {
        let file = fs::read(folder.join(name)).unwrap();
        let recording = transcribe(&host, &file, "");
        let query = if name == "tone.opus" { "encoding=ogg-opus&sample_rate=48000" } else { "" };
        let messages = stream(&host, &file, 700, query);
        assert_eq!(texts(&messages), words(transcript(&recording, 0)), "{name}");
        let [live, whole] = [&messages.last().unwrap()["duration"], &recording.body["metadata"]["duration"]]
            .map(|number| number.as_f64().unwrap());
        assert!((live - whole).abs() < 0.001, "{name}: {live} {whole}");
        assert_eq!(messages.last().unwrap()["sha256"], recording.body["metadata"]["sha256"], "{name}");
    }
}

#[test]
fn finalize_reports_what_is_decoded() {
    let host = tone().start();
    let audio = noise(21, 24_000);
    let file = wav_file(&audio, 1);
    let mut client = Live::connect(&host, "");
    client.say("Finalize");
    client.0.send(Message::binary(file[..20_044].to_vec())).unwrap();
    client.say("Finalize");
    client.0.send(Message::binary(file[20_044..].to_vec())).unwrap();
    let messages = client.finish();
    let marked: Vec<_> = finals(&messages).into_iter().filter(|result| result["from_finalize"] == true).collect();
    let end = marked[1]["start"].as_f64().unwrap() + marked[1]["duration"].as_f64().unwrap();
    // The reader of WAV files takes a tenth of a second at a time.
    assert!(marked.len() == 2 && (end - 0.6).abs() < 0.001, "{marked:?}");
    assert_eq!(texts(&messages), [said(&audio[..9_600]), said(&audio[9_600..])].concat());
}

#[test]
fn what_is_no_audio_is_refused_with_deepgrams_code() {
    let host = tone().start();
    let mut client = Live::connect(&host, "");
    client.0.send(Message::binary(vec![b'x'; 40_000])).unwrap();
    let (messages, code, reason) = client.rest();
    assert_eq!((messages.len(), code), (0, 1008));
    assert!(reason.starts_with("DATA-0000: not a recognized audio file"), "{reason}");
    // A file that is cut off keeps what it had.
    let audio = noise(22, 16_000);
    let messages = stream(&host, &wav_file(&audio, 1)[..20_044], 3_000, "");
    assert_eq!(texts(&messages), said(&audio[..10_000]));
    // No audio at all is a stream without words.
    assert_eq!(of(&Live::connect(&host, "").finish(), "Metadata").len(), 1);
}

#[test]
fn channels_have_results_of_their_own() {
    let host = tone().start();
    let (left, right) = (noise(23, 50_000), noise(24, 50_000));
    let both = interleaved(&[&left, &right]);
    let raw = {
        let mut client = Live::connect(&host, &format!("{RAW}&channels=2&multichannel=true"));
        client.audio(&both[..40_000]);
        client.say("Finalize");
        client.audio(&both[40_000..]);
        client.finish()
    };
    let contained = stream(&host, &wav_file(&both, 2), 9_999, "multichannel=true");
    for (messages, cut) in [(raw, 20_000), (contained, 50_000)] {
        for (n, audio) in [&left, &right].into_iter().enumerate() {
            let of_channel = channel(&messages, n);
            assert_eq!(texts(&of_channel), [said(&audio[..cut]), said(&audio[cut..])].concat(), "{n}");
            assert_tiles(&of_channel, 3.125);
            assert!(of_channel.iter().all(|result| result["channel_index"] == json!([n, 2])));
            let finalized = of_channel.iter().filter(|result| result["from_finalize"] == true).count();
            assert_eq!(finalized, usize::from(cut < 50_000));
        }
        assert_eq!(messages.last().unwrap()["channels"], 2);
    }
}

#[test]
fn each_channel_has_the_words_and_the_times_of_its_speaker() {
    let host = digits().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let late = [vec![0; 16_000], audio.clone()].concat();
    let mut client = Live::connect(
        &host,
        &format!("{RAW}&channels=2&multichannel=true&vad_events=true&utterance_end_ms=1000&interim_results=true"),
    );
    client.audio(&interleaved(&[&audio, &late]));
    client.audio(&[0; 96_000]);
    let messages = client.finish();
    for (n, audio) in [&audio, &late].into_iter().enumerate() {
        let of_channel = channel(&messages, n);
        let told = timed(&of_channel);
        assert_same(&told, &native_words(&host, audio), 0.001);
        let ends: Vec<_> =
            of(&messages, "UtteranceEnd").into_iter().filter(|end| end["channel"] == json!([n, 2])).collect();
        let last = ends.last().unwrap()["last_word_end"].as_f64().unwrap();
        assert!((last - told.last().unwrap().2).abs() < 0.001, "{ends:?}");
    }
}

#[test]
fn each_live_channel_counts_against_the_limits() {
    let host = tone().settings(&format!("{MODELS}[limits]\nmax_streams = 2\n")).start();
    let mut client = Live::connect(&host, &format!("{RAW}&channels=3&multichannel=true"));
    client.audio(&noise(25, 9_000));
    let (_, code, reason) = client.rest();
    assert!(code == 1013 && reason.starts_with("capacity: "), "{code} {reason}");
    host.wait_for("the permits", || host.json("/v1/status")["streams"] == 0);
    let mut client = Live::connect(&host, &format!("{RAW}&channels=2&multichannel=true"));
    client.audio(&noise(25, 9_000));
    client.finish();
}
