//! What may be different when a server is started again: the store, what it has, the preset, the model.

use super::{
    RATE, STORE, digits,
    listener::{Heard, Listener, restart, uncut, wait_for_point},
    tone,
};
use auricle_tests::{Host, Setup, bytes, fixture, library, models, noise, runtime, tone_segments, wav};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::task::block_in_place;

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

/// What somebody may do to a stored stream.
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
    let is_point = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "point");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(is_point) {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_weights_are_noticed() {
    let room = tempfile::tempdir().unwrap();
    let model = room.path().join("digits");
    fs::create_dir(&model).unwrap();
    for file in fs::read_dir(models().join("digits")).unwrap().flatten() {
        fs::copy(file.path(), model.join(file.file_name())).unwrap();
    }
    let setup = Setup::new().settings(STORE).plugin(&library("onnx")).resource(room.path()).resource(&runtime());
    let setup = setup.preset("digits", &digits());
    let recording = wav(&fixture("digits.wav"));
    let (before, after) = recording.1.split_at(recording.1.len() / 2);
    let expected = uncut(&setup, "digits", &recording).await;
    for is_replaced in [false, true] {
        // The streams' before.
        let _ = fs::remove_dir_all(setup.path("resume"));
        let host = setup.clone().start();
        let listener = Listener::open(&host, "digits", recording.0).await;
        listener.stream.send(bytes(before)).unwrap();
        let host = block_in_place(|| {
            wait_for_point(&host, Some(0));
            host.signal_all("KILL");
            if is_replaced {
                // By the same, of which the server cannot know.
                let file = model.join("tokens.txt");
                fs::write(&file, fs::read(&file).unwrap()).unwrap();
            }
            let host = host.again();
            listener.relay.move_to(host.address());
            host
        });
        listener.stream.send(bytes(after)).unwrap();
        let heard = listener.end().await;
        assert!(
            matches!(heard.resumed[..], [(start, is_exact)] if start > 0.0 && is_exact != is_replaced),
            "{heard:?}"
        );
        assert!(is_replaced || heard.texts == expected.texts, "{heard:?} {expected:?}");
        drop(host);
    }
}
