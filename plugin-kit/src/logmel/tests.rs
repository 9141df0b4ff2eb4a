use super::*;
use crate::fbank::Error;
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Name, recording, repetitions, samples. `parity/logmel.py` has the same list.
const CASES: [(&str, &str, usize, std::ops::Range<usize>); 4] = [
    ("weather", "weather", 1, 0..usize::MAX),
    ("full", "demo", 3, 1_000..480_975),
    ("long", "demo", 3, 4_000..usize::MAX),
    ("short", "demo", 1, 8_000..8_100),
];
const WHISPER: usize = 3_000;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A 16-bit mono recording.
fn recording(name: &str) -> Vec<f32> {
    let bytes = fs::read(here(&format!("../fixtures/{name}.wav"))).unwrap();
    let data = bytes.windows(4).position(|id| id == b"data").unwrap() + 8;
    bytes[data..]
        .chunks_exact(2)
        .map(|sample| f32::from(i16::from_le_bytes([sample[0], sample[1]])) / 32_768.0)
        .collect()
}

fn plan(bins: usize) -> Arc<Plan> {
    Arc::new(Plan::new(bins).unwrap())
}

fn features(audio: &mut LogMel, frames: usize) -> Vec<f32> {
    // NaN, so that values that are not written are noticed.
    let mut to = vec![f32::NAN; audio.plan().bins() * frames];
    audio.features(frames, &mut to);
    to
}

fn fresh(plan: &Arc<Plan>, samples: &[f32]) -> LogMel {
    let mut audio = LogMel::new(plan.clone());
    audio.push(samples);
    audio
}

fn bits(features: &[f32]) -> Vec<u32> {
    features.iter().map(|feature| feature.to_bits()).collect()
}

#[test]
fn features_are_those_of_transformers() {
    for bins in [80, 128] {
        let plan = plan(bins);
        for (name, wav, times, range) in CASES {
            let samples = recording(wav).repeat(times);
            let ours = features(&mut fresh(&plan, &samples[range.start..range.end.min(samples.len())]), WHISPER);
            let golden = fs::read(here(&format!("testdata/logmel/{name}-{bins}.bin"))).unwrap();
            let mut words = golden.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
            let kept = words.next().unwrap() as usize;
            let kept: Vec<u32> = words.by_ref().take(kept).collect();
            for (frame, bin) in kept.iter().flat_map(|frame| (0..bins).map(move |bin| (*frame as usize, bin))) {
                // The limit comes from single precision: of the transform, for bins about 70 dB below the loudest line
                // of their frame, and of the triangles, where a bin has few lines. PyTorch's features differ as much
                // from these, which use a transform and triangles in double precision.
                let apart = (ours[bin * WHISPER + frame] - f32::from_bits(words.next().unwrap())).abs();
                assert!(apart <= 5e-5, "{name}: frame {frame}, bin {bin} of {bins} is {apart:e} apart");
            }
            assert_eq!(words.next(), None);
        }
    }
}

#[test]
#[ignore = "for parity/logmel.py"]
fn dump_for_parity() {
    let folder = PathBuf::from(std::env::var_os("PARITY_DUMP").unwrap());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "f32") {
            let bytes = fs::read(&path).unwrap();
            let samples: Vec<f32> =
                bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect();
            for bins in [80, 128] {
                let features = features(&mut fresh(&plan(bins), &samples), WHISPER);
                let bytes: Vec<u8> = features.iter().flat_map(|bin| bin.to_le_bytes()).collect();
                fs::write(path.with_extension(bins.to_string()), bytes).unwrap();
            }
        }
    }
}

/// An operation on a buffer.
#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Cut(usize),
    Window(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let samples = || prop_oneof![0..8_usize, 0..400_usize, 0..6_000_usize];
    let step = prop_oneof![
        8 => samples().prop_map(Step::Push),
        4 => samples().prop_map(Step::Cut),
        4 => prop_oneof![0..4_usize, 0..60_usize].prop_map(Step::Window),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #[test]
    fn whatever_becomes_of_a_buffer_its_features_are_those_of_a_fresh_one(steps in steps()) {
        let (plan, demo) = (plan(80), recording("demo").repeat(2));
        let mut audio = LogMel::new(plan.clone());
        let (mut from, mut to) = (20_000, 20_000);
        for step in steps {
            match step {
                Step::Push(samples) => {
                    audio.push(&demo[to..to + samples]);
                    to += samples;
                }
                Step::Cut(samples) => {
                    let cut = audio.cut(samples);
                    prop_assert_eq!(cut, samples.min(to - from) / HOP * HOP);
                    from += cut;
                }
                Step::Window(frames) => {
                    let ours = features(&mut audio, frames);
                    prop_assert_eq!(bits(&ours), bits(&features(&mut fresh(&plan, &demo[from..to]), frames)));
                    let computed = audio.computed();
                    prop_assert_eq!(bits(&ours), bits(&features(&mut audio, frames)));
                    prop_assert_eq!(audio.computed(), computed, "computed twice");
                }
                Step::Clear => {
                    audio.clear();
                    from = to;
                }
            }
            prop_assert_eq!(audio.samples(), &demo[from..to]);
        }
    }

    #[test]
    fn features_are_finite_whatever_is_heard(samples in prop::collection::vec(any::<u32>(), 0..2_000), frames in 0..20_usize) {
        let samples: Vec<f32> = samples.into_iter().map(f32::from_bits).collect();
        for bins in [80, 128] {
            let features = features(&mut fresh(&plan(bins), &samples), frames);
            prop_assert!(features.iter().all(|feature| feature.is_finite()));
        }
    }
}

#[test]
fn nothing_is_computed_twice() {
    let demo = recording("demo");
    let mut audio = LogMel::new(plan(80));
    let (mut from, mut to, mut most) = (0, 0, 0);
    let mut cuts = 0;
    // A chunk every half second, each with a decode, and some cuts at odd places.
    for chunk in demo.chunks(8_000) {
        audio.push(chunk);
        to += chunk.len();
        features(&mut audio, WHISPER);
        // The three frames at the end.
        most += 3;
        if to - from > 60_000 {
            from += audio.cut(31_234);
            cuts += 1;
        }
    }
    assert_eq!((from, cuts), (31_200 * 6, 6));
    let whole = (demo.len() + HOP - REACH) / HOP;
    assert!(audio.computed() as usize <= whole + most + cuts * MIRRORED, "{} for {whole}", audio.computed());

    // Without a request only complete frames are computed, and a request does not change them.
    let mut audio = LogMel::new(plan(80));
    demo.chunks(100).for_each(|chunk| audio.push(chunk));
    assert_eq!(audio.computed() as usize, whole);
    features(&mut audio, WHISPER);
    assert_eq!(audio.computed() as usize, whole + 3);
    audio.cut(16_000);
    assert_eq!(audio.computed() as usize, whole + 3);
    features(&mut audio, WHISPER);
    assert_eq!(audio.computed() as usize, whole + 3 + MIRRORED);
}

#[test]
fn silence_costs_nothing_and_is_what_silent_audio_is() {
    let plan = plan(128);
    let mut empty = LogMel::new(plan.clone());
    let ours = features(&mut empty, 100);
    assert_eq!(empty.computed(), 0);
    // (-10 + 4) / 4, because nothing is louder.
    assert!(ours.iter().all(|feature| (feature + 1.5).abs() < 1e-6));
    assert_eq!(bits(&ours), bits(&features(&mut fresh(&plan, &[0.0; 5_000]), 100)));
}

#[test]
fn numbers_of_bins_that_make_no_sense_are_refused() {
    for bins in [0, 2, 200, usize::MAX] {
        assert_eq!(Plan::new(bins).err(), Some(Error::Bins(bins)));
    }
}

#[test]
#[should_panic(expected = "a buffer for 10 frames of 80 bins")]
fn a_buffer_of_another_size_is_refused() {
    LogMel::new(plan(80)).features(10, &mut [0.0; 810]);
}

/// `cargo test --release -p auricle-plugin-kit logmel::tests::time -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn time() {
    let samples = recording("demo").repeat(3)[..480_000].to_vec();
    let best = |of: &mut dyn FnMut()| {
        let once = |of: &mut dyn FnMut()| {
            let start = std::time::Instant::now();
            of();
            start.elapsed().as_secs_f64() * 1e3
        };
        (0..50).map(|_| once(of)).fold(f64::MAX, f64::min)
    };
    for bins in [80, 128] {
        let (plan, mut to) = (plan(bins), vec![0.0; bins * WHISPER]);
        let push = best(&mut || {
            let mut audio = LogMel::new(plan.clone());
            samples.chunks(3_200).for_each(|chunk| audio.push(chunk));
        });
        let mut audio = fresh(&plan, &samples);
        let again = best(&mut || audio.features(WHISPER, &mut to));
        let mut audio = fresh(&plan, &samples[..400_000]);
        let cut = best(&mut || {
            audio.push(&samples[400_000..416_000]);
            audio.cut(16_000);
            audio.features(WHISPER, &mut to);
        });
        println!(
            "{bins} bins: {:.3} ms a second, a window {again:.3} ms, with a second more and a cut {cut:.3} ms",
            push / 30.0
        );
    }
}
