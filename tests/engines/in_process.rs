//! Two trusted engines in the server's own process, with streams to both at the same time. `cargo xtask sanitize` runs
//! this under AddressSanitizer and valgrind.

use auricle_tests::{Client, Setup, bytes, fixture, library, staged, tone_segments, wav, words};
use serde_json::json;
use std::{fs, thread};

/// Time limits that are long enough under valgrind.
const SETTINGS: &str = r#"
trusted = ["auricle-engine-tone", "auricle-engine-pocketsphinx"]
[timeouts]
probe_seconds = 600.0
call_seconds = 600.0
"#;

#[test]
fn two_engines_recognise_at_the_same_time() {
    let host = Setup::new()
        .settings(SETTINGS)
        .plugin(&library("tone"))
        .plugin(&staged("pocketsphinx.engine"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("english", &json!({"backend": "pocketsphinx", "model": "en-us"}))
        .start();
    let stream = |preset: &str, (rate, samples): &(u32, Vec<i16>)| {
        let mut client = Client::open(&host, preset, json!({"pace": "file", "sample_rate": rate}));
        client.audio_in_frames(&bytes(samples), 3_200);
        client.finish()
    };
    let (demo, weather) = (wav(&fixture("demo.wav")), wav(&fixture("weather.wav")));
    let (tones, speech) = thread::scope(|scope| {
        let tones = scope.spawn(|| stream("tone", &demo));
        let speech = scope.spawn(|| stream("english", &weather));
        (tones.join().unwrap(), speech.join().unwrap())
    });
    assert!(host.workers().is_empty(), "trusted engines have no worker processes");
    assert_eq!(tones, tone_segments(&demo.1, 16_000));
    let spoken = fs::read_to_string(fixture("weather.txt")).unwrap();
    assert_eq!(words(&speech.join(" ")), words(&spoken));
    assert!(host.stop().success());
}
