//! The engine as the server sees it: through the boundary, from configuration to events, on the committed model.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_plugin_api::{ErrorCode, Replay};
use harness::{Told, digits, feed, fixture, hear, root};
use proptest::prelude::*;
use serde_json::json;
use std::fs;

/// What is said in the bundled recording, a line for each group.
fn spoken() -> Vec<String> {
    let text = fs::read_to_string(root().join("fixtures/digits.txt")).unwrap();
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_bundled_digits_are_heard_with_times_and_confidences() {
    let (model, config) = digits(json!({}));
    let audio = fixture("digits.wav");
    let told = hear(&model, &config, &audio);
    assert_eq!(told.texts().join(" "), spoken().join(" "));
    let mut last = 0;
    for segment in &told.segments {
        assert!(last <= segment.start && segment.start < segment.end, "{segment:?}");
        assert_eq!(segment.words.len(), segment.text().split(' ').count());
        assert_eq!((segment.words[0].start, segment.words.last().unwrap().end), (segment.start, segment.end));
        for word in &segment.words {
            assert!(last <= word.start && word.start < word.end, "{word:?}");
            assert!((0.0..=1.0).contains(&word.confidence.unwrap()), "{word:?}");
            last = word.end;
        }
    }
    assert!(last <= audio.len() as u64 + 4_800, "{last}");
    assert_eq!(told.speech.len(), told.segments.len());
    let partial = told.partials.iter().map(|partial| partial.text().into_owned()).next().unwrap();
    assert!(told.texts()[0].starts_with(&partial), "{partial}");
}

#[test]
fn says_what_it_is() {
    let (model, _) = digits(json!({"lan": "en"}));
    let metadata = model.metadata();
    assert_eq!((metadata.sample_rate, metadata.replay, metadata.separator.as_str()), (16_000, Replay::Exact, " "));
    assert_eq!(metadata.languages, ["en"]);
    assert!(metadata.capabilities.contains(&"word-times".to_owned()));
}

#[test]
fn silence_ends_an_utterance_after_the_time_that_was_asked_for() {
    let audio = [fixture("digits.wav"), vec![0.0; 64_000]].concat();
    let ends = |seconds: f64| {
        let (model, config) = digits(json!({"rule2_min_trailing_silence": seconds}));
        hear(&model, &config, &audio)
    };
    let (short, long) = (ends(0.3), ends(3.0));
    assert!(short.ends.len() > long.ends.len(), "{:?} {:?}", short.ends, long.ends);
    assert_eq!(short.texts().join(" "), long.texts().join(" "));
    assert_eq!(long.ends.len(), 1);
    let silence = (long.ends[0] - long.segments[0].end) as f64 / 16_000.0;
    assert!((3.0..3.3).contains(&silence), "{silence}");
}

#[test]
fn silence_alone_begins_an_utterance_anew_after_the_time_that_was_asked_for() {
    let audio = [vec![0.0; 48_000], fixture("digits.wav")].concat();
    let first_end = |seconds: f64| {
        let (model, config) = digits(json!({
            "rule1_min_trailing_silence": seconds,
            "rule2_min_trailing_silence": 60,
            "rule3_min_utterance_length": 4,
        }));
        hear(&model, &config, &audio).ends[0] as f64 / 16_000.0
    };
    // An utterance of four seconds that begins with the audio, or after the first two of silence.
    let (whole, anew) = (first_end(60.0), first_end(2.0));
    assert!((4.0..4.3).contains(&whole) && (6.0..6.3).contains(&anew), "{whole} {anew}");
}

#[test]
fn speech_without_end_is_cut_by_the_third_rule_and_loses_nothing() {
    let audio = fixture("digits.wav");
    let (model, config) = digits(json!({"rule2_min_trailing_silence": 60, "rule3_min_utterance_length": 2}));
    let told = hear(&model, &config, &audio);
    assert!(told.segments.len() > 2, "{:?}", told.texts());
    assert_eq!(told.texts().join(" "), spoken().join(" "));
}

#[test]
fn nothing_is_said_of_silence() {
    let (model, config) = digits(json!({}));
    let told = hear(&model, &config, &vec![0.0; 160_000]);
    assert!(told.segments.is_empty() && told.partials.is_empty() && told.ends.is_empty(), "{told:?}");
}

#[test]
fn streams_of_one_model_do_not_hear_one_another() {
    let (model, config) = digits(json!({}));
    let audio = fixture("digits.wav");
    let alone = hear(&model, &config, &audio);
    let mut streams: Vec<_> = (0..3).map(|_| (model.processor(&config).unwrap(), Told::default())).collect();
    for (processor, _) in &mut streams {
        processor.init(0).unwrap();
    }
    // The second is a chunk behind, the third hears silence.
    let chunks: Vec<&[f32]> = audio.chunks(2_560).collect();
    for n in 0..=chunks.len() {
        for (stream, (processor, told)) in streams.iter_mut().enumerate() {
            let chunk = if stream == 1 { n.checked_sub(1).map(|n| chunks[n]) } else { chunks.get(n).copied() };
            let Some(chunk) = chunk else { continue };
            let silence = vec![0.0; chunk.len()];
            processor.insert_audio_chunk(if stream == 2 { &silence } else { chunk }).unwrap();
            processor.process_iter(told).unwrap();
        }
    }
    let told: Vec<Told> = streams
        .into_iter()
        .map(|(mut processor, mut told)| {
            processor.finish(&mut told).unwrap();
            told
        })
        .collect();
    assert_eq!((&told[0], &told[1]), (&alone, &alone));
    assert!(told[2].segments.is_empty());
}

#[test]
fn a_new_beginning_forgets_what_was_and_counts_from_its_offset() {
    let (model, config) = digits(json!({}));
    let audio = fixture("digits.wav");
    let expected = hear(&model, &config, &audio);
    let mut processor = model.processor(&config).unwrap();
    processor.init(0).unwrap();
    processor.insert_audio_chunk(&audio[8_000..40_000]).unwrap();
    processor.process_iter(&mut Told::default()).unwrap();
    processor.init(1_000_000).unwrap();
    let mut told = Told::default();
    feed(&mut processor, &audio, 2_560, &mut told);
    assert_eq!(told.texts(), expected.texts());
    let starts = |told: &Told| told.segments.iter().map(|segment| segment.start).collect::<Vec<_>>();
    assert_eq!(starts(&told), starts(&expected).iter().map(|start| start + 1_000_000).collect::<Vec<_>>());
}

#[test]
fn a_stream_goes_on_exactly_from_any_restart_point() {
    let (model, config) = digits(json!({}));
    let audio = fixture("digits.wav");
    let whole = hear(&model, &config, &audio);
    assert!(whole.points.len() >= audio.len() / 32_000, "{}", whole.points.len());
    for (sample, state) in &whole.points {
        assert!(state.len() <= 1 << 20, "{}", state.len());
        let mut processor = model.processor(&config).unwrap();
        processor.restore(*sample, state).unwrap();
        let mut told = Told::default();
        feed(&mut processor, &audio[*sample as usize..], 2_560, &mut told);
        let rest = &whole.segments[whole.segments.len() - told.segments.len()..];
        assert_eq!(told.segments, rest, "from {sample}");
        let left = audio.len() as u64 - sample;
        assert!(!told.segments.is_empty() || left < 32_000, "from {sample}");
    }
}

#[test]
fn a_restart_point_of_elsewhere_is_refused() {
    let (model, config) = digits(json!({}));
    let whole = hear(&model, &config, &fixture("digits.wav"));
    let (sample, state) = &whole.points[2];
    let mut processor = model.processor(&config).unwrap();
    for (sample, state) in [(sample + 1, &state[..]), (*sample, &state[..state.len() - 1]), (*sample, b"elsewhere")] {
        assert_eq!(processor.restore(sample, state).unwrap_err().code, ErrorCode::CONTRACT);
    }
    processor.restore(*sample, state).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn the_same_is_heard_however_the_audio_is_cut(chunk in 1usize..20_000) {
        let (model, config) = digits(json!({}));
        let audio = &fixture("digits.wav")[..64_000];
        let expected = hear(&model, &config, audio);
        let mut processor = model.processor(&config).unwrap();
        processor.init(0).unwrap();
        let mut told = Told::default();
        feed(&mut processor, audio, chunk, &mut told);
        prop_assert_eq!(told, expected);
    }
}
