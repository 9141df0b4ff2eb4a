//! Offers that are refused: in the original server's form, and with the failure's code.

use super::{call, last, over_websocket, setup, texts};
use auricle_tests::{Client, Host, Setup, auricle, fixture, library, limit};
use serde_json::{Value, json};
use std::fs;

/// An offer of a browser, with a certificate that nobody has.
pub(super) fn offer() -> String {
    let fingerprint = vec!["7F"; 32].join(":");
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdef01234567",
        &format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:actpass",
        "a=mid:0",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=ssrc:1001 cname:one",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdef01234567",
        &format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:actpass",
        "a=mid:1",
        "a=sctp-port:5000",
        "",
    ]
    .join("\r\n")
}

/// Posts a body. Returns the status and the JSON of the response.
pub(in super::super) fn post(host: &Host, path: &str, body: &str, key: Option<&str>) -> (u16, Value) {
    let url = format!("http://{}{path}", host.address());
    let mut request = ureq::post(&url).config().http_status_as_error(false).timeout_global(Some(limit())).build();
    if let Some(key) = key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let mut answer = request.header("Content-Type", "application/json").send(body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

/// Offers a connection.
pub(in super::super) fn knock(host: &Host, id: &str, more: Value) -> (u16, Value) {
    let mut body = json!({"sdp": offer(), "type": "offer", "webrtc_id": id});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(host, "/webrtc/offer", &body.to_string(), None)
}

fn refused(answer: (u16, Value), status: u16, error: &str, message: &str) {
    let (got, body) = answer;
    assert_eq!(
        (got, &body["status"], body["meta"]["error"].as_str()),
        (status, &json!("failed"), Some(error)),
        "{body}"
    );
    assert!(body["meta"]["message"].as_str().unwrap().contains(message), "{body}");
}

#[test]
fn what_the_original_server_refuses_is_refused_in_its_form() {
    let host = setup("[limits]\nmax_streams = 1\n").start();
    let candidate = json!({"type": "ice-candidate", "webrtc_id": "nobody", "candidate": {"candidate": ""}}).to_string();
    refused(post(&host, "/webrtc/offer", &candidate, None), 200, "unknown_connection", "no connection");
    let (status, answer) = knock(&host, "one", json!({}));
    assert_eq!((status, &answer["type"]), (200, &json!("answer")), "{answer}");
    assert!(answer["sdp"].as_str().unwrap().contains("a=ice-lite"), "{answer}");
    refused(knock(&host, "one", json!({})), 200, "connection_already_exists", "webrtc_id");
    let mut client = Client::open(&host, "tone", json!({}));
    let (status, body) = knock(&host, "two", json!({}));
    assert_eq!((status, &body["meta"]["error"]), (200, &json!("concurrency_limit_reached")), "{body}");
    assert_eq!(body["meta"]["limit"], 1);
    client.finish();
    host.wait_for_log(&["refused", "reason=\"streams\"", "dialect=\"webrtc\"", "status=200"], 1);
}

#[test]
fn what_is_wrong_with_an_offer_is_named() {
    let host = setup("").start();
    let without = |line: &str| json!({"sdp": offer().replace(line, "")});
    refused(knock(&host, "a", json!({"preset": "none"})), 404, "unknown_preset", "there is no model `none`");
    refused(knock(&host, "a", json!({"sdp": "v=0"})), 400, "bad_message", "session description");
    refused(knock(&host, "a", without("a=ice-ufrag:abcd\r\n")), 400, "bad_message", "session description");
    refused(knock(&host, "a", json!({"sdp": offer().replace("sendonly", "recvonly")})), 400, "bad_message", "no audio");
    refused(knock(&host, "a", json!({"webrtc_id": ""})), 400, "bad_message", "`webrtc_id`");
    refused(post(&host, "/webrtc/offer", "[]", None), 400, "bad_message", "it must be an object");
    refused(post(&host, "/webrtc/offer", &"x".repeat(70_000), None), 413, "too_large", "65536");
    assert_eq!(host.get("/transcript?webrtc_id=a").0, 404);
}

#[test]
fn without_an_address_for_media_there_is_none() {
    let host = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    refused(knock(&host, "a", json!({})), 404, "webrtc_is_off", "set `listen` under [webrtc]");
}

#[test]
fn an_offer_that_never_connects_leaves_nothing() {
    let host = setup("[limits]\nmax_streams = 1\n");
    let settings = fs::read_to_string(host.path("configs/auricle.toml")).unwrap();
    fs::write(host.path("configs/auricle.toml"), settings.replace("connect_seconds = 15.0", "connect_seconds = 0.5"))
        .unwrap();
    let host = host.start();
    assert_eq!(knock(&host, "one", json!({})).0, 200);
    // It takes no stream's place.
    Client::open(&host, "tone", json!({})).finish();
    host.wait_for_log(&["refused", "did not connect in time", "reason=\"idle_timeout\""], 1);
    host.wait_for("its end", || knock(&host, "one", json!({})).1["type"] == "answer");
    host.wait_for("the end of all", || host.get("/metrics").1.contains("auricle_connections 1\n"));
    assert_eq!(host.get("/transcript?webrtc_id=one").0, 404);
}

#[test]
fn keys_count_and_an_id_belongs_to_its_key() {
    let setup = setup("keys = \"keys.toml\"");
    // Settings of the top level come first.
    let file = setup.path("configs/auricle.toml");
    let settings = fs::read_to_string(&file).unwrap().replace("keys = \"keys.toml\"", "");
    fs::write(&file, format!("keys = \"keys.toml\"\n{settings}")).unwrap();
    fs::write(setup.path("configs/keys.toml"), "").unwrap();
    let key = |name: &str, more: &[&str]| {
        let file = setup.path("configs/keys.toml");
        let made = auricle().args(["key", "add", name]).args(more).arg("--file").arg(file).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (alice, bob) = (key("alice", &["--preset", "digits"]), key("bob", &["--max-streams", "1"]));
    let host = setup.clone().start();
    let body = |preset: &str| json!({"sdp": offer(), "type": "offer", "webrtc_id": "a", "preset": preset}).to_string();
    refused(post(&host, "/webrtc/offer", &body("digits"), None), 401, "unauthorized", "an API key is required");
    refused(
        post(&host, "/webrtc/offer", &body("tone"), Some(&alice)),
        403,
        "forbidden_preset",
        "`alice` does not allow",
    );
    assert_eq!(post(&host, "/webrtc/offer", &body("digits"), Some(&bob)).0, 200);
    // The same id with another key is another connection.
    assert_eq!(host.get(&format!("/transcript?webrtc_id=a&key={alice}")).0, 404);
    assert_eq!(host.get("/transcript?webrtc_id=a").0, 401);
    let told = json!({"id": "a", "key": alice, "transcript": true, "body": {"preset": "digits"}});
    let Some(result) = call(&host, told) else { return };
    let (state, _) = last(&result);
    assert!(!texts(state["segments"].as_array().unwrap()).is_empty());
    host.wait_for_log(&["stream ended", "dialect=\"webrtc\"", "key=\"alice\""], 1);
}

#[test]
fn a_second_offer_with_the_id_of_a_stream_does_not_disturb_it() {
    let host = setup("").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let told = json!({"transcript": true, "again": true, "body": {"preset": "digits"}});
    let Some(result) = call(&host, told) else { return };
    let again = result["replies"].as_array().unwrap().last().unwrap();
    assert!(again["text"].as_str().unwrap().contains("connection_already_exists"), "{again}");
    assert_eq!(last(&result).0["full_transcript"], said);
}
