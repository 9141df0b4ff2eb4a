//! Captions in a page of another origin, which loads the element from the server.

use crate::{
    driver::{Browser, Options},
    stand::{recording, setup, spoken, turn},
};
use auricle_tests::{Host, PublishedClients, word_errors, words};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

/// A web server with one page: the lines that the documentation gives, under a strict policy. Returns its origin, and takes the
/// address of the server with the captions later.
struct Site {
    listener: TcpListener,
    origin: String,
}

impl Site {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, origin }
    }

    /// Answers every request with the page, until the test ends.
    fn serve(self, host: &Host) -> String {
        let server = host.address();
        let body = format!(
            "<!doctype html><html lang=en><title>A talk</title><main><h1>A talk</h1>\n\
             <script type=\"module\" src=\"http://{server}/page/client/captions.js\"></script>\n\
             <auricle-captions preset=\"digits\"></auricle-captions></main>"
        );
        let policy = format!("default-src 'none'; script-src http://{server}; connect-src ws://{server}");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let origin = self.origin;
        thread::spawn(move || {
            for socket in self.listener.incoming().flatten() {
                let mut lines = BufReader::new(&socket).lines().map_while(Result::ok);
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                let _ = write!(&socket, "{head}{body}");
            }
        });
        origin
    }
}

const ELEMENT: &str = "document.querySelector('auricle-captions')";

/// An element within the captions.
fn part(name: &str) -> String {
    format!("{ELEMENT}.shadowRoot.querySelector('[part={name}]')")
}

fn press(browser: &Browser) {
    browser.script(&format!("{}.click()", part("button")));
}

#[test]
fn a_page_of_another_origin_gets_captions_by_one_script_and_one_element() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path());
    let site = Site::new();
    let host = setup().settings(&format!("origins = [\"{}\"]", site.origin)).start();
    let page = site.serve(&host);
    let browser = Browser::start(&Options { microphone: Some(&file), ..Options::default() });
    browser.open(&page);
    browser.wait(&format!("{ELEMENT}.shadowRoot"));
    assert_eq!(browser.value(&format!("{}.textContent", part("button"))), "Start captions");
    browser.script(&format!(
        "window.heard = []; {ELEMENT}.addEventListener('auricle', ({{ detail }}) => heard.push(detail.type))"
    ));
    press(&browser);
    browser.wait(&format!("{ELEMENT}.state === 'listening'"));
    browser.wait(&format!("{}.textContent", part("partial")));
    browser.wait(&format!("{}.childElementCount > 1", part("log")));
    // All of the recording is heard when no more text comes.
    let expected = spoken().len();
    browser.wait(&format!("{ELEMENT}.transcript.text.split(' ').length >= {}", expected - 3));
    press(&browser);
    browser.wait(&format!("{ELEMENT}.state === 'idle'"));
    let text = browser.value(&format!("[...{}.children].map((line) => line.textContent).join(' ')", part("log")));
    let shown = words(text.as_str().unwrap());
    assert!(word_errors(&spoken(), &shown) <= 3, "{shown:?}");
    assert_eq!(browser.value("heard.includes('segment') && heard.at(-1) === 'state'"), true);
    assert_eq!(browser.value(&format!("{}.getAttribute('aria-live')", part("log"))), "polite");
    // With its style, which the policy of the page does not forbid.
    assert_eq!(browser.value(&format!("getComputedStyle({}).opacity", part("partial"))), "0.7");
    if let Some(packages) = PublishedClients("axe").packages() {
        let axe = fs::read_to_string(packages.join("node_modules/axe-core/axe.min.js")).unwrap();
        let found = browser.script_later(
            &format!("{axe}; axe.run().then(({{ violations }}) => done(violations.map(({{ id }}) => id)))"),
            &[],
        );
        assert_eq!(found, json!([]));
    }
    assert_eq!(browser.log(), [""; 0]);
    // An element that leaves the page takes its stream along.
    press(&browser);
    browser.wait(&format!("{ELEMENT}.state === 'listening'"));
    browser.script(&format!("{ELEMENT}.remove()"));
    host.wait_for("no streams", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
}

#[test]
fn a_page_that_is_not_listed_is_told() {
    let Some(_turn) = turn() else { return };
    let site = Site::new();
    let host = setup().start();
    let page = site.serve(&host);
    let browser = Browser::start(&Options::default());
    browser.open(&page);
    browser.wait(&format!("{ELEMENT}.shadowRoot"));
    press(&browser);
    browser.wait(&format!("{}.textContent.includes('does not list this page')", part("problem")));
    assert_eq!(browser.value(&format!("{ELEMENT}.state")), "idle");
}
