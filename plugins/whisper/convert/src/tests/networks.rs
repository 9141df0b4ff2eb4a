//! Compares the networks with the reference, in every precision.

use super::forward::{DecoderOutput, Reference};
use crate::{
    convert::{DECODER, ENCODER},
    graph::MOST_INSIDE,
    testing::Model,
    *,
};
use auricle_plugin_kit::onnx::{Options, Runtime, Sessions};
use auricle_plugin_test::{StubHost, onnx_runtime_dir};
use ort::{
    memory::Allocator,
    session::SessionInputValue,
    value::{DynValue, Tensor, ValueType},
};
use std::{collections::HashMap, path::Path};

const HEADS: usize = 2;
const BINS: usize = 80;
const STATES: usize = 50;
const POSITIONS: usize = 32;
const ALIGNMENT: [(usize, usize); 3] = [(1, 1), (0, 0), (1, 0)];
const PRECISIONS: [Precision; 3] = [Precision::Int8, Precision::Mixed, Precision::Fp32];
/// Tokens of a text, some of them special ones.
const TOKENS: [i64; 12] = [257, 72, 101, 300, 262, 0, 255, 72, 72, 256, 310, 33];

/// The converted networks of a folder.
struct Fast {
    encoder: Sessions,
    decoder: Sessions,
    width: usize,
}

impl Fast {
    fn open(folder: &Path, width: usize) -> Self {
        let host = StubHost::new().resource_dir(onnx_runtime_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
        let runtime = Runtime::load(&host.as_host()).unwrap();
        let open = |name| Sessions::open(&runtime, &folder.join(name), Options::default()).unwrap();
        Self { encoder: open(ENCODER), decoder: open(DECODER), width }
    }

    /// Encodes the features of the start of a window, of which the states at `places` are computed; padding follows.
    fn encode(&self, features: &[Vec<f64>], places: &[i64], nearest: &[i64]) -> HashMap<String, DynValue> {
        let mut session = self.encoder.lend().unwrap();
        let mut inputs = HashMap::new();
        let all = all();
        for (of, places, nearest) in [(padding().as_slice(), &all[..], &all[..]), (features, places, nearest)] {
            for input in session.inputs().iter().filter(|input| input.name().starts_with("padding_")) {
                let ValueType::Tensor { shape, .. } = input.dtype() else { unreachable!() };
                let shape: Vec<usize> = shape.iter().map(|length| *length as usize).collect();
                // If all states are computed, padding has no effect.
                let unused = vec![7.0f32; shape.iter().product()];
                let unused = || Tensor::from_array((shape, unused)).unwrap().into_dyn();
                inputs.entry(input.name().to_owned()).or_insert_with(unused);
            }
            let values: Vec<f32> = of.iter().flatten().map(|x| *x as f32).collect();
            let features = Tensor::from_array(([1, BINS, of[0].len()], values)).unwrap().into_dyn();
            inputs.insert("input_features".to_owned(), features);
            for (name, values) in [("places", places), ("nearest", nearest)] {
                let values = Tensor::from_array(([values.len()], values.to_vec())).unwrap().into_dyn();
                inputs.insert(name.to_owned(), values);
            }
            let outputs = session.run(std::mem::take(&mut inputs)).unwrap();
            inputs = outputs.into_iter().map(|(name, value)| (format!("padding_{name}"), value)).collect();
        }
        let named = |(name, value): (String, DynValue)| (name["padding_".len()..].to_owned(), value);
        inputs.into_iter().map(named).collect()
    }

    /// Decodes the first `prompt` tokens at once and the others one by one. The caches start with NaN everywhere.
    fn decode(&self, encoded: &HashMap<String, DynValue>, prompt: usize) -> DecoderOutput {
        let mut session = self.decoder.lend().unwrap();
        let names = (0..2).flat_map(|layer| ["key", "value"].map(|part| format!("{part}.{layer}")));
        let memory = Allocator::default();
        let mut caches: Vec<_> = names
            .map(|name| {
                let shape = [1, HEADS, POSITIONS, self.width / HEADS];
                let mut cache = Tensor::<f32>::new(&memory, shape).unwrap();
                cache.extract_tensor_mut().1.fill(f32::NAN);
                (name, cache)
            })
            .collect();
        let mut output = DecoderOutput { logits: Vec::new(), alignment: vec![Vec::new(); ALIGNMENT.len()] };
        let rest = TOKENS[prompt..].chunks(1);
        for tokens in [&TOKENS[..prompt]].into_iter().chain(rest) {
            let (before, count) = (output.logits.len(), tokens.len());
            let after = before + count;
            let integers =
                |values: Vec<i64>| SessionInputValue::from(Tensor::from_array(([values.len()], values)).unwrap());
            let short = |value: usize| SessionInputValue::from(Tensor::from_array(([1], vec![value as i32])).unwrap());
            let ids = Tensor::from_array(([1, count], tokens.to_vec())).unwrap();
            let mut binding = session.create_binding().unwrap();
            binding.bind_input("input_ids", &ids).unwrap();
            let lists = [
                ("position_ids", integers((before as i64..after as i64).collect())),
                ("logits_at", integers((0..count as i64).collect())),
                ("seqlens_k", short(after - 1)),
                ("total_sequence_length", short(after)),
            ];
            for (name, value) in &lists {
                let SessionInputValue::Owned(value) = value else { unreachable!() };
                binding.bind_input(*name, value).unwrap();
            }
            for (name, value) in encoded.iter().filter(|(name, _)| name.starts_with("cross_")) {
                binding.bind_input(name, value).unwrap();
            }
            for (name, cache) in &mut caches {
                binding.bind_input(format!("past_{name}"), cache).unwrap();
                binding.bind_output(format!("present_{name}"), cache).unwrap();
            }
            let vocabulary = 314;
            let mut logits = Tensor::<f32>::new(&memory, [1, count, vocabulary]).unwrap();
            let mut alignment = Tensor::<f32>::new(&memory, [ALIGNMENT.len(), count, STATES]).unwrap();
            binding.bind_output("logits", &mut logits).unwrap();
            binding.bind_output("alignment", &mut alignment).unwrap();
            session.run_binding(&binding).unwrap();
            drop(binding);
            let rows = |values: &[f32], width| {
                values
                    .chunks_exact(width)
                    .map(|row| row.iter().map(|x| f64::from(*x)).collect())
                    .collect::<Vec<Vec<f64>>>()
            };
            output.logits.extend(rows(logits.extract_tensor().1, vocabulary));
            let heads = alignment.extract_tensor().1.chunks_exact(count * STATES);
            output.alignment.iter_mut().zip(heads).for_each(|(all, new)| all.extend(rows(new, STATES)));
        }
        output
    }
}

/// All places of a window.
fn all() -> Vec<i64> {
    (0..STATES as i64).collect()
}

/// The features of a window of padding.
fn padding() -> Vec<Vec<f64>> {
    vec![vec![0.0; 2 * STATES]; BINS]
}

fn features() -> Vec<Vec<f64>> {
    (0..BINS)
        .map(|band| (0..2 * STATES).map(|frame| ((band * 7 + frame * frame) as f64 * 0.37).sin()).collect())
        .collect()
}

fn largest<'a>(rows: impl IntoIterator<Item = &'a Vec<f64>>) -> f64 {
    // NaN counts as the largest.
    rows.into_iter().flatten().fold(0.0, |most: f64, x| if x.abs() <= most { most } else { x.abs() })
}

fn apart(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    assert_eq!(x.len(), y.len());
    let rows: Vec<Vec<f64>> = x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x - y).collect()).collect();
    largest(&rows)
}

/// The largest differences of logits and of alignment from the reference, and the largest logit of the reference.
fn differences(model: &Model, width: usize, precision: Precision, prompt: usize) -> (f64, f64, f64) {
    let all = all();
    differences_of(2 * STATES, &all, &all, model, width, precision, prompt)
}

/// For the first `frames` frames, of which the states at `places` are computed.
fn differences_of(
    frames: usize,
    places: &[i64],
    nearest: &[i64],
    model: &Model,
    width: usize,
    precision: Precision,
    prompt: usize,
) -> (f64, f64, f64) {
    let room = tempfile::tempdir().unwrap();
    let (source, target) = (room.path().join("model"), room.path().join("made"));
    model.write(&source).unwrap();
    convert(&source, &target, precision).unwrap();
    let reference = Reference::new(model, HEADS);
    let resized = |bands: &[Vec<f64>], length| -> Vec<Vec<f64>> {
        let band = |band: &Vec<f64>| band.iter().copied().chain(std::iter::repeat(0.0)).take(length).collect();
        bands.iter().map(band).collect()
    };
    let audio: Vec<Vec<f64>> = features().iter().map(|band| band[..frames].to_vec()).collect();
    let padded = resized(&audio, 2 * STATES);
    // The last state must be one of padding, which the convolutions see two frames around it.
    let start = resized(&padded, (frames + 6).min(2 * STATES));
    let states = reference.encode(&padded, &padding(), places, nearest);
    let expected = reference.decode(&states, &TOKENS, &ALIGNMENT);
    let fast = Fast::open(&target, width);
    let found = fast.decode(&fast.encode(&start, places, nearest), prompt);
    let alignment = found.alignment.iter().zip(&expected.alignment).map(|(x, y)| apart(x, y)).fold(0.0, f64::max);
    (apart(&found.logits, &expected.logits), alignment, largest(&expected.logits))
}

#[test]
fn with_32_bits_the_networks_are_the_reference() {
    for (width, seed) in [(64, 1), (128, 2)] {
        let mut model = Model::new(width, HEADS as u8, seed);
        for prompt in [TOKENS.len(), 3] {
            let (logits, alignment, _) = differences(&model, width as usize, Precision::Fp32, prompt);
            assert!(logits < 1e-4 && alignment < 1e-5, "width {width}, prompt {prompt}: {logits}, {alignment}");
        }
        model.widen();
        let (logits, ..) = differences(&model, width as usize, Precision::Fp32, 3);
        assert!(logits < 1e-4, "width {width}, weights of 32 bits: {logits}");
    }
}

#[test]
fn padding_follows_the_start_of_a_window() {
    let model = Model::new(64, HEADS as u8, 7);
    let all = all();
    // All states of the padding are computed, or every third, or some, or none.
    let third: Vec<i64> = (0..20).chain((21..STATES as i64).step_by(3)).collect();
    let third_nearest: Vec<i64> = (0..20).chain((20..STATES as i64).map(|place| 20 + (place - 20) / 3)).collect();
    let some: Vec<i64> = (0..20).chain([24, 40]).collect();
    let some_nearest: Vec<i64> = (0..20).chain([20; 10]).chain([21; STATES - 30]).collect();
    let none: Vec<i64> = (0..20).collect();
    let none_nearest: Vec<i64> = (0..20).chain([19; STATES - 20]).collect();
    for (places, nearest) in [(&all, &all), (&third, &third_nearest), (&some, &some_nearest), (&none, &none_nearest)] {
        for frames in [6, 30, 36] {
            let (logits, alignment, _) = differences_of(frames, places, nearest, &model, 64, Precision::Fp32, 3);
            assert!(logits < 1e-4 && alignment < 1e-5, "{places:?}, {frames} frames: {logits}, {alignment}");
        }
    }
}

#[test]
fn with_8_bits_they_stay_near_it_and_are_not_the_same() {
    for (width, seed) in [(64, 3), (128, 4)] {
        let model = Model::new(width, HEADS as u8, seed);
        for precision in [Precision::Int8, Precision::Mixed] {
            let (logits, _, most) = differences(&model, width as usize, precision, 3);
            assert!(logits > 1e-3 && logits < 0.1 * most, "{precision}, width {width}: {logits} of {most}");
        }
    }
}

#[test]
fn large_networks_have_their_constants_outside() {
    let room = tempfile::tempdir().unwrap();
    let model = weights::read(model_bin::read(Model::new(64, HEADS as u8, 5).model_bin()).unwrap()).unwrap();
    let decoded = |most_inside| {
        let folder = tempfile::tempdir_in(&room).unwrap();
        convert::write_networks(&model, Precision::Fp32, &ALIGNMENT, folder.path(), most_inside).unwrap();
        assert_eq!(folder.path().join(format!("{DECODER}_data")).exists(), most_inside < MOST_INSIDE);
        let fast = Fast::open(folder.path(), 64);
        fast.decode(&fast.encode(&features(), &all(), &all()), 3).logits
    };
    assert_eq!(decoded(MOST_INSIDE), decoded(1000));
}

#[test]
fn the_files_say_what_they_are() {
    let room = tempfile::tempdir().unwrap();
    let source = room.path().join("model");
    Model::new(64, HEADS as u8, 6).write(&source).unwrap();
    for precision in PRECISIONS {
        let target = room.path().join(precision.to_string());
        let Converted { bytes } = convert(&source, &target, precision).unwrap();
        let mut sizes = 0;
        for (file, heads) in [(ENCODER, None), (DECODER, Some("[[1,1],[0,0],[1,0]]"))] {
            sizes += target.join(file).metadata().unwrap().len();
            let fast = Fast::open(&target, 64);
            let session = if heads.is_some() { &fast.decoder } else { &fast.encoder };
            let session = session.lend().unwrap();
            let notes = session.metadata().unwrap();
            assert_eq!(notes.custom("auricle.layout").as_deref(), Some("whisper-fast-3"));
            assert_eq!(notes.custom("auricle.precision"), Some(precision.to_string()));
            assert_eq!(notes.custom("auricle.alignment_heads").as_deref(), heads);
        }
        assert_eq!(bytes, sizes);
    }
}
