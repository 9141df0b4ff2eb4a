//! Keyterms and languages, under the same names for every engine.

use auricle_tests::{Client, Host, Setup, library};
use serde_json::{Value, json};

/// Presets of engine `tone`, which has a field for the language and none for keyterms.
fn host() -> Host {
    let tone = |host: Value| json!({"backend": "tone", "host": host});
    Setup::new()
        .plugin(&library("tone"))
        .preset("by-our-name", &tone(json!({"open": ["language"]})))
        .preset("by-its-name", &tone(json!({"open": ["lan"]})))
        .preset("closed", &tone(json!({})))
        .preset("warns", &tone(json!({"open": ["lan"], "unsupported": "warn"})))
        .start()
}

/// The language that the engine was given.
fn language(host: &Host, preset: &str, options: Value) -> Value {
    let mut client = Client::open(host, preset, json!({"options": options}));
    client.audio(&[0; 32_000]);
    client.finish();
    client.events("segment")[0]["language"].clone()
}

#[test]
fn a_language_reaches_the_engine_by_any_of_its_names() {
    let host = host();
    for preset in ["by-our-name", "by-its-name"] {
        for options in [json!({"language": "fr"}), json!({"lan": "fr"}), json!({"languages": ["fr"]})] {
            assert_eq!(language(&host, preset, options.clone()), "fr", "{preset} {options}");
        }
        let fails =
            |options: Value, code, close| Client::start(&host, preset, json!({"options": options})).fails(code, close);
        let twice = fails(json!({"language": "fr", "lan": "de"}), "invalid_option", 4405);
        assert!(twice.contains("`language` and `lan` are the same option"), "{twice}");
        let wrong = fails(json!({"language": 7}), "invalid_option", 4405);
        assert!(wrong.contains("option `language` must be a string"), "{wrong}");
    }
    // The model does not name its languages, so it has any; without the field it is not told.
    assert_eq!(language(&host, "closed", json!({"language": "fr"})), "auto");
    let options = host.preset_report("by-our-name").unwrap()["options"].clone();
    assert_eq!(options.as_object().unwrap().keys().collect::<Vec<_>>(), ["language"]);
    assert_eq!(options["language"]["default"], "auto");
}

#[test]
fn what_an_engine_cannot_do_is_refused_or_the_client_is_warned() {
    let host = host();
    for (options, told) in [
        (json!({"keyterms": ["Auricle"]}), "`keyterms`: the engine `tone` of preset `closed` takes none"),
        (json!({"languages": ["fr", "de"]}), "`languages`: the model of preset `closed` cannot be limited"),
    ] {
        let message = Client::start(&host, "closed", json!({"options": options})).fails("invalid_option", 4405);
        assert!(message.contains(told), "{message}");
    }
    let options = json!({"keyterms": ["Auricle"], "languages": ["fr", "de"], "language": "it"});
    let mut client = Client::open(&host, "warns", json!({"options": options}));
    client.audio(&[0; 32_000]);
    client.finish();
    assert_eq!(client.events("segment")[0]["language"], "it");
    let warnings = client.events("warning");
    assert_eq!(warnings.iter().map(|warning| &warning["field"]).collect::<Vec<_>>(), ["keyterms", "languages"]);
    assert_eq!((&client.heard[0]["type"], &client.heard[1]["type"]), (&json!("ready"), &json!("warning")));
    host.wait_for_log(&["the client is warned", "takes none"], 1);
    let numbers: Vec<_> = client.heard.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
}
