//! A hub on this machine: the list of a repository's files, the files, and faults.
//!
//! It has the paths of the real one: the list under `/api/models`, files under `/ID/resolve/COMMIT`, large ones with a
//! redirect to a server that knows no tokens and supports ranges. One thread per connection, one request on each.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// The commit of every repository here.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

type Files = BTreeMap<String, Vec<u8>>;

/// A running hub.
pub(crate) struct Hub {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

/// A client's request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) token: Option<String>,
}

/// The hub's behaviour; by default without faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manner {
    /// Repositories are visible only with this token.
    pub(crate) token: Option<&'static str>,
    /// The status and `x-error-code` of every response.
    pub(crate) refusal: Option<(u16, &'static str)>,
    /// For large files: a connection delivers this many bytes, and then ends or stalls.
    pub(crate) most: Option<(usize, Then)>,
    /// Changes one byte of a large file.
    pub(crate) damage: bool,
    /// Ignores ranges.
    pub(crate) no_ranges: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Closes,
    Stalls,
}

#[derive(Default)]
struct State {
    repositories: BTreeMap<String, Files>,
    manner: Manner,
    asked: Vec<Asked>,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hub = Self { url: url.clone(), state: Arc::default() };
        let state = Arc::clone(&hub.state);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (state, url) = (Arc::clone(&state), url.clone());
                // A client may disconnect at any time.
                thread::spawn(move || drop(answer(&connection, &state, &url)));
            }
        });
        hub
    }

    pub(crate) fn publish(&self, id: &str, files: Files) {
        self.state.lock().unwrap().repositories.insert(id.to_owned(), files);
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// The requests since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

fn answer(mut connection: &TcpStream, state: &Mutex<State>, url: &str) -> std::io::Result<()> {
    let asked = request(connection)?;
    let (repositories, manner) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        (state.repositories.clone(), state.manner.clone())
    };
    let mut say = |status: u16, headers: &str, body: &[u8]| {
        let length = body.len();
        write!(connection, "HTTP/1.1 {status} .\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n")?;
        connection.write_all(body)
    };
    if let Some((status, code)) = manner.refusal {
        return say(status, &format!("x-error-code: {code}\r\n"), b"");
    }
    if let Some(place) = asked.path.strip_prefix("/cdn/") {
        let (id, name) = place.split_once('!').unwrap();
        return file(connection, &asked, &manner, &repositories[id][name]);
    }
    if manner.token.is_some_and(|token| asked.token.as_deref() != Some(&format!("Bearer {token}"))) {
        return say(401, "x-error-code: RepoNotFound\r\n", b"");
    }
    if let Some(place) = asked.path.strip_prefix("/api/models/") {
        let (id, revision) = place.split_once("/revision/").unwrap();
        let known = ["main?blobs=true", "v2?blobs=true"].contains(&revision);
        return match repositories.get(id) {
            Some(files) if known => say(200, "", list(files).to_string().as_bytes()),
            Some(_) => say(404, "x-error-code: RevisionNotFound\r\n", b""),
            None => say(404, "x-error-code: RepoNotFound\r\n", b""),
        };
    }
    // Another host, from the client's point of view.
    let cdn = url.replace("127.0.0.1", "localhost");
    let (id, name) = asked.path[1..].split_once(&format!("/resolve/{COMMIT}/")).unwrap_or_default();
    match repositories.get(id).and_then(|files| files.get(name)) {
        Some(_) if is_large(name) => say(302, &format!("location: {cdn}/cdn/{id}!{name}\r\n"), b""),
        Some(bytes) => say(200, &format!("x-repo-commit: {COMMIT}\r\netag: \"x\"\r\n"), bytes),
        None => say(404, "x-error-code: EntryNotFound\r\n", b""),
    }
}

fn request(connection: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()))?;
    let mut asked = Asked { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), ..Asked::default() };
    for line in lines {
        match line?.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("range") => asked.range = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => asked.token = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    Ok(asked)
}

/// The hub's description of a repository; large files have their hash.
fn list(files: &Files) -> Value {
    let siblings = files.iter().map(|(name, bytes)| {
        let mut file = json!({"rfilename": name, "size": bytes.len(), "blobId": "x"});
        if is_large(name) {
            let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            file["lfs"] = json!({"sha256": hash, "size": bytes.len(), "pointerSize": 134});
        }
        file
    });
    json!({"id": "x", "sha": COMMIT, "private": false, "siblings": siblings.collect::<Vec<_>>()})
}

fn is_large(name: &str) -> bool {
    name.contains(".onnx")
}

/// Sends a large file, or the rest of it.
fn file(mut connection: &TcpStream, asked: &Asked, manner: &Manner, bytes: &[u8]) -> std::io::Result<()> {
    let mut bytes = bytes.to_vec();
    if manner.damage {
        *bytes.last_mut().unwrap() ^= 1;
    }
    let range = asked.range.as_ref().filter(|_| !manner.no_ranges);
    let start = range.map_or(0, |range| range["bytes=".len()..].trim_end_matches('-').parse().unwrap());
    let (size, rest) = (bytes.len(), &bytes[start..]);
    let status = match range {
        Some(_) => format!("206 .\r\ncontent-range: bytes {start}-{}/{size}", size - 1),
        None => "200 .".to_owned(),
    };
    write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len())?;
    match manner.most {
        Some((most, then)) if rest.len() > most => {
            connection.write_all(&rest[..most])?;
            if then == Then::Stalls {
                // Until the client is gone.
                while connection.peek(&mut [0]).is_ok_and(|count| count > 0) {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            Ok(())
        }
        _ => connection.write_all(rest),
    }
}
