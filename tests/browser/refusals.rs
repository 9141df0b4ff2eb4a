//! What a person is told when something is missing: permission, a secure page, a key, the server.

use crate::{
    driver::Options,
    stand::{picture, setup, turn, visit},
};
use auricle_tests::{auricle, fixture, printed};

#[test]
fn a_refused_microphone_is_told() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options { allows: false, ..Options::default() });
    browser.click("#record");
    browser.wait("document.querySelector('#problem').textContent.includes('This page may not use the microphone')");
    browser.screenshot(&picture("page-refused"));
    assert_eq!(browser.text("#record"), "Start");
    // The page still works.
    browser.type_into("#file", fixture("digits.wav").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#segments li')");
    assert_eq!(browser.text("#problem"), "");
}

#[test]
fn a_page_that_is_not_secure_or_not_known_is_told() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options { name: Some("asr.example"), ..Options::default() });
    let port = host.address().rsplit_once(':').unwrap().1;
    let page = format!("http://asr.example:{port}");
    browser.open(&page);
    browser.wait("document.querySelector('#preset').value");
    browser.click("#record");
    browser.wait("document.querySelector('#problem').textContent.includes('secure pages only')");
    browser.type_into("#file", fixture("digits.wav").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#problem').textContent.includes('refuses streams from this page')");
    let advice = format!("origins = [\"{page}\"]");
    assert!(browser.text("#problem").contains(&advice), "{}", browser.text("#problem"));
}

#[test]
fn a_key_is_asked_for() {
    let Some(_turn) = turn() else { return };
    let setup = setup().settings("keys = \"keys.toml\"");
    let file = setup.path("configs/keys.toml");
    let key = printed(auricle().args(["key", "add", "alice", "--file"]).arg(&file).output().unwrap());
    let host = setup.start();
    let browser = crate::driver::Browser::start(&Options::default());
    browser.open(&format!("http://{}/", host.address()));
    browser.wait("!document.querySelector('#key-form').hidden");
    assert_eq!(browser.value("document.activeElement.id"), "key");
    browser.type_into("#key", "wrong\u{e007}");
    browser.wait("document.querySelector('#problem').textContent.includes('does not know the key')");
    browser.type_into("#key", key.trim());
    browser.click("#key-form button");
    browser.wait("document.querySelector('#preset').value && document.querySelector('#key-form').hidden");
    browser.type_into("#file", fixture("digits.wav").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    let said = browser.note("#copy");
    browser.click("#copy");
    browser.wait(&format!("{said}.includes('Copied')"));
    browser.click("#forget-key");
    browser.wait("!document.querySelector('#key-form').hidden");
    assert_eq!(browser.value("sessionStorage.length"), 0);
}

#[test]
fn a_server_that_has_gone_is_told() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    host.stop();
    browser.click("#record");
    browser.wait("document.querySelector('#problem').textContent.includes('The server does not answer')");
    assert_eq!(browser.text("#record"), "Start");
}
