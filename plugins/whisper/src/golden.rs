//! Compares the engine with the results of `transformers` for the same weights and recordings (`testdata/README.md`).

use crate::{
    alignment,
    decoding::{Decoded, Draft, Manner, Prompt, decode},
    logits::log_sum_exp,
    model::Whisper,
    network::Audio,
    passages,
    rules::Rules,
    testing::{Referenced, fixture, halved, referenced},
    timing::Timing,
    window::Window,
};
use auricle_plugin_kit::logmel::LogMel;
use serde_json::Value;
use std::sync::Arc;

/// Decisions closer than this may differ on another computer.
const MARGIN: f64 = 0.01;
/// A frame of the encoder, and half of one for the rounding of printed times.
const FRAME: f64 = 0.021;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|token| token.as_u64().unwrap() as u32).collect()
}

/// The features, and the encoder's output for a recording.
fn encoded(model: &Whisper, recording: &Value) -> (Window, Audio) {
    let mut window = Window::new(model.settings.config.num_mel_bins, model.frames());
    let mut logmel = LogMel::new(Arc::clone(&model.features));
    logmel.push(&fixture(recording["file"].as_str().unwrap()));
    logmel.features(model.frames(), &mut window.features);
    // The reference computes all of the window.
    window.sounding = window.frames;
    let audio = model.network.encode(&window).unwrap();
    (window, audio)
}

fn each_recording(check: impl Fn(&str, &Whisper, &Value)) {
    for Referenced { name, model, golden } in referenced() {
        for recording in golden["recordings"].as_array().unwrap() {
            check(&name, &model, recording);
        }
    }
}

/// Decodes like the reference: with its prompt, with or without timestamps, and with at most as many tokens.
fn decoded(model: &Whisper, audio: &Audio, expected: &Value, most: usize, beams: usize, draft: Draft<'_>) -> Decoded {
    let rules = Rules::new(&model.settings, &model.vocabulary, expected["timestamps"].as_bool().unwrap());
    let prompt = Prompt { tokens: tokens(&expected["prompt"]), start: 0 };
    let (end, no_speech) = (model.vocabulary.end, model.vocabulary.no_speech);
    let manner = Manner { rules: &rules, end, no_speech, most, beams, repetitions: 0, draft, cancelled: &|| false };
    decode(&model.network, audio, &prompt, &manner, 0.0, 0, &mut Timing::begin()).unwrap()
}

#[test]
fn features_are_the_references() {
    each_recording(|name, model, recording| {
        let (window, _) = encoded(model, recording);
        for spot in recording["features"]["spots"].as_array().unwrap() {
            let (bin, frame) = (spot[0].as_u64().unwrap() as usize, spot[1].as_u64().unwrap() as usize);
            let found = f64::from(window.features[bin * window.frames + frame]);
            assert!((found - number(&spot[2])).abs() < 1e-4, "{name} {}: {spot}, {found}", recording["file"]);
        }
    });
}

#[test]
fn the_encoder_gives_the_references_states() {
    each_recording(|name, model, recording| {
        if model.layout == "fast" {
            // The text is not comparable after that, but the logits were compared.
            return;
        }
        let (_, audio) = encoded(model, recording);
        let (shape, states) = audio.values(0).unwrap();
        for spot in recording["encoder"]["spots"].as_array().unwrap() {
            let (frame, place) = (spot[0].as_u64().unwrap() as usize, spot[1].as_u64().unwrap() as usize);
            let found = f64::from(states[frame * shape[2] as usize + place]);
            assert!((found - number(&spot[2])).abs() < 1e-3, "{name} {}: {spot}, {found}", recording["file"]);
        }
    });
}

#[test]
fn logits_after_given_tokens_are_the_references() {
    for Referenced { name, model, golden } in referenced() {
        let teacher = &golden["teacher"];
        let (_, audio) = encoded(&model, teacher);
        let given = tokens(&teacher["tokens"]);
        let rows: Vec<usize> = (0..given.len()).collect();
        let mut at_once = model.network.begin(&audio, &given, &rows, 1).unwrap();
        let mut one_by_one = model.network.begin(&audio, &given[..1], &[0], 1).unwrap();
        for (position, token) in given.iter().enumerate() {
            if position > 0 {
                one_by_one.step(&[*token], &[0]).unwrap();
            }
            let expected = teacher["logits"].as_array().unwrap().iter().find(|row| row["position"] == position);
            let Some(expected) = expected else { continue };
            for row in [at_once.logits(position).unwrap(), one_by_one.logits(0).unwrap()] {
                let sum = f64::from(log_sum_exp(row));
                assert!((sum - number(&expected["logsumexp"])).abs() < 1e-3, "{name} {position}: {sum}");
                for pair in ["best", "others"].iter().filter_map(|key| expected[*key].as_array()).flatten() {
                    let found = f64::from(row[pair[0].as_u64().unwrap() as usize]);
                    assert!((found - number(&pair[1])).abs() < 1e-3, "{name} {position}: {pair}, {found}");
                }
            }
        }
    }
}

/// Greedy decoding gives the reference's tokens, and the probability of no speech within `exact`.
fn assert_greedy(name: &str, model: &Whisper, recording: &Value, exact: f64) {
    let (_, audio) = encoded(model, recording);
    for expected in recording["decoded"].as_array().unwrap() {
        let wanted = tokens(&expected["tokens"]);
        let file = format!("{name} {} timestamps {}", recording["file"], expected["timestamps"]);
        let sure = numbers(&expected["margins"]).iter().position(|margin| *margin < MARGIN).unwrap_or(wanted.len());
        // A draft has no effect on the text, whether it is right, in part, or wrong.
        let mixed: Vec<u32> = wanted.iter().enumerate().map(|(at, token)| token + u32::from(at % 5 == 3)).collect();
        for draft in [&[], wanted.as_slice(), &wanted[wanted.len() / 3..], &mixed, &[7; 50]] {
            let mut decoded = decoded(model, &audio, expected, wanted.len(), 1, Draft::new(draft));
            if decoded.logprobs.len() > decoded.tokens.len() {
                decoded.tokens.push(model.vocabulary.end);
            }
            assert_eq!(decoded.tokens[..sure], wanted[..sure], "{file}, draft {draft:?}");
            let found = f64::from(decoded.no_speech.unwrap());
            assert!((found - number(&recording["no_speech"])).abs() < exact, "{file}: {found}");
        }
    }
}

#[test]
fn greedy_decoding_gives_the_references_tokens() {
    each_recording(|name, model, recording| assert_greedy(name, model, recording, 1e-4));
}

#[test]
fn an_export_of_16_bits_says_what_that_of_32_says() {
    let Referenced { name, model, golden } = halved();
    for recording in golden["recordings"].as_array().unwrap() {
        assert_greedy(&name, &model, recording, 1e-2);
        let (_, audio) = encoded(&model, recording);
        assert!(audio.values(0).is_err(), "the encoder returned 32 bits");
        // The attention of a token over the whole window sums to one.
        let states = model.settings.config.max_source_positions;
        let said = tokens(&recording["decoded"][0]["tokens"]);
        let looks = model.network.attention(&audio, &said, 0, states).unwrap();
        assert_eq!((looks.heads, looks.tokens), (2, said.len()));
        for row in looks.values.chunks_exact(states) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-2);
        }
    }
}

#[test]
fn beams_give_the_references_tokens() {
    each_recording(|name, model, recording| {
        let (_, audio) = encoded(model, recording);
        for expected in recording["decoded"].as_array().unwrap() {
            // The reference may use all of the room.
            let most = model.settings.config.max_target_positions - tokens(&expected["prompt"]).len();
            let beams = decoded(model, &audio, expected, most, 5, Draft::default());
            let file = format!("{name} {} timestamps {}", recording["file"], expected["timestamps"]);
            let mut found = beams.tokens.clone();
            found.push(model.vocabulary.end);
            let score = f64::from(beams.mean_logprob());
            assert!((score - number(&expected["beam"]["score"])).abs() < 1e-3, "{file}: {score}");
            // Rounding may swap two equally good texts; no committed model has such a pair.
            let same = found == tokens(&expected["beam"]["tokens"]);
            assert!(same || !name.starts_with("nano"), "{file}: {found:?}");
        }
    });
}

#[test]
fn words_are_spoken_when_the_reference_says() {
    let mut words = 0;
    for Referenced { name, model, golden } in referenced() {
        if !model.network.attends() {
            assert_eq!(name, "nano.en");
            continue;
        }
        for recording in golden["recordings"].as_array().unwrap() {
            let (_, audio) = encoded(&model, recording);
            for expected in recording["decoded"].as_array().unwrap() {
                let prompt = tokens(&expected["prompt"]);
                let mut said = tokens(&expected["tokens"]);
                said.pop();
                let all = [prompt.as_slice(), &said].concat();
                let frames = recording["frames"].as_u64().unwrap() as usize / 2;
                let attention = model.network.attention(&audio, &all, prompt.len(), frames).unwrap();
                let ends = alignment::token_ends(&attention, model.settings.config.median_filter_width);
                let file = format!("{name} {}", recording["file"]);
                for (found, expected) in ends.iter().zip(numbers(&expected["token_times"])) {
                    assert!((found - expected).abs() < FRAME, "{file}: {ends:?}");
                }
                if expected["timestamps"] == true {
                    continue;
                }
                let pieces = passages::words(&said, &model.vocabulary, Some("en")).unwrap();
                let times = passages::aligned(&pieces, 0, &ends);
                // Words are split differently at punctuation. Words that both have must have the same times.
                let mut at = 0;
                let places = pieces.iter().map(|piece| (move_past(&mut at, &piece.text), at)).collect::<Vec<_>>();
                let mut at = 0;
                for word in expected["words"].as_array().unwrap() {
                    let place = (move_past(&mut at, word[0].as_str().unwrap()), at);
                    let Some(same) = places.iter().position(|other| *other == place) else { continue };
                    let (start, end) = times[same];
                    assert!((start - number(&word[1])).abs() < FRAME, "{file}: {word} {start} {end}");
                    assert!((end - number(&word[2])).abs() < FRAME, "{file}: {word} {start} {end}");
                    words += 1;
                }
            }
        }
    }
    assert!(words >= 10, "only {words} words were the same");
}

/// Advances a place in a text, and returns the previous one.
fn move_past(place: &mut usize, text: &str) -> usize {
    std::mem::replace(place, *place + text.chars().count())
}
