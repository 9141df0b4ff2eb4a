//! The page over TLS, at a name: secure, and known to the server without a setting.

use crate::{
    driver::{Browser, Options},
    stand::{check_log, setup, turn},
};
use std::fs;

#[test]
fn over_tls_the_microphone_works_at_any_name() {
    let Some(_turn) = turn() else { return };
    let setup = setup().settings("[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"");
    let made = rcgen::generate_simple_self_signed(["asr.example".to_owned()]).unwrap();
    fs::write(setup.path("configs/server.pem"), made.cert.pem()).unwrap();
    fs::write(setup.path("configs/server.key"), made.signing_key.serialize_pem()).unwrap();
    let host = setup.start();
    host.wait_for_log(&["plugin loaded"], 2);
    let browser = Browser::start(&Options { name: Some("asr.example"), ..Options::default() });
    browser.open(&format!("https://asr.example:{}/", host.address().rsplit_once(':').unwrap().1));
    browser.wait("document.querySelector('#preset').value");
    browser.type_into("#preset", "tone");
    browser.click("#record");
    browser.wait("document.querySelector('#segments li')");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    check_log(&browser);
}
