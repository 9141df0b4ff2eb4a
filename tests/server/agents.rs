//! Agents with the dialects that they speak: the services of Pipecat and the plug-ins of LiveKit for OpenAI and Deepgram,
//! unmodified. Half a gigabyte each, so only with the long tests.

use super::timed::digits;
use auricle_tests::{Host, PublishedClients, auricle, fixture, long, printed, skip, words};
use serde_json::Value;
use std::fs;

/// A server with the digits' model as every model of OpenAI and Deepgram, and a key.
fn server() -> (Host, String) {
    let setup = digits();
    let keys = setup.path("configs/keys.toml");
    let output = auricle().args(["key", "add", "agent", "--file"]).arg(&keys).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let models = "[models]\n\"gpt-*\" = \"digits\"\n\"nova-*\" = \"digits\"\n";
    (setup.settings(&format!("keys = \"keys.toml\"\n{models}")).start(), key)
}

/// The words that a program of the folder hears, for each service with a model.
fn hear(clients: &'static str, services: &[(&str, &str)]) {
    if !long() {
        return skip(format_args!("{clients}: its libraries are half a gigabyte; it is among the long tests"));
    }
    let (host, key) = server();
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    let (file, count) = (fixture("digits.wav"), spoken.len().to_string());
    for (service, model) in services {
        let args = [service, host.address(), &key, model, file.to_str().unwrap(), &count];
        let Some(ran) = PublishedClients(clients).python("client.py", &args) else { return };
        let told: Value = serde_json::from_str(printed(ran).lines().last().unwrap()).unwrap();
        let texts = told["texts"].as_array().unwrap_or_else(|| panic!("{clients} {service}: {told}"));
        let heard: Vec<_> = texts.iter().flat_map(|text| words(text.as_str().unwrap())).collect();
        assert_eq!(heard, spoken, "{clients} {service}: {told}");
        assert!(told["errors"].as_array().is_none_or(Vec::is_empty), "{clients} {service}: {told}");
    }
}

#[test]
fn pipecat_gets_all_words() {
    let services =
        [("openai", "gpt-realtime-whisper"), ("openai-server", "gpt-transcribe"), ("deepgram", "nova-3-general")];
    hear("pipecat", &services);
}

#[test]
fn livekit_gets_all_words() {
    // With the second model its own detection of speech commits.
    let services = [("openai", "gpt-4o-mini-transcribe"), ("openai", "gpt-realtime-whisper"), ("deepgram", "nova-3")];
    hear("livekit", &services);
}
