use super::*;
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Name, recording, samples. `parity/fbank.py` has the same list.
const CASES: [(&str, Option<&str>, Range<usize>); 5] = [
    ("demo", Some("demo"), 0..usize::MAX),
    ("weather", Some("weather"), 0..usize::MAX),
    ("exact", Some("demo"), 8_000..8_920),
    ("short", Some("demo"), 8_000..8_100),
    ("silence", None, 0..1_000),
];

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

fn plan(options: &Options) -> Arc<Plan> {
    Arc::new(Plan::new(options).unwrap())
}

fn both() -> [(&'static str, Arc<Plan>); 2] {
    [("nemo", plan(&Options::nemo())), ("kaldi", plan(&Options::kaldi()))]
}

fn whole(plan: &Arc<Plan>, samples: &[f32]) -> Fbank {
    let mut fbank = Fbank::new(plan.clone());
    fbank.accept(samples);
    fbank.finish();
    fbank
}

#[test]
fn frames_are_those_of_kaldi_native_fbank() {
    for (kind, plan) in both() {
        for (name, wav, range) in CASES {
            let samples = wav.map_or_else(|| vec![0.0; range.end], recording);
            let fbank = whole(&plan, &samples[range.start..range.end.min(samples.len())]);
            let golden = fs::read(here(&format!("testdata/fbank/{kind}-{name}.bin"))).unwrap();
            let mut words = golden.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
            assert_eq!(fbank.ready(), u64::from(words.next().unwrap()), "{kind} {name}");
            let kept = words.next().unwrap() as usize;
            let kept: Vec<u32> = words.by_ref().take(kept).collect();
            let (mut worst, mut sum) = (0.0_f32, 0.0);
            for bin in kept.iter().flat_map(|frame| fbank.frame(u64::from(*frame))) {
                let apart = (bin - f32::from_bits(words.next().unwrap())).abs();
                (worst, sum) = (worst.max(apart), sum + apart);
            }
            assert_eq!(words.next(), None);
            // The limit for the maximum comes from single precision on both sides: a bin 80 to 95 dB below the loudest
            // line of its frame consists of rounding errors of the transforms. Most bins are equal to the bit.
            let mean = sum / (kept.len() * plan.bins()) as f32;
            assert!(worst <= 5e-4 && mean <= 2e-6, "{kind} {name}: at most {worst:e} apart, {mean:e} on average");
        }
    }
}

#[test]
#[ignore = "for parity/fbank.py"]
fn dump_for_parity() {
    let folder = PathBuf::from(std::env::var_os("PARITY_DUMP").unwrap());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "f32") {
            let samples: Vec<f32> = fs::read(&path)
                .unwrap()
                .chunks_exact(4)
                .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
                .collect();
            for (kind, plan) in both() {
                let fbank = whole(&plan, &samples);
                let bytes: Vec<u8> = fbank.frames(0..fbank.ready()).iter().flat_map(|bin| bin.to_le_bytes()).collect();
                fs::write(path.with_extension(kind), bytes).unwrap();
            }
        }
    }
}

proptest! {
    #[test]
    fn the_cut_of_the_audio_makes_no_difference(
        pieces in prop::collection::vec(0..3_000_usize, 0..12),
        (length, shift) in (1..60_u8).prop_flat_map(|length| (Just(length), 1..=length)),
        resumed in 0..40_u64,
        kaldi: bool,
    ) {
        let base = if kaldi { Options::kaldi() } else { Options::nemo() };
        let (length, shift) = (f32::from(length) * 0.53, f32::from(shift) * 0.53);
        // Few bins, because a short transform has few lines.
        let options = Options { frame_length_ms: length, frame_shift_ms: shift, bins: 3, ..base };
        prop_assume!(Plan::new(&options).is_ok());
        let weather = recording("weather");
        for options in [options, Options::nemo(), Options::kaldi()] {
            let plan = plan(&options);
            let audio = &weather[8_000..][..pieces.iter().sum()];
            let whole = whole(&plan, audio);
            prop_assert_eq!(whole.ready(), plan.frames_in(audio.len() as u64));
            // The same audio in pieces, from the start and from a frame in the middle.
            for first in [0, resumed] {
                let from = (plan.first_sample_of(first) as usize).min(audio.len());
                let mut fbank = Fbank::resume(plan.clone(), first);
                let mut at = 0;
                for piece in &pieces {
                    fbank.accept(&audio[at.max(from)..(at + piece).max(from)]);
                    at += piece;
                    prop_assert!(fbank.ready() == first || plan.samples_for(fbank.ready() - 1) <= at as u64);
                    prop_assert!(plan.samples_for(fbank.ready()) > at as u64);
                    let ready = fbank.ready();
                    prop_assert!((fbank.samples.len() as u64) < plan.samples_for(ready) - plan.first_sample_of(ready));
                }
                fbank.finish();
                let ready = fbank.ready();
                prop_assert_eq!(ready, whole.ready().max(first));
                if first < ready {
                    prop_assert_eq!(bits(fbank.frames(first..ready)), bits(whole.frames(first..ready)));
                }
            }
        }
    }

    #[test]
    fn features_are_finite_whatever_is_heard(samples in prop::collection::vec(any::<u32>(), 0..2_000), kaldi: bool) {
        let samples: Vec<f32> = samples.into_iter().map(f32::from_bits).collect();
        let fbank = whole(&plan(&if kaldi { Options::kaldi() } else { Options::nemo() }), &samples);
        prop_assert!(fbank.frames(0..fbank.ready()).iter().all(|bin| bin.is_finite()));
    }
}

fn bits(frames: &[f32]) -> Vec<u32> {
    frames.iter().map(|bin| bin.to_bits()).collect()
}

#[test]
fn frames_are_copied_either_way_and_forgotten() {
    let mut fbank = whole(&plan(&Options::nemo()), &recording("weather")[..16_000]);
    let (mut rows, mut columns) = (vec![0.0; 5 * 80], vec![0.0; 5 * 80]);
    fbank.discard_before(20);
    fbank.discard_before(10);
    assert_eq!((fbank.first(), fbank.ready(), fbank.frames.len()), (20, 100, 80 * 80));
    fbank.copy(20..25, &mut rows);
    fbank.copy_transposed(20..25, &mut columns);
    for frame in 0..5 {
        for bin in 0..80 {
            assert_eq!(rows[frame * 80 + bin], columns[bin * 5 + frame]);
            assert_eq!(rows[frame * 80 + bin], fbank.frame(20 + frame as u64)[bin]);
        }
    }
    fbank.discard_before(u64::MAX);
    assert_eq!((fbank.first(), fbank.ready(), fbank.frames.len()), (100, 100, 0));
    fbank.copy_transposed(100..100, &mut []);
}

#[test]
#[should_panic(expected = "frames 9..11 of 10..99")]
fn a_forgotten_frame_is_not_given() {
    let mut fbank = Fbank::new(plan(&Options::nemo()));
    fbank.accept(&[0.0; 16_000]);
    fbank.discard_before(10);
    fbank.frames(9..11);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |change: fn(&mut Options)| {
        let mut options = Options::kaldi();
        change(&mut options);
        Plan::new(&options).err()
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|o| o.sample_rate = 0), Some(Error::SampleRate(0)));
    assert_eq!(refused(|o| o.frame_length_ms = 0.1), Some(Error::FrameLength(0.1)));
    assert_eq!(refused(|o| o.frame_length_ms = f32::INFINITY), Some(Error::FrameLength(f32::INFINITY)));
    assert!(matches!(refused(|o| o.frame_length_ms = f32::NAN), Some(Error::FrameLength(_))));
    assert_eq!(refused(|o| o.frame_shift_ms = 0.0), Some(Error::FrameShift(0.0)));
    assert_eq!(refused(|o| o.frame_shift_ms = 25.1), Some(Error::FrameShift(25.1)));
    assert_eq!(refused(|o| o.preemphasis = 1.5), Some(Error::Preemphasis(1.5)));
    assert_eq!(refused(|o| o.low_hz = -1.0), Some(Error::Range { low: -1.0, high: 7_600.0, nyquist: 8_000.0 }));
    assert_eq!(refused(|o| o.high_hz = 8_001.0), Some(Error::Range { low: 20.0, high: 8_001.0, nyquist: 8_000.0 }));
    assert_eq!(refused(|o| o.high_hz = -7_990.0), Some(Error::Range { low: 20.0, high: 10.0, nyquist: 8_000.0 }));
    assert!(matches!(refused(|o| o.low_hz = f32::NAN), Some(Error::Range { .. })));
    for bins in [0, 2, 200, usize::MAX] {
        let options = Options { bins, ..Options::kaldi() };
        assert_eq!(Plan::new(&options).err(), Some(Error::Bins(bins)));
    }
}
