//! A connection that breaks while somebody speaks, or while a file is read, and a server that dies meanwhile.

use crate::{
    driver::{Browser, Options},
    stand::{check_words, picture, recording, setup, shown, spoken, turn, visit},
};
use auricle_tests::{Relay, fixture, stored_point};

/// Opens the page behind a network. Returns the expression of all that it says of its state.
fn behind(network: &Relay, browser: &Browser) -> String {
    browser.open(&format!("http://{}/", network.address()));
    browser.wait("document.querySelector('#preset').value");
    browser.note("#state")
}

#[test]
fn no_word_is_lost_when_the_connection_breaks() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().start();
    let network = Relay::new(host.address());
    let browser = visit(&host, &Options { microphone: Some(&file), ..Options::default() });
    let states = behind(&network, &browser);
    browser.click("#record");
    // In the middle of unstable text, and again after a segment.
    browser.wait("document.querySelector('#partial-text').textContent");
    network.cut();
    browser.wait(&format!("{states}.some((state) => state.startsWith('Connected again'))"));
    browser.screenshot(&picture("page-connected-again"));
    browser.wait("document.querySelectorAll('#segments li').length > 1");
    browser.script(&format!("{states}.length = 0"));
    network.cut();
    browser.wait(&format!("{states}.some((state) => state.includes('Nothing was lost'))"));
    browser.wait("document.querySelector('#problem').textContent.includes('The microphone sends nothing')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 3);
}

#[test]
fn no_word_is_lost_when_the_server_is_killed() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().settings("[resume]\ndir = \"../resume\"\nstore_seconds = 0.1").start();
    let network = Relay::new(host.address());
    let browser = visit(&host, &Options { microphone: Some(&file), ..Options::default() });
    let states = behind(&network, &browser);
    browser.click("#record");
    browser.wait("document.querySelectorAll('#segments li').length > 0");
    host.wait_for("a stored point", || stored_point(&host) > Some(0));
    host.signal_all("KILL");
    let host = host.again();
    network.move_to(host.address());
    browser.wait(&format!("{states}.some((state) => state.includes('Nothing was lost'))"));
    host.wait_for_log(&["INFO", "continued from its stored point"], 1);
    browser.wait("document.querySelector('#problem').textContent.includes('The microphone sends nothing')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_words(&browser, &spoken(), 3);
}

#[test]
fn a_recording_that_is_cut_has_the_words_of_one_that_is_not() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let network = Relay::new(host.address());
    let browser = visit(&host, &Options::default());
    let digits = fixture("digits.wav").canonicalize().unwrap();
    let read = |browser: &Browser| {
        browser.type_into("#file", digits.to_str().unwrap());
        browser.wait("document.querySelector('#state').textContent === 'Done'");
        let segments = "JSON.stringify([...document.querySelectorAll('#segments li')].map((item) => item.textContent))";
        (shown(browser), browser.value(segments))
    };
    let uncut = read(&browser);
    assert!(uncut.0.len() > 15, "{uncut:?}");
    let states = behind(&network, &browser);
    // Of 340 kB.
    network.cut_after([120_000, 90_000]);
    let cut = read(&browser);
    assert_eq!((cut, network.cuts_left()), (uncut, 0));
    let times = |told: &str| browser.value(&format!("{states}.filter((state) => {told}).length"));
    assert_eq!(times("state.startsWith('Connected again') && state.includes('Nothing was lost')"), 2);
    assert_eq!(times("state.startsWith('The connection is broken')"), 2);
    host.wait_for_log(&["stream ended", "outcome=\"done\""], 2);
}
