//! For everybody: no violation that axe finds in light, dark and on a phone; and the keyboard alone.

use crate::{
    driver::{Browser, Options},
    stand::{check_log, picture, setup, turn, visit},
};
use auricle_tests::{PublishedClients, fixture};
use serde_json::{Value, json};
use std::fs;

/// The checks of axe-core: everything but its experiments.
const CHECK: &str = "axe.run().then(({ violations }) => done(violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')}`,
)), (error) => done([String(error)]));";

/// The script of axe-core, if it can be had.
pub(crate) fn axe() -> Option<String> {
    let packages = PublishedClients("axe").packages()?;
    Some(fs::read_to_string(packages.join("node_modules/axe-core/axe.min.js")).unwrap())
}

pub(crate) fn check(browser: &Browser, axe: &str, when: &str) {
    // The page's policy would not let it in as a script element.
    browser.script_later(&format!("{axe}; done(null)"), &[]);
    let violations = browser.script_later(CHECK, &[]);
    assert_eq!(violations, json!([]), "{when}: {violations:#}");
}

pub(crate) fn colours(browser: &Browser, scheme: &str) {
    let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
    browser.chromium("Emulation.setEmulatedMedia", &json!({ "features": features }));
}

pub(crate) fn width(browser: &Browser, width: u32, height: u32) {
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
    browser.chromium("Emulation.setDeviceMetricsOverride", &size);
}

#[test]
fn axe_finds_nothing() {
    let Some(_turn) = turn() else { return };
    let Some(axe) = axe() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options { allows: false, ..Options::default() });
    browser.click("#more summary");
    check(&browser, &axe, "with options");
    browser.click("#record");
    browser.wait("document.querySelector('#problem').textContent");
    for scheme in ["light", "dark"] {
        colours(&browser, scheme);
        check(&browser, &axe, &format!("with a problem, {scheme}"));
    }
    browser.type_into("#file", fixture("digits.wav").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    for (scheme, device, size) in [
        ("light", "desktop", (1100, 760)),
        ("dark", "desktop", (1100, 760)),
        ("dark", "phone", (390, 800)),
        ("light", "phone", (390, 800)),
    ] {
        colours(&browser, scheme);
        width(&browser, size.0, size.1);
        check(&browser, &axe, &format!("with text, {scheme}, {device}"));
        let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(overflow, 0, "{device} scrolls sideways");
        browser.screenshot(&picture(&format!("page-{device}-{scheme}")));
    }
    check_log(&browser);
}

#[test]
fn the_keyboard_alone_is_enough() {
    let Some(_turn) = turn() else { return };
    let host = setup().start();
    let browser = visit(&host, &Options::default());
    browser.type_into("#file", fixture("digits.wav").canonicalize().unwrap().to_str().unwrap());
    browser.wait("document.querySelector('#state').textContent === 'Done'");
    // The tab key goes on from here.
    browser.script("document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()");
    let mut reached: Vec<String> = Vec::new();
    for _ in 0..40 {
        browser.press("\u{e004}");
        let Value::String(name) = browser.value("document.activeElement.id || document.activeElement.dataset.save || document.activeElement.className || document.activeElement.tagName") else { continue };
        if reached.first() == Some(&name) || name == "BODY" {
            break;
        }
        if reached.last() != Some(&name) {
            reached.push(name);
        }
    }
    for wanted in
        ["preset", "device", "SUMMARY", "time", "audio", "record", "choose", "copy", "txt", "srt", "vtt", "json"]
    {
        assert!(reached.iter().any(|name| name == wanted), "{wanted} is not among {reached:?}");
    }
    // The times are one stop; the arrow keys go through them.
    browser.script("document.querySelector('#segments button.time').focus()");
    browser.press("\u{e015}");
    assert_eq!(
        browser.value("[...document.querySelectorAll('#segments button.time')].indexOf(document.activeElement)"),
        1
    );
    browser.press("\u{e007}");
    browser.wait("document.querySelector('#audio').played.length");
}
