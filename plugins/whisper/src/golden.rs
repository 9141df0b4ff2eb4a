//! The engine against what `transformers` makes of the same weights and recordings (`testdata/README.md`).

use crate::{
    greedy::{Manner, decode},
    model::Whisper,
    network::Audio,
    rules::{Rules, log_sum_exp},
    testing::{fixture, golden, model},
};
use serde_json::Value;

const MODELS: [&str; 2] = ["nano", "nano.en"];
/// Decisions nearer than this may fall otherwise on another computer.
const MARGIN: f64 = 0.01;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|token| token.as_u64().unwrap() as u32).collect()
}

/// The features and the encoder's answer for a recording.
fn encoded(model: &Whisper, recording: &Value) -> (Vec<f32>, Audio) {
    let mut features = vec![0.0; model.settings.config.num_mel_bins * model.frames()];
    model.features_of(&fixture(recording["file"].as_str().unwrap()), &mut features);
    let audio = model.network.encode(&features).unwrap();
    (features, audio)
}

fn each_recording(check: impl Fn(&str, &Whisper, &Value)) {
    for name in MODELS {
        let (model, golden) = (model(name), golden(name));
        for recording in golden["recordings"].as_array().unwrap() {
            check(name, &model, recording);
        }
    }
}

#[test]
fn features_are_the_references() {
    each_recording(|name, model, recording| {
        let (features, _) = encoded(model, recording);
        for spot in recording["features"]["spots"].as_array().unwrap() {
            let (bin, frame) = (spot[0].as_u64().unwrap() as usize, spot[1].as_u64().unwrap() as usize);
            let found = f64::from(features[bin * model.frames() + frame]);
            assert!((found - number(&spot[2])).abs() < 1e-4, "{name} {}: {spot}, {found}", recording["file"]);
        }
    });
}

#[test]
fn the_encoder_gives_the_references_states() {
    each_recording(|name, model, recording| {
        let (_, audio) = encoded(model, recording);
        let states = audio.states().unwrap();
        for spot in recording["encoder"]["spots"].as_array().unwrap() {
            let (frame, place) = (spot[0].as_u64().unwrap() as usize, spot[1].as_u64().unwrap() as usize);
            let found = f64::from(states[[frame, place]]);
            assert!((found - number(&spot[2])).abs() < 1e-3, "{name} {}: {spot}, {found}", recording["file"]);
        }
    });
}

#[test]
fn logits_after_given_tokens_are_the_references() {
    for name in MODELS {
        let (model, golden) = (model(name), golden(name));
        let teacher = &golden["teacher"];
        let (_, audio) = encoded(&model, teacher);
        let given = tokens(&teacher["tokens"]);
        let (_, at_once) = model.network.begin(&audio, &given).unwrap();
        let at_once = at_once.all().unwrap();
        let (mut decode, mut last) = model.network.begin(&audio, &given[..1]).unwrap();
        for (position, token) in given.iter().enumerate() {
            if position > 0 {
                last = model.network.next(&mut decode, *token).unwrap();
            }
            let one_by_one = last.last().unwrap();
            let expected = teacher["logits"].as_array().unwrap().iter().find(|row| row["position"] == position);
            let Some(expected) = expected else { continue };
            for row in [at_once.row(position), one_by_one] {
                let row: Vec<f32> = row.iter().copied().collect();
                let sum = f64::from(log_sum_exp(&row));
                assert!((sum - number(&expected["logsumexp"])).abs() < 1e-3, "{name} {position}: {sum}");
                for pair in ["best", "others"].iter().filter_map(|key| expected[*key].as_array()).flatten() {
                    let found = f64::from(row[pair[0].as_u64().unwrap() as usize]);
                    assert!((found - number(&pair[1])).abs() < 1e-3, "{name} {position}: {pair}, {found}");
                }
            }
        }
    }
}

#[test]
fn greedy_decoding_gives_the_references_tokens() {
    each_recording(|name, model, recording| {
        let (_, audio) = encoded(model, recording);
        for expected in recording["decoded"].as_array().unwrap() {
            let prompt = tokens(&expected["prompt"]);
            let rules = Rules::new(&model.settings, &model.vocabulary, expected["timestamps"].as_bool().unwrap());
            let no_speech = model.vocabulary.no_speech.map(|token| (token, 0));
            let wanted = tokens(&expected["tokens"]);
            let (end, most) = (model.vocabulary.end, wanted.len());
            let manner = Manner { rules: &rules, end, no_speech, most, temperature: 0.0, seed: 0 };
            let mut decoded = decode(&model.network, &audio, &prompt, &manner, &|| false).unwrap();
            if decoded.logprobs.len() > decoded.tokens.len() {
                decoded.tokens.push(end);
            }
            let file = format!("{name} {} timestamps {}", recording["file"], expected["timestamps"]);
            let margins = expected["margins"].as_array().unwrap();
            let sure = margins.iter().position(|margin| number(margin) < MARGIN).unwrap_or(wanted.len());
            assert_eq!(decoded.tokens[..sure], wanted[..sure], "{file}");
            let found = f64::from(decoded.no_speech.unwrap());
            assert!((found - number(&recording["no_speech"])).abs() < 1e-4, "{file}: {found}");
        }
    });
}
