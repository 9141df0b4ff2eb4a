//! Deepgram's protocol for conversations, Flux: `/v2/listen` of the main listener, and the clients of PyPI `deepgram-sdk` and npm
//! `@deepgram/sdk`, unmodified.

use super::{
    deepgram::{Live, RAW, keyed, of, published, said, tone, with_key},
    sockets::Answer,
    timed::{Timed, assert_same, conversation, digits, native_words},
};
use auricle_tests::{Host, fixture, noise, wav, words};
use serde_json::{Value, json};
use std::fs;
use tungstenite::Message;

fn knock(host: &Host, query: &str, headers: &[(&'static str, &str)]) -> Result<Live, Box<Answer>> {
    Live::knock_at(host, &format!("/v2/listen?{query}"), headers)
}

fn connect(host: &Host, query: &str) -> Live {
    knock(host, query, &[]).unwrap()
}

/// The ends of turns.
fn ends(messages: &[Value]) -> Vec<&Value> {
    of(messages, "TurnInfo").into_iter().filter(|turn| turn["event"] == "EndOfTurn").collect()
}

fn texts(messages: &[Value]) -> Vec<String> {
    ends(messages).into_iter().flat_map(|turn| words(turn["transcript"].as_str().unwrap())).collect()
}

fn timed(messages: &[Value]) -> Vec<Timed> {
    let number = |word: &Value, key: &str| word[key].as_f64().unwrap();
    let words = ends(messages).into_iter().flat_map(|turn| turn["words"].as_array().unwrap());
    words
        .map(|word| {
            let text = word["word"].as_str().unwrap().to_owned();
            (text, number(word, "start"), number(word, "end"), number(word, "confidence"))
        })
        .collect()
}

/// Checks that messages are numbered, and that turns begin, go on, and end, one after another.
fn assert_turns(messages: &[Value]) {
    assert_eq!(messages[0]["type"], "Connected");
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(
            (&message["sequence_id"], &message["request_id"]),
            (&json!(number), &messages[0]["request_id"]),
            "{message}"
        );
    }
    let (mut index, mut is_open, mut end) = (0, false, 0.0);
    for turn in of(messages, "TurnInfo") {
        // JavaScript writes whole numbers without a point.
        assert_eq!((&turn["turn_index"], turn["audio_window_start"].as_f64()), (&json!(index), Some(end)), "{turn}");
        let event = turn["event"].as_str().unwrap();
        assert_eq!(is_open, event != "StartOfTurn", "{turn}");
        assert_eq!(turn.get("trigger").is_some(), event == "EndOfTurn", "{turn}");
        is_open = event != "EndOfTurn";
        if !is_open {
            index += 1;
            end = turn["audio_window_end"].as_f64().unwrap();
        }
    }
    assert!(!is_open && index > 0, "{messages:?}");
}

#[test]
fn turns_follow_each_other_to_the_end_of_the_audio() {
    let host = tone().start();
    let audio = noise(1, 100_000);
    let mut client = connect(&host, &format!("{RAW}&model=nova-2&eot_threshold=0.8&numerals=true&mip_opt_out=false"));
    let id = client.1.headers()["dg-request-id"].to_str().unwrap().to_owned();
    client.audio(&audio);
    let messages = client.finish();
    assert_turns(&messages);
    assert_eq!((texts(&messages), &messages[0]["request_id"]), (said(&audio), &json!(id)));
    let ends = ends(&messages);
    assert!(ends.iter().all(|turn| turn["trigger"] == "model" && turn["end_of_turn_confidence"] == 1.0), "{ends:?}");
    let warning = &messages[1];
    let told = (warning["code"].as_str().unwrap(), warning["description"].as_str().unwrap());
    assert_eq!(told, ("PARAMETERS_WITHOUT_EFFECT", "without effect on this server: `eot_threshold`, `numerals`"));
    let counted = "auricle_ignored_parameters_total{dialect=\"deepgram-flux\",parameter=\"numerals\"} 1";
    assert!(host.get("/metrics").1.contains(counted));
}

#[test]
fn words_are_those_of_the_native_protocol() {
    let host = digits().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let native = native_words(&host, &audio);
    let mut client = connect(&host, &format!("{RAW}&language_hint=en-GB&model=digits"));
    client.audio(&audio);
    let messages = client.finish();
    assert_turns(&messages);
    assert_same(&timed(&messages), &native, 0.001);
    assert!(ends(&messages).iter().all(|turn| turn["languages_hinted"] == json!(["en-GB"])), "{messages:?}");
}

#[test]
fn a_client_can_end_a_turn() {
    let host = tone().start();
    let audio = noise(2, 20_000);
    let mut client = connect(&host, RAW);
    // Nothing was said.
    client.say("ForceEndTurn");
    client.audio(&audio);
    client.say("ForceEndTurn");
    client.say("KeepAlive");
    client.audio(&audio);
    // An empty message is the end, too.
    client.0.send(Message::binary(Vec::new())).unwrap();
    let (messages, code, _) = client.rest();
    assert_eq!(code, 1000);
    assert_turns(&messages);
    assert_eq!(texts(&messages), [said(&audio), said(&audio)].concat());
    let ends = ends(&messages);
    let first = ends.iter().find(|turn| turn["trigger"] == "manual").unwrap();
    assert!((first["audio_window_end"].as_f64().unwrap() - 1.25).abs() < 1e-6, "{ends:?}");
}

#[test]
fn a_silence_ends_a_turn() {
    let host = digits().start();
    let (_, mut audio) = wav(&fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    audio.extend([0; 64_000]);
    // The endpoint of the engine would come later.
    let mut client = connect(&host, &format!("{RAW}&eot_timeout_ms=9000"));
    client.0.send(Message::text(r#"{"type":"Configure","thresholds":{"eot_timeout_ms":800}}"#)).unwrap();
    client.audio(&audio);
    let messages = client.finish();
    assert_turns(&messages);
    assert_eq!(messages[1]["thresholds"], json!({"eot_timeout_ms": 800}));
    assert_eq!(texts(&messages), spoken);
    assert_eq!(ends(&messages).last().unwrap()["trigger"], "timeout", "{messages:?}");
}

/// A client that wants early ends, and whose turns only a pause ends.
const EAGER: &str = "model=conversation&eager_eot_threshold=0.05&eot_threshold=0.99&eot_timeout_ms=600";

/// Checks that after an early end the turn ends, or goes on; returns the number of early ends.
fn early_ends(messages: &[Value]) -> usize {
    let events: Vec<_> = of(messages, "TurnInfo").iter().map(|turn| turn["event"].as_str().unwrap()).collect();
    for pair in events.windows(2) {
        let is_early = pair[0] == "EagerEndOfTurn";
        assert!(!is_early || ["TurnResumed", "EndOfTurn"].contains(&pair[1]), "{events:?}");
        assert!(is_early || pair[1] != "TurnResumed", "{events:?}");
    }
    events.iter().filter(|event| **event == "EagerEndOfTurn").count()
}

#[test]
fn a_stage_finds_the_turns_as_the_client_wants() {
    let host = conversation().start();
    let (_, mut audio) = wav(&fixture("digits.wav"));
    audio.extend([0; 32_000]);
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let hear = |query: &str| {
        let mut client = connect(&host, &format!("{RAW}&{query}"));
        client.audio(&audio);
        let messages = client.finish();
        assert_turns(&messages);
        assert_eq!(texts(&messages), spoken, "{query}");
        messages
    };
    let told = hear(EAGER);
    assert!(early_ends(&told) > 0, "{told:?}");
    let triggers: Vec<_> = ends(&told).iter().map(|turn| turn["trigger"].clone()).collect();
    assert!(triggers.len() > 2 && triggers.iter().any(|trigger| trigger == "timeout"), "{triggers:?}");
    // A turn ends as soon as the stage thinks so.
    let told = hear("model=conversation&eot_threshold=0.05");
    let sure: Vec<_> = ends(&told).into_iter().filter(|turn| turn["trigger"] == "model").collect();
    assert!(!sure.is_empty() && sure.iter().all(|turn| turn["end_of_turn_confidence"].as_f64().unwrap() >= 0.05));
    assert_eq!(early_ends(&told), 0);
}

#[test]
fn the_thresholds_of_a_stage_can_be_set_until_there_is_audio() {
    let host = conversation().start();
    let (_, audio) = wav(&fixture("digits.wav"));
    let mut client = connect(&host, &format!("{RAW}&{EAGER}"));
    let configure = |client: &mut Live, thresholds: Value| {
        let message = json!({"type": "Configure", "thresholds": thresholds});
        client.0.send(Message::text(message.to_string())).unwrap();
    };
    configure(&mut client, json!({"eot_threshold": 0.9}));
    configure(&mut client, json!({"eot_threshold": 0.01}));
    client.audio(&audio);
    configure(&mut client, json!({"eot_threshold": 0.9, "eot_timeout_ms": 600}));
    configure(&mut client, json!({"eot_timeout_ms": 900}));
    let messages = client.finish();
    let thresholds = json!({"eager_eot_threshold": 0.05, "eot_threshold": 0.9, "eot_timeout_ms": 600});
    let successes: Vec<_> = of(&messages, "ConfigureSuccess").iter().map(|told| told["thresholds"].clone()).collect();
    assert_eq!(successes, [thresholds.clone(), thresholds]);
    let codes: Vec<_> = of(&messages, "ConfigureFailure").iter().map(|told| told["code"].clone()).collect();
    assert_eq!(codes, ["CONFIGURE_THRESHOLDS_INVALID", "CONFIGURE_THRESHOLDS_NOT_SUPPORTED"]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let host = digits().settings("").start();
    for (query, problem) in [
        ("encoding=linear16", "`sample_rate` is required"),
        ("encoding=opus&sample_rate=16000", "`encoding` is `opus`"),
        (&format!("{RAW}&eager_eot_threshold=0.4"), "`eager_eot_threshold` needs a preset that opens"),
        (&format!("{RAW}&redact=numbers"), "`redact` is not supported"),
        (&format!("{RAW}&model=flux-general-en"), "there is no model `flux-general-en`"),
        (&format!("{RAW}&keyterm=one"), "`keyterm` needs a preset that opens `keyterms`"),
    ] {
        let answer = knock(&host, query, &[]).err().unwrap();
        let body: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
        assert!(answer.status() == 400 && body["err_msg"].as_str().unwrap().contains(problem), "{query}: {body}");
    }
    // Whether the model has the language is known when it is loaded.
    let mut client = connect(&host, &format!("{RAW}&language_hint=de"));
    client.audio(&[0; 1_600]);
    let (messages, code, reason) = client.rest();
    assert_eq!((&messages[1]["type"], &messages[1]["code"], code), (&json!("Error"), &json!("INVALID_OPTION"), 1008));
    assert!(reason.starts_with("invalid_option: `language` is `de`"), "{reason}");
    let mut client = connect(&host, RAW);
    client.say("Finalize");
    let (messages, code, _) = client.rest();
    assert_eq!((&messages[1]["code"], code), (&json!("UNPARSABLE_CLIENT_MESSAGE"), 1008));
    // A refused change does not end the stream.
    let mut client = connect(&host, RAW);
    client.0.send(Message::text(r#"{"type":"Configure","keyterms":["a"]}"#)).unwrap();
    let kinds: Vec<_> = client.finish().iter().map(|message| message["type"].clone()).collect();
    assert_eq!(kinds, ["Connected", "ConfigureFailure"]);
}

#[test]
fn a_file_shows_its_format() {
    let host = digits().start();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let mut client = connect(&host, "model=digits");
    let file = fs::read(fixture("digits.wav")).unwrap();
    file.chunks(5_000).for_each(|piece| client.0.send(Message::binary(piece.to_vec())).unwrap());
    assert_eq!(texts(&client.finish()), spoken);
}

#[test]
fn the_published_clients_get_all_words() {
    let (host, key) = with_key();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let options = json!({
        "model": "nova-3", "eot_threshold": 0.7, "eot_timeout_ms": 5000, "numerals": false,
        "configure": {"eot_timeout_ms": 6000},
    });
    for program in ["flux.py", "flux.mjs"] {
        let Some(got) = published(program, "waits", &host, &key, options.clone()) else { continue };
        assert_eq!(got["errors"], json!([]), "{program}: {got}");
        let messages = got["messages"].as_array().unwrap();
        assert_turns(messages);
        assert_eq!(texts(messages), spoken, "{program}");
        assert_eq!(of(messages, "ConfigureSuccess").len(), 1, "{program}");
        assert!(ends(messages).iter().any(|turn| turn["trigger"] == "manual"), "{program}");
    }
    let Some(got) = published("flux.py", "waits", &host, "unknown", options) else { return };
    assert_eq!(got, json!({"status": 401}));
}

#[test]
fn the_published_clients_get_early_ends() {
    let (host, key) = keyed(conversation());
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let options = json!({
        "model": "conversation", "eager_eot_threshold": 0.05, "eot_threshold": 0.9, "configure": {"eot_threshold": 0.99, "eot_timeout_ms": 600},
    });
    for program in ["flux.py", "flux.mjs"] {
        let Some(got) = published(program, "waits", &host, &key, options.clone()) else { continue };
        assert_eq!(got["errors"], json!([]), "{program}: {got}");
        let messages = got["messages"].as_array().unwrap();
        assert_turns(messages);
        assert_eq!(texts(messages), spoken, "{program}");
        assert!(early_ends(messages) > 0, "{program}: {messages:?}");
        assert!(ends(messages).iter().any(|turn| turn["trigger"] == "timeout"), "{program}");
        let thresholds = &of(messages, "ConfigureSuccess")[0]["thresholds"];
        assert_eq!(thresholds["eot_threshold"], json!(0.99), "{program}: {thresholds}");
    }
}
