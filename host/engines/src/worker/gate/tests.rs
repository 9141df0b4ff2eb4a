//! The gate with a detector that reads the speech from the audio, and an engine that notes what it is called with.

use super::{
    Gate, GateSink, Step,
    rules::{RATE, Rules},
};
use crate::voice_gate::{Cut, VoiceGate};
use auricle_plugin_api::{Error, Metadata, Replay, Segment, Word, host::EventSink};
use auricle_plugin_kit::vad::{Vad, WINDOW};
use proptest::prelude::*;

/// Speech has positive samples. The probability also depends on the window before.
#[derive(Default)]
struct Signs {
    last: f32,
}

impl Vad for Signs {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        let speech = window.iter().filter(|sample| **sample > 0.0).count() as f32 / WINDOW as f32;
        Ok(0.7 * speech + 0.3 * std::mem::replace(&mut self.last, speech))
    }

    fn reset(&mut self) {
        self.last = 0.0;
    }

    fn state(&self) -> Vec<f32> {
        vec![self.last]
    }

    fn restore(&mut self, state: &[f32]) -> bool {
        self.last = state.first().copied().unwrap_or_default();
        state.len() == 1
    }
}

/// Audio of windows with speech (true) or without. A sample's value tells its place.
fn audio(windows: &[bool], rest: usize) -> Vec<f32> {
    let speech = |place: usize| *windows.get(place / WINDOW).unwrap_or(&false);
    let value = |place: usize| if speech(place) { (place + 1) as f32 } else { -((place + 1) as f32) };
    (0..windows.len() * WINDOW + rest).map(value).collect()
}

fn place(sample: f32) -> u64 {
    sample.abs() as u64 - 1
}

/// What the server is told, and with which audio.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Speech(u64),
    Endpoint(u64),
    /// Start, end and the places of the samples.
    Text(u64, u64, Vec<u64>),
    Point(u64, Vec<u8>),
}

#[derive(Default)]
struct Recorder(Vec<Told>);

impl EventSink for Recorder {
    fn partial(&mut self, _: Segment) {}

    fn segment(&mut self, segment: Segment) {
        let places = segment.text().split(' ').map(|place| place.parse().unwrap()).collect();
        self.0.push(Told::Text(segment.start, segment.end, places));
    }

    fn speech_started(&mut self, sample: u64) {
        self.0.push(Told::Speech(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.0.push(Told::Endpoint(sample));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.0.push(Told::Point(sample, state.to_vec()));
    }
}

/// An engine that reports each chunk as a segment, and then a restart point a little before its end.
struct Engine {
    next: u64,
}

impl Engine {
    fn take(&mut self, audio: &[f32], sink: &mut dyn EventSink) {
        if !audio.is_empty() {
            let (start, end) = (self.next, self.next + audio.len() as u64);
            let places: Vec<_> = audio.iter().map(|sample| place(*sample).to_string()).collect();
            sink.segment(Segment::new(start, end, places.join(" ")).words(vec![Word::new(start, end, "")]));
            // It is not passed on where the gate has ends of its own.
            sink.endpoint(end);
            self.next = end;
        }
        sink.restart_point(self.next, &self.next.to_le_bytes());
    }
}

const CHUNK: u32 = 1_200;
const FIRST: u32 = 2_000;

fn gate(cut: Cut) -> Gate {
    let settings = VoiceGate { cut, hold_seconds: Some(0.2), pre_roll_seconds: 0.1 };
    let engine = Metadata::new(RATE, CHUNK).first_chunk(FIRST).replay(Replay::Exact);
    Gate::new(Rules::new(&settings, &engine), Box::new(Signs::default()))
}

/// Does all that the gate says. Returns the lengths of the engine's chunks, with 0 for a start.
fn run(gate: &mut Gate, engine: &mut Engine, sink: &mut Recorder) -> Vec<usize> {
    let mut calls = Vec::new();
    while let Some(step) = gate.next().unwrap() {
        match step {
            Step::Open { offset, speech } => {
                engine.next = offset;
                calls.push(0);
                speech.into_iter().for_each(|sample| sink.speech_started(sample));
            }
            Step::Chunk(audio) => {
                calls.push(audio.len());
                engine.take(&audio, &mut GateSink { gate: Some(&mut *gate), sink: &mut *sink });
            }
            Step::Close(rest) => {
                engine.take(&rest, &mut GateSink { gate: Some(&mut *gate), sink: &mut *sink });
                gate.closed().into_iter().for_each(|sample| sink.endpoint(sample));
            }
            Step::Point { sample, state } => sink.restart_point(sample, &state),
        }
    }
    calls
}

/// A whole stream in pieces of these lengths, again and again.
fn stream(cut: Cut, audio: &[f32], pieces: &[usize]) -> (Vec<Told>, Vec<usize>) {
    let (mut gate, mut engine, mut told, mut calls) = (gate(cut), Engine { next: 0 }, Recorder::default(), Vec::new());
    gate.init(0);
    let (mut rest, mut pieces) = (audio, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
        rest = left;
        gate.push(piece, false);
        calls.extend(run(&mut gate, &mut engine, &mut told));
    }
    gate.push(&[], true);
    calls.extend(run(&mut gate, &mut engine, &mut told));
    (told.0, calls)
}

fn spoken(pattern: &str) -> Vec<bool> {
    pattern.chars().map(|letter| letter == 's').collect()
}

/// All but restart points, which depend on the pieces.
fn events(told: &[Told]) -> Vec<Told> {
    told.iter().filter(|told| !matches!(told, Told::Point(..))).cloned().collect()
}

/// The samples that the engine got.
fn given(told: &[Told]) -> Vec<u64> {
    let places = told.iter().filter_map(|told| if let Told::Text(.., places) = told { Some(places) } else { None });
    places.flatten().copied().collect()
}

#[test]
fn silence_reaches_no_engine_and_has_restart_points() {
    let (told, calls) = stream(Cut::Utterance, &audio(&[false; 200], 100), &[700]);
    assert!(calls.is_empty());
    let points: Vec<_> = told.iter().map(|told| if let Told::Point(sample, _) = told { *sample } else { 0 }).collect();
    assert!(points.len() >= 5 && points.windows(2).all(|two| two[1] >= two[0] + 16_000), "{points:?}");
}

#[test]
fn an_utterance_begins_with_its_pre_roll_and_ends_after_the_hold() {
    let quiet = |windows: usize| "-".repeat(windows);
    let windows = spoken(&["", &quiet(20), "ssss", &quiet(40), "sss", &quiet(5)].concat());
    let audio = audio(&windows, 0);
    let (told, calls) = stream(Cut::Utterance, &audio, &[CHUNK as usize]);
    let kinds: Vec<_> = told
        .iter()
        .filter_map(|told| match told {
            Told::Speech(sample) => Some(("speech", *sample)),
            Told::Endpoint(sample) => Some(("endpoint", *sample)),
            _ => None,
        })
        .collect();
    let [("speech", first), ("endpoint", end), ("speech", second)] = kinds[..] else { panic!("{kinds:?}") };
    assert_eq!((first, second), (20 * 512 - 1_600, 64 * 512 - 1_600));
    // The engine's text reaches to the end of the hold, and speech does not end before it.
    assert_eq!(end, 31 * 512);
    assert_eq!(calls.iter().filter(|call| **call == 0).count(), 2);
    let given = given(&told);
    assert_eq!(given[0], (20 * 512 - 1_600) / 1_200 * 1_200);
    // All of the speech and the hold, and nothing twice.
    for place in (20 * 512..24 * 512 + 3_200).chain(64 * 512..67 * 512) {
        assert!(given.contains(&place), "{place}");
    }
    assert!(given.windows(2).all(|two| two[0] < two[1]) && given.len() < audio.len() / 2 + 3_200);
}

#[test]
fn a_skipped_pause_is_missing_in_the_engines_times_and_a_long_one_ends_the_utterance() {
    let seconds = |seconds: usize| "-".repeat(seconds * 16_000 / WINDOW);
    let windows = spoken(&["ssss", &seconds(4), "ssss", &seconds(12), "ss", &seconds(1)].concat());
    let (told, calls) = stream(Cut::Skip, &audio(&windows, 37), &[5_000]);
    assert_eq!(calls.iter().filter(|call| **call == 0).count(), 2, "{calls:?}");
    assert!(!told.iter().any(|told| matches!(told, Told::Speech(_))));
    for told in &told {
        if let Told::Text(start, end, places) = told {
            assert_eq!((Some(start), Some(end - 1)), (places.first(), places.last().copied()));
        }
    }
    assert!(
        told.iter().any(|told| matches!(told, Told::Text(start, end, places) if end - start > places.len() as u64))
    );
}

#[test]
fn the_engine_is_not_behind_the_server() {
    let windows = spoken(&["-".repeat(20), "s".repeat(40), "-".repeat(20)].concat());
    let mut gate = gate(Cut::Utterance);
    let (mut engine, mut told) = (Engine { next: 0 }, Recorder::default());
    gate.init(0);
    // As the server sends it.
    let (first, rest) = (FIRST as usize, audio(&windows, 0));
    let mut behind = Vec::new();
    let mut sent = 0;
    for chunk in std::iter::once(&rest[..first]).chain(rest[first..].chunks_exact(CHUNK as usize)) {
        gate.push(chunk, false);
        run(&mut gate, &mut engine, &mut told);
        sent += chunk.len() as u64;
        behind.push(sent - engine.next);
    }
    // From the chunk in which speech begins to that in which its pause does.
    assert!(behind[8..25].iter().all(|behind| *behind == 0), "{behind:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_change_nothing_and_every_restart_point_goes_on_exactly(
        lengths in proptest::collection::vec(1usize..30, 1..8),
        speaks in any::<bool>(),
        rest in 0usize..512,
        pieces in proptest::collection::vec(1usize..9_000, 1..6),
        skips in any::<bool>(),
        pick in 0usize..4,
    ) {
        let cut = if skips { Cut::Skip } else { Cut::Utterance };
        let runs = lengths.iter().enumerate();
        let windows: Vec<bool> = runs.flat_map(|(number, length)| vec![(number % 2 == 0) == speaks; *length]).collect();
        let audio = audio(&windows, rest);
        let (at_once, calls) = stream(cut, &audio, &[usize::MAX]);
        let (whole, same) = stream(cut, &audio, &pieces);
        prop_assert_eq!((events(&at_once), &calls), (events(&whole), &same));
        // The engine's chunks.
        let mut wanted = FIRST as usize;
        for call in &calls {
            prop_assert!(*call == 0 || *call == wanted);
            wanted = if *call == 0 { FIRST as usize } else { CHUNK as usize };
        }
        // All of the speech, in order, at its places.
        let given = given(&whole);
        prop_assert!(given.windows(2).all(|two| two[0] < two[1]));
        let mut last = 0;
        for told in &whole {
            if let Told::Text(start, end, places) = told {
                prop_assert!(last <= *start && *end <= audio.len() as u64);
                prop_assert_eq!((*start, *end - 1), (places[0], places[places.len() - 1]));
                last = *end;
            }
        }
        let mut passed = given.iter().peekable();
        for (place, sample) in audio.iter().enumerate() {
            let is_given = passed.next_if_eq(&&(place as u64)).is_some();
            prop_assert!(is_given || *sample < 0.0 || windows.len() * WINDOW <= place + 2 * WINDOW, "{}", place);
        }
        // From every fourth point, what is told after it.
        let points = whole.iter().enumerate().filter(|(_, told)| matches!(told, Told::Point(..)));
        for (number, told) in points.skip(pick).step_by(4) {
            let Told::Point(sample, state) = told else { continue };
            let (mut gate, mut engine, mut again) = (self::gate(cut), Engine { next: 0 }, Recorder::default());
            if let Some((next, state)) = gate.restore(*sample, state).unwrap() {
                engine.next = next;
                prop_assert_eq!(state.to_vec(), next.to_le_bytes().to_vec());
            }
            gate.push(&audio[*sample as usize..], true);
            run(&mut gate, &mut engine, &mut again);
            prop_assert_eq!(events(&again.0), events(&whole[number + 1..]), "from point {}", sample);
        }
        let points: Vec<u64> =
            whole.iter().filter_map(|told| if let Told::Point(sample, _) = told { Some(*sample) } else { None }).collect();
        prop_assert!(points.windows(2).all(|two| two[0] <= two[1]), "{:?}", points);
    }
}
