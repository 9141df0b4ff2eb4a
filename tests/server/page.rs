//! The web page: where it is served, with which headers, and that it needs nothing from elsewhere.

use auricle_tests::{Host, Setup, library};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashMap},
    io::{Read, Write},
    net::TcpStream,
};

pub(super) struct Response {
    pub(super) status: u16,
    headers: HashMap<String, String>,
    pub(super) body: String,
}

/// Sends a request with further header lines.
pub(super) fn request(address: &str, method: &str, path: &str, lines: &str) -> Response {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Response { status, headers: headers.collect(), body: body.to_owned() }
}

fn get(host: &Host, path: &str) -> Response {
    request(host.address(), "GET", path, "")
}

fn setup() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}))
}

/// The page and every file that it loads, found by following them.
fn files(host: &Host) -> HashMap<String, Response> {
    let mut found = HashMap::new();
    let mut left = vec!["/".to_owned(), "/admin".to_owned()];
    while let Some(path) = left.pop() {
        let response = get(host, &path);
        assert_eq!(response.status, 200, "{path}");
        let (folder, _) = path.rsplit_once('/').unwrap();
        for quoted in response.body.split(['"', '\'']) {
            let file = match quoted.strip_prefix("./") {
                Some(beside) => format!("{folder}/{beside}"),
                None => quoted.to_owned(),
            };
            let is_file = [".js", ".css", ".svg"].iter().any(|kind| file.ends_with(kind)) && file.starts_with("/page/");
            if is_file && !found.contains_key(&file) && !left.contains(&file) {
                left.push(file);
            }
        }
        found.insert(path, response);
    }
    found
}

#[test]
fn every_file_of_the_page_is_served_with_strict_headers() {
    let host = setup().start();
    let files = files(&host);
    assert!(files.len() > 20, "{:?}", files.keys());
    for (path, Response { headers, body, .. }) in &files {
        let policy = &headers["content-security-policy"];
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|directive| directive == part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!((&*headers["x-content-type-options"], &*headers["referrer-policy"]), ("nosniff", "no-referrer"));
        let kind = match path.rsplit_once('.').map(|(_, kind)| kind) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(headers["content-type"], kind, "{path}");
        // A namespace is a name, not an address.
        let body = body.replace("http://www.w3.org/2000/svg", "").replace("http://localhost", "");
        let outside =
            body.split("://").skip(1).find(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()));
        assert_eq!(outside, None, "{path} names another server");
    }
    for page in ["/", "/admin"] {
        let inline = ["style=", " onclick", "<style", "<script>"];
        assert_eq!(inline.iter().find(|inline| files[page].body.contains(**inline)), None, "{page}");
    }
}

#[test]
fn other_pages_may_load_the_client_module_and_nothing_else() {
    let host = setup().start();
    let allowed = |path: &str| {
        let response = request(host.address(), "GET", path, "Origin: https://app.example\r\n");
        assert_eq!(response.status, 200, "{path}");
        let header = |name: &str| response.headers.get(name).cloned().unwrap_or_default();
        (header("access-control-allow-origin"), header("cross-origin-resource-policy"))
    };
    for path in ["captions.js", "live_captions.js", "stream.js", "recorder_worklet.js"] {
        assert_eq!(allowed(&format!("/page/client/{path}")), ("*".into(), "cross-origin".into()), "{path}");
    }
    for path in ["/", "/page/app.js", "/page/page.css"] {
        assert_eq!(allowed(path), (String::new(), "same-origin".into()), "{path}");
    }
}

#[test]
fn a_browser_asks_whether_its_copy_is_good() {
    let host = setup().start();
    for path in ["/", "/page/app.js"] {
        let first = get(&host, path);
        assert_eq!(first.headers["cache-control"], "no-cache");
        let known = format!("If-None-Match: {}\r\n", first.headers["etag"]);
        let second = request(host.address(), "GET", path, &known);
        assert_eq!((second.status, &*second.body), (304, ""));
        assert_eq!(second.headers["etag"], first.headers["etag"]);
        let head = request(host.address(), "HEAD", path, "");
        assert_eq!((head.status, &*head.body), (200, ""));
        assert_eq!(head.headers["content-length"], first.body.len().to_string());
        assert_eq!(request(host.address(), "POST", path, "Content-Length: 0\r\n").status, 405);
    }
}

#[test]
fn the_page_can_be_switched_off() {
    let host = setup().settings("[page]\nenabled = false").start();
    for path in ["/", "/admin", "/page/app.js", "/page/admin/app.js"] {
        assert_eq!(get(&host, path).status, 404, "{path}");
    }
}

#[test]
fn a_client_that_tries_a_websocket_at_the_page_gets_a_hint() {
    let host = setup().start();
    let answer = request(host.address(), "GET", "/", "Upgrade: websocket\r\n");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("/v1/stream (native)"), "{}", answer.body);
}

#[test]
fn only_listeners_for_its_streams_have_the_page() {
    let listener = |dialects: &str| format!("[[listeners]]\naddress = \"127.0.0.1:0\"\ndialects = {dialects}\n");
    let all: String = ["[\"vosk\"]", "[\"openai\"]", "[\"native\", \"vosk\"]"].into_iter().map(listener).collect();
    let host = setup().settings(&all).start();
    let status = |n| request(&host.listener(n), "GET", "/", "").status;
    // That of vosk wants a WebSocket at every path.
    assert_eq!([status(0), status(1), status(2)], [426, 404, 200]);
}

#[test]
fn the_page_needs_no_key_but_its_streams_do() {
    let host = setup();
    std::fs::write(host.path("configs/keys.toml"), format!("[keys.a]\nsha256 = \"{}\"\n", "0".repeat(64))).unwrap();
    let host = host.settings("keys = \"keys.toml\"").start();
    assert_eq!(
        ["/", "/admin", "/page/app.js", "/v1/presets"].map(|path| get(&host, path).status),
        [200, 200, 200, 401]
    );
}

#[test]
fn the_server_prints_where_the_page_is() {
    let host = setup().start();
    assert_eq!(host.line(1), format!("open http://{}/ in a browser to try it", host.address()));
}

#[test]
fn every_text_has_a_place_and_every_place_a_text() {
    let host = setup().start();
    for (page, words) in [("/", "/page/words.js"), ("/admin", "/page/admin/words.js")] {
        let (page, text) = (get(&host, page).body, get(&host, words).body);
        let wanted: BTreeSet<&str> = ["data-words=\"", "data-label=\"", "data-title=\""]
            .iter()
            .flat_map(|mark| page.split(mark).skip(1).filter_map(|rest| rest.split('"').next()))
            .collect();
        assert!(wanted.len() > 10, "{wanted:?}");
        for name in wanted {
            assert!(text.contains(&format!("\n  {name}: ")), "{words} has no `{name}`");
        }
    }
}
