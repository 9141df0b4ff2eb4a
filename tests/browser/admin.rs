//! The page for operators: what they see, and what they end and release.

use crate::{
    access::{axe, check, colours, width},
    driver::{Browser, Options},
    stand::{check_log, picture, turn},
};
use auricle_tests::{Client, Host, Setup, auricle, bytes, library, models, noise, printed, runtime, tone_segments};
use serde_json::{Value, json};
use std::fs;

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .plugin(&library("onnx"))
        .resource(&runtime())
        .resource(&models())
        .preset(
            "digits",
            &json!({"backend": "onnx", "model": "digits", "lan": "en", "host": {"title": "Digits", "preload": true}}),
        )
        .preset("tone", &json!({"backend": "tone", "host": {"open": ["work"], "max_streams": 40, "preload": true}}))
        .preset("faulty", &json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks"]}}))
        .preset("missing", &json!({"backend": "nowhere"}))
}

/// Opens the page, and waits for what the server says.
fn visit(host: &Host) -> Browser {
    let browser = Browser::start(&Options::default());
    browser.open(&format!("http://{}/admin", host.address()));
    browser.wait("!document.querySelector('#all').hidden");
    browser
}

/// A live client that has sent some audio. With `work`, the engine needs longer for it.
fn live(host: &Host, audio: &[i16], work: u32) -> Client {
    let mut client = Client::open(host, "tone", json!({"options": {"work": work}}));
    client.audio(&bytes(audio));
    client
}

/// A stream on which the engine fails in this way.
fn failing(host: &Host, fault: &str, code: &str, close: u16) {
    let mut client = Client::open(host, "faulty", json!({"options": {"fault": fault, "after_chunks": 1}}));
    client.audio(&bytes(&noise(1, 40_000)));
    client.fails(code, close);
}

/// Waits until a row of a table says this.
fn wait_for_row(browser: &Browser, table: &str, text: &str) {
    let rows = format!("[...document.querySelectorAll('#{table} tbody tr')]");
    browser.wait(&format!("{rows}.some((row) => row.innerText.includes({}))", json!(text)));
}

#[test]
fn an_operator_sees_a_stream_and_ends_it() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let audio = noise(1, 40_000);
    let mut client = live(&host, &audio, 0);
    host.wait_for_audio(2.5);
    let id = host.json("/v1/streams")["streams"][0]["stream"].as_str().unwrap()[..8].to_owned();
    let browser = visit(&host);
    wait_for_row(&browser, "streams", &id);
    wait_for_row(&browser, "models", "1 of 40");
    wait_for_row(&browser, "models", "1 worker, ");
    wait_for_row(&browser, "models", "which is not registered");
    wait_for_row(&browser, "engines", "in service");
    wait_for_row(&browser, "engines", "needs nothing beyond the sandbox");
    browser.wait("document.querySelector('#charts .chart strong').textContent === '1'");

    browser.click("#streams button");
    browser.wait("document.querySelector('#ending').open");
    assert!(browser.text("#ending").contains(&format!("End stream {id} of preset tone?")));
    browser.click("#ending [value=keep]");
    browser.wait("!document.querySelector('#ending').open");
    assert_eq!(host.json("/v1/streams")["streams"].as_array().unwrap().len(), 1);
    browser.click("#streams button");
    browser.wait("document.querySelector('#ending').open");
    browser.click("#ending [value=end]");
    client.fails("ended_by_operator", 4410);
    assert_eq!(client.texts(), tone_segments(&audio, 16_000));
    browser.wait("document.querySelector('#streams').hidden");
    assert_eq!(browser.text("#said"), format!("Stream {id} ends."));
    assert!(browser.text("#all").contains("No stream is open."));
    wait_for_row(&browser, "failures", "ended_by_operator");
    check_log(&browser);
}

#[test]
fn an_operator_sees_what_failed_and_releases_an_engine() {
    let Some(_turn) = turn() else { return };
    let host = setup().settings("[limits]\nquarantine_streams = 1").start();
    let browser = visit(&host);
    assert!(browser.text("#all").contains("Nothing has failed since the server started."));
    failing(&host, "panic", "engine_error", 4500);
    failing(&host, "panic", "engine_error", 4500);
    wait_for_row(&browser, "failures", "panic");
    wait_for_row(&browser, "failures", "2 times");
    failing(&host, "sigsegv", "engine_unavailable", 4503);
    wait_for_row(&browser, "engines", "in quarantine");
    assert_eq!(browser.value("document.querySelectorAll('#engines button').length"), 1);
    browser.click("#engines button");
    browser.wait("document.querySelector('#said').textContent.includes('is released')");
    browser.wait("!document.querySelector('#engines button')");
    let mut client = Client::open(&host, "faulty", json!({}));
    client.audio(&bytes(&noise(1, 20_000)));
    client.finish();
    check_log(&browser);
}

#[test]
fn only_an_operators_key_opens_it() {
    let Some(_turn) = turn() else { return };
    let setup = setup().settings("keys = \"keys.toml\"");
    let file = setup.path("configs/keys.toml");
    let made = |args: &[&str]| {
        printed(auricle().args(["key", "add"]).args(args).arg("--file").arg(&file).output().unwrap()).trim().to_owned()
    };
    let (user, operator) = (made(&["user"]), made(&["boss", "--operator"]));
    let host = setup.start();
    let browser = Browser::start(&Options::default());
    browser.open(&format!("http://{}/admin", host.address()));
    browser.wait("!document.querySelector('#key-form').hidden");
    assert_eq!(browser.value("document.activeElement.id"), "key");
    browser.type_into("#key", "wrong\u{e007}");
    browser.wait("document.querySelector('#problem').textContent.includes('does not know the key')");
    browser.type_into("#key", &format!("{user}\u{e007}"));
    browser.wait("document.querySelector('#problem').textContent.includes('not an operator')");
    assert_eq!(browser.value("document.querySelector('#all').hidden"), true);
    browser.screenshot(&picture("admin-key"));
    // Five routes were asked three times, and a user's key may read one of them. Nothing more is asked until there is
    // another key.
    host.wait_for_log(&["refused"], 14);
    browser.script("for (let n = 0; n < 3; n++) dispatchEvent(new Event('visibilitychange'))");
    browser.type_into("#key", &format!("{operator}\u{e007}"));
    browser.wait("!document.querySelector('#all').hidden && document.querySelector('#key-form').hidden");
    assert_eq!((host.logged(&["refused"]), browser.text("#problem")), (14, String::new()));
    browser.click("#forget-key");
    browser.wait("!document.querySelector('#key-form').hidden && document.querySelector('#all').hidden");
    check_log(&browser);
}

#[test]
fn it_works_over_tls_at_any_name_and_says_when_a_page_may_not_change_anything() {
    let Some(_turn) = turn() else { return };
    let own = "[[listeners]]\naddress = \"127.0.0.1:0\"\ntls = {certificate = \"server.pem\", key = \"server.key\"}\n\
               [[listeners]]\naddress = \"127.0.0.1:0\"\n";
    let setup = setup().settings(own);
    let made = rcgen::generate_simple_self_signed(["asr.example".to_owned()]).unwrap();
    fs::write(setup.path("configs/server.pem"), made.cert.pem()).unwrap();
    fs::write(setup.path("configs/server.key"), made.signing_key.serialize_pem()).unwrap();
    let host = setup.start();
    host.wait_for_log(&["plugin loaded"], 3);
    let browser = Browser::start(&Options { name: Some("asr.example"), ..Options::default() });
    let port = |n: usize| host.listener(n).rsplit_once(':').unwrap().1.to_owned();
    let end = || {
        browser.wait("document.querySelector('#streams button')");
        browser.click("#streams button");
        browser.wait("document.querySelector('#ending').open");
        browser.click("#ending [value=end]");
    };
    // Without TLS the server cannot tell this name from that of another page.
    let page = format!("http://asr.example:{}", port(1));
    let client = |n: usize| {
        let request = format!("ws://{}/v1/stream", host.listener(n));
        let (mut socket, _) = tungstenite::connect(request).unwrap();
        socket.send(json!({"type": "start", "preset": "tone"}).to_string().into()).unwrap();
        socket
    };
    let mut socket = client(1);
    browser.open(&format!("{page}/admin"));
    end();
    browser.wait("document.querySelector('#problem').textContent.includes('does not let this page change anything')");
    assert!(browser.text("#problem").contains(&format!("origins = [\"{page}\"]")));
    browser.open(&format!("https://asr.example:{}/admin", port(0)));
    end();
    browser.wait("document.querySelector('#said').textContent.includes(' ends.')");
    let code = loop {
        if let tungstenite::Message::Close(Some(frame)) = socket.read().unwrap() {
            break u16::from(frame.code);
        }
    };
    assert_eq!(code, 4410);
}

#[test]
fn it_says_when_the_server_does_not_answer() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host);
    wait_for_row(&browser, "engines", "in service");
    host.signal("KILL");
    browser.wait("document.querySelector('#problem').textContent.includes('The server does not answer')");
    // What was seen last stays.
    wait_for_row(&browser, "engines", "in service");
}

#[test]
fn axe_finds_nothing_and_the_keyboard_is_enough() {
    let Some(_turn) = turn() else { return };
    let Some(axe) = axe() else { return };
    let host = setup().settings("[limits]\nquarantine_streams = 1").start();
    let browser = visit(&host);
    check(&browser, &axe, "with nothing");
    // Time flies, so that the charts have something to show.
    browser.script(
        "const [later, now, begun] = [setTimeout, Date.now, Date.now()];
         window.setTimeout = (what, wait) => later(what, wait / 20);
         Date.now = () => begun + 20 * (now() - begun);",
    );
    let rounds = |number: usize| {
        browser.wait(&format!("document.querySelector('.line').getAttribute('d').split('L').length > {number}"));
    };
    rounds(10);
    failing(&host, "panic", "engine_error", 4500);
    failing(&host, "sigsegv", "engine_unavailable", 4503);
    Client::start(&host, "absent", json!({})).fails("unknown_preset", 4404);
    let audio = noise(1, 160_000);
    let mut clients = Vec::new();
    for n in 1..4 {
        clients.push(live(&host, &audio, 200 * n));
        rounds(10 + 15 * n as usize);
    }
    wait_for_row(&browser, "engines", "in quarantine");
    wait_for_row(&browser, "models", "3 of 40");
    browser.wait("document.querySelectorAll('#streams tbody tr').length === 3");
    for (scheme, device, size) in [
        ("dark", "desktop", (1200, 1000)),
        ("light", "desktop", (1200, 1000)),
        ("dark", "phone", (390, 800)),
        ("light", "phone", (390, 800)),
    ] {
        colours(&browser, scheme);
        width(&browser, size.0, size.1);
        check(&browser, &axe, &format!("{scheme}, {device}"));
        let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(overflow, 0, "{device} scrolls sideways");
        browser.screenshot(&picture(&format!("admin-{device}-{scheme}")));
    }
    width(&browser, 1200, 1000);

    // From the top by the tab key alone to the first stream, and end it.
    browser.script("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()");
    let focused = || browser.value("document.activeElement.innerText");
    for _ in 0..10 {
        browser.press("\u{e004}");
        if focused() == "End" {
            break;
        }
    }
    assert_eq!(focused(), "End");
    browser.press("\u{e007}");
    browser.wait("document.querySelector('#ending').open");
    check(&browser, &axe, "with the question");
    browser.press("\u{e004}");
    assert_eq!(focused(), "End it");
    browser.press("\u{e007}");
    clients.remove(0).fails("ended_by_operator", 4410);
    browser.wait("document.querySelectorAll('#streams tbody tr').length === 2");
    // The focus was in the row that is gone.
    assert_ne!(browser.value("document.activeElement.tagName"), Value::from("BODY"));
    // A row that stays keeps the focus, whatever is read meanwhile.
    browser.script("document.querySelector('#streams button').focus(); window.kept = document.activeElement");
    let shown = "document.querySelector('#streams tbody td:nth-child(5)').innerText";
    let before = browser.value(shown);
    browser.wait(&format!("{shown} !== {before}"));
    assert_eq!(browser.value("document.activeElement === window.kept"), true);
    check_log(&browser);
}
