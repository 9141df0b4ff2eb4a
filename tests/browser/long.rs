//! An hour of speech: what the pages hold grows with what they show, and with nothing else.
//!
//! `AURICLE_TEST_PAGE_MINUTES` sets another time than 60 minutes.

use crate::{
    driver::{Browser, Options},
    stand::{recording, setup, turn, visit},
};
use auricle_tests::{long, skip};
use serde_json::{Value, json};
use std::{
    env, thread,
    time::{Duration, Instant},
};

/// Until then a page may still load what it needs.
const WARM_UP: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60);
/// Of a recording, the page keeps this much for playing.
const PLAYABLE_SECONDS: u64 = 3_600;

/// What a page holds, after the garbage is collected.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Objects of JavaScript and nodes of the document, in bytes.
    heap: u64,
    /// Buffers, which have the audio, in bytes.
    buffers: u64,
    nodes: u64,
    listeners: u64,
    /// What is shown.
    segments: u64,
    words: u64,
}

impl Held {
    fn by(browser: &Browser) -> Self {
        // What only the first collection lets go is collected by the second.
        for _ in 0..2 {
            browser.chromium("HeapProfiler.collectGarbage", &json!({}));
        }
        let heap = browser.chromium("Runtime.getHeapUsage", &json!({}));
        let counted = browser.chromium("Memory.getDOMCounters", &json!({}));
        let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{heap} {counted}")) as u64;
        let shown = |selector: &str| number(&browser.value(&format!("document.querySelectorAll('{selector}').length")));
        Self {
            heap: number(&heap["usedSize"]) + number(&heap["embedderHeapUsedSize"]),
            buffers: number(&heap["backingStorageSize"]),
            nodes: number(&counted["nodes"]),
            listeners: number(&counted["jsEventListeners"]),
            segments: shown("#segments li"),
            words: shown("#segments .word"),
        }
    }
}

#[test]
fn an_hour_of_speech_leaves_nothing_behind_but_its_text_and_its_audio() {
    let Some(_turn) = turn() else { return };
    if !long() {
        return skip("an hour of speech on the web page: it takes an hour");
    }
    let minutes = env::var("AURICLE_TEST_PAGE_MINUTES").map_or(60, |minutes| minutes.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let host = setup().start();
    let browser = visit(&host, &Options { microphone: Some(&file), repeats: true, ..Options::default() });
    let operator = Browser::start(&Options::default());
    operator.open(&format!("http://{}/admin", host.address()));
    browser.click("#record");
    browser.wait("document.querySelectorAll('#segments li').length > 1");
    operator.wait("document.querySelector('#streams button')");

    let pages = [("/", &browser), ("/admin", &operator)];
    let begun = Instant::now();
    let measure = || {
        pages.map(|(page, browser)| {
            let held = Held::by(browser);
            println!("{:5.0} s {page} {held:?}", begun.elapsed().as_secs_f64());
            held
        })
    };
    thread::sleep(WARM_UP);
    let (first, from) = (measure(), Instant::now());
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        thread::sleep(EVERY);
        measure();
        assert_eq!(browser.value("document.querySelector('#state').textContent"), "Listening");
    }
    let last = measure();
    let seconds = from.elapsed().as_secs();
    for ((page, _), (first, last)) in pages.iter().zip(first.iter().zip(&last)) {
        let [heap, nodes, listeners, buffers] = [
            (first.heap, last.heap),
            (first.nodes, last.nodes),
            (first.listeners, last.listeners),
            (first.buffers, last.buffers),
        ]
        .map(|(first, last)| last.saturating_sub(first));
        let (segments, words) = (last.segments - first.segments, last.words - first.words);
        // A segment is an item with a time and a paragraph; a word is a span, and there is text between words.
        let text = 5 * segments + 3 * words;
        assert!(nodes <= text + 300, "{page}: {nodes} nodes for {segments} segments with {words} words");
        assert!(listeners <= 20, "{page}: {listeners} listeners");
        // Measured: about 4 kB for a word, most of it the browser's for the document.
        assert!(heap <= 6_000 * words + (2 << 20), "{page}: {heap} bytes for {words} words");
        let audio = if *page == "/" { 2 * 48_000 * seconds.min(PLAYABLE_SECONDS) } else { 0 };
        assert!(buffers <= audio + (1 << 20), "{page}: {buffers} bytes of buffers for {seconds} s");
    }
    assert_eq!(browser.text("#lag"), "", "the server is not behind");
    browser.click("#record");
    browser.wait("document.querySelector('#state').textContent === 'Done'");
}
