//! The web pages at `/` and, for operators, at `/admin`: the files in `host/server/page`, and the client module for JavaScript on which they rest.
//!
//! Invariants: the files are part of the program. The pages ask this server alone, and their headers make browsers hold them
//! to that. They need no key: they have nothing that the program does not have, and the routes behind it check the key that
//! the user types. Only the client module may be loaded by other pages; their streams are checked like all others.

use super::app::App;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};
use std::future::ready;

/// A file of the page.
#[derive(Clone)]
struct File {
    path: String,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Where the client module is.
const CLIENT: &str = "/page/client/";

macro_rules! files {
    ($($path:literal $kind:ident $file:literal,)*) => {
        &[$(($path, $kind, include_str!(concat!("../", $file)))),*]
    };
}

/// Those of the pages: path, kind, text.
const FILES: &[(&str, &str, &str)] = files! {
    "/" HTML "page/index.html",
    "/admin" HTML "page/admin/index.html",
    "/page/admin/admin.css" CSS "page/admin/admin.css",
    "/page/admin/app.js" SCRIPT "page/admin/app.js",
    "/page/admin/chart.js" SCRIPT "page/admin/chart.js",
    "/page/admin/figures.js" SCRIPT "page/admin/figures.js",
    "/page/admin/series.js" SCRIPT "page/admin/series.js",
    "/page/admin/table.js" SCRIPT "page/admin/table.js",
    "/page/admin/words.js" SCRIPT "page/admin/words.js",
    "/page/app.js" SCRIPT "page/app.js",
    "/page/audio_file.js" SCRIPT "page/audio_file.js",
    "/page/dom.js" SCRIPT "page/dom.js",
    "/page/form.js" SCRIPT "page/form.js",
    "/page/icon.svg" SVG "page/icon.svg",
    "/page/page.css" CSS "page/page.css",
    "/page/player.js" SCRIPT "page/player.js",
    "/page/problems.js" SCRIPT "page/problems.js",
    "/page/save.js" SCRIPT "page/save.js",
    "/page/schema.js" SCRIPT "page/schema.js",
    "/page/server.js" SCRIPT "page/server.js",
    "/page/session.js" SCRIPT "page/session.js",
    "/page/spans.js" SCRIPT "page/spans.js",
    "/page/view.js" SCRIPT "page/view.js",
    "/page/words.js" SCRIPT "page/words.js",
};

/// Of every file. The page has no inline scripts or styles, is in no frame, and reaches this server only.
static HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src blob:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // A browser asks each time, because another version of the program may answer, and mostly gets 304.
    (header::CACHE_CONTROL, "no-cache"),
];

/// Of the client module, in place of those above: any page may load it.
static CLIENT_HEADERS: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

/// All files.
fn files() -> impl Iterator<Item = File> {
    let pages = FILES.iter().copied().map(|(path, kind, text)| File { path: path.to_owned(), kind, text });
    let client = auricle_javascript::FILES.iter().copied();
    pages.chain(client.map(|(name, text)| File { path: format!("{CLIENT}{name}"), kind: SCRIPT, text }))
}

/// Adds the files to the routes. A client that tries a WebSocket there gets the hint where those are.
pub(super) fn with_page(routes: Router<App>, hint: &str) -> Router<App> {
    files().fold(routes, |routes, file| {
        let path = file.path.clone();
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(file.text)[..16]));
        let hint = hint.to_owned();
        let answer = move |headers: HeaderMap| {
            let is_handshake =
                headers.get(header::UPGRADE).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
            ready(if is_handshake {
                (StatusCode::NOT_FOUND, hint.clone()).into_response()
            } else {
                file.answer(&tag, &headers)
            })
        };
        routes.route(&path, get(answer))
    })
}

impl File {
    fn answer(&self, tag: &str, request: &HeaderMap) -> Response {
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
        let is_known = known.flat_map(|tags| tags.split(',')).any(|known| {
            let known = known.trim();
            known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
        });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, self.kind)], Bytes::from_static(self.text.as_bytes())).into_response()
        };
        let headers = response.headers_mut();
        headers.extend(HEADERS.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))));
        if self.path.starts_with(CLIENT) {
            for (name, value) in &CLIENT_HEADERS {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    /// The files of a folder as the paths at which they must be served.
    fn in_folder(folder: &str, at: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        files.map(|path| format!("{at}{}", path.file_name().unwrap().to_str().unwrap())).collect()
    }

    #[test]
    fn every_file_is_served() {
        let mut files = in_folder("page", "/page/");
        files.extend(in_folder("page/admin", "/page/admin/"));
        for (file, at) in [("/page/index.html", "/"), ("/page/admin/index.html", "/admin")] {
            assert!(files.remove(file) && files.insert(at.into()));
        }
        assert_eq!(FILES.iter().map(|(path, ..)| (*path).to_owned()).collect::<BTreeSet<_>>(), files);
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let file = files().next().unwrap();
        for (known, status) in
            [("\"a\"", 304), ("W/\"a\"", 304), ("\"b\", \"a\"", 304), ("*", 304), ("\"b\"", 200), ("a", 200)]
        {
            let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(known))]);
            let response = file.answer("\"a\"", &request);
            assert_eq!(response.status(), status, "{known}");
            assert_eq!(
                (&response.headers()[header::ETAG], response.headers().len() > 7),
                (&HeaderValue::from_static("\"a\""), true)
            );
        }
        assert_eq!(file.answer("\"a\"", &HeaderMap::new()).status(), 200);
    }
}
