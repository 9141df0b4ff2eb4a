//! WHIP (RFC 9725).

use super::{
    call, last, over_websocket,
    refusals::{offer, post},
    segments, setup, texts,
};
use auricle_tests::{Host, fixture, limit};
use serde_json::json;

/// Sends a request. Returns status, headers as a function, and text.
fn send(
    host: &Host,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Vec<(String, String)>, String) {
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", host.address()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(limit()))
        .build();
    let mut answer = ureq::Agent::new_with_config(agent).run(request.body(body.to_owned()).unwrap()).unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status().as_u16(), headers, answer.body_mut().read_to_string().unwrap())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

#[test]
fn a_connection_is_made_and_ended_by_requests() {
    let host = setup("").start();
    let said = over_websocket(&host, &fixture("digits.wav"));
    let told = json!({"whip": true, "trickle": true, "transcript": true, "query_preset": "digits", "end": "delete"});
    let Some(result) = call(&host, told) else { return };
    let statuses: Vec<_> = result["replies"].as_array().unwrap().iter().map(|reply| reply["status"].clone()).collect();
    assert_eq!(statuses, [201, 204, 200]);
    let made = &result["replies"][0]["headers"];
    assert_eq!(made["content-type"], "application/sdp");
    assert!(made["location"].as_str().unwrap().starts_with("/whip/"), "{made}");
    // A connection that is deleted has hung up: the last words are in the transcript.
    let (state, end) = last(&result);
    assert_eq!((state["full_transcript"].as_str(), &end[0]), (Some(&*said), &json!("done")));
    assert!(said.starts_with(&texts(&segments(&result))));
}

#[test]
fn requests_that_do_not_fit_are_refused() {
    let host = setup("").start();
    let sdp = [("Content-Type", "application/sdp")];
    let (status, headers, _) = send(&host, "POST", "/whip", &[("Content-Type", "text/plain")], &offer());
    assert_eq!((status, header(&headers, "accept-post")), (415, "application/sdp"));
    let (status, _, text) = send(&host, "POST", "/whip", &sdp, "v=0");
    assert!(status == 400 && text.contains("session description"), "{text}");
    assert_eq!(send(&host, "DELETE", "/whip/none", &[], "").0, 404);
    let (status, headers, answer) = send(&host, "POST", "/whip", &sdp, &offer());
    let (place, tag) = (header(&headers, "location"), header(&headers, "etag"));
    assert!(status == 201 && tag.starts_with('"') && answer.starts_with("v=0"), "{headers:?}");
    let fragment = "a=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n";
    let kind = ("Content-Type", "application/trickle-ice-sdpfrag");
    for (headers, body, status) in [
        (vec![kind, ("If-Match", tag)], fragment, 204),
        (vec![kind, ("If-Match", tag)], "a=candidate:1 1 udp\r\n", 400),
        (vec![kind, ("If-Match", "\"other\"")], fragment, 412),
        (vec![kind, ("If-Match", "*")], fragment, 422),
        (vec![kind], fragment, 428),
        (vec![("If-Match", tag)], fragment, 415),
    ] {
        assert_eq!(send(&host, "PATCH", place, &headers, body).0, status, "{headers:?} {body}");
    }
    assert_eq!(send(&host, "DELETE", place, &[], "").0, 200);
    host.wait_for("its end", || send(&host, "DELETE", place, &[], "").0 == 404);
    // Ids of WHIP and of offers are of one kind.
    let id = place.rsplit('/').next().unwrap();
    let body = json!({"type": "ice-candidate", "webrtc_id": id, "candidate": {"candidate": ""}}).to_string();
    assert_eq!(post(&host, "/webrtc/offer", &body, None).1["meta"]["error"], "unknown_connection");
}
