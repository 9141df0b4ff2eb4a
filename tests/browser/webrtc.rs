//! The page's audio over WebRTC, and over WebSocket if that does not come up.

use crate::{
    driver::Options,
    stand::{check_log, check_words, recording, setup, spoken, turn, visit},
};

/// Speaks on the page and reads. Returns what the page says about the connection.
fn speak(settings: &str, has_udp: bool) -> Option<String> {
    let _turn = turn()?;
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().settings(settings).start();
    let browser = visit(&host, &Options { microphone: Some(&file), has_udp, ..Options::default() });
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Listening'");
    let transport = browser.text("#transport");
    // After the recording the fake microphone sends zeros.
    browser.wait("document.querySelector('#problem').textContent.includes('The microphone sends nothing')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 3);
    check_log(&browser);
    let dialect = if transport.is_empty() { "dialect=\"native\"" } else { "dialect=\"webrtc\"" };
    host.wait_for_log(&["stream ended", "outcome=\"done\"", dialect], 1);
    Some(transport)
}

#[test]
fn the_page_uses_webrtc_if_the_server_has_it() {
    let Some(transport) = speak("[webrtc]\nlisten = \"127.0.0.1:0\"\n", true) else { return };
    assert_eq!(transport, "over WebRTC");
}

#[test]
fn the_page_uses_webrtc_over_tcp_if_there_is_no_udp() {
    let Some(transport) = speak("[webrtc]\nlisten = \"127.0.0.1:0\"\ntcp = true\n", false) else { return };
    assert_eq!(transport, "over WebRTC");
}

#[test]
fn the_page_uses_websocket_if_no_media_arrive() {
    // Neither over UDP nor over TCP: an address for documentation, which nobody has.
    let settings = "[webrtc]\nlisten = \"127.0.0.1:0\"\ntcp = true\naddresses = [\"198.51.100.1\"]\n";
    let Some(transport) = speak(settings, true) else { return };
    assert_eq!(transport, "");
}

#[test]
fn the_microphone_may_change_over_webrtc() {
    let Some(_turn) = turn() else { return };
    let host = setup().settings("[webrtc]\nlisten = \"127.0.0.1:0\"\n").start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#preset", "tone");
    browser.click("#record");
    browser.wait("document.querySelector('#segments li')");
    browser.wait("document.querySelector('#device').options.length > 2");
    browser.script(
        "const device = document.querySelector('#device');
         device.selectedIndex = 2;
         device.dispatchEvent(new Event('change'));
         window.before = document.querySelectorAll('#segments li').length;",
    );
    // Two more, because the next one may have been on its way.
    browser.wait("document.querySelectorAll('#segments li').length > before + 2");
    assert_eq!(browser.text("#transport"), "over WebRTC");
    assert_eq!(host.json("/v1/streams")["streams"].as_array().unwrap().len(), 1);
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    host.wait_for_log(&["stream ended", "outcome=\"done\"", "dialect=\"webrtc\""], 1);
    check_log(&browser);
}
