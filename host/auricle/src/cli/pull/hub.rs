//! The Hugging Face Hub: the files of a repository at a revision, and their contents.
//!
//! `hf-hub` provides the addresses, the token and the HTTP client. Its download is not used: it names the files on disk
//! after the server's headers and does not verify what it received.

use hf_hub::{
    Cache, Repo, RepoType,
    api::sync::{Api, ApiBuilder, ApiError, ApiRepo},
};
use serde::Deserialize;
use std::{env, io::Read, path::PathBuf, time::Duration};
use ureq::{
    Body, Error, RequestBuilder,
    http::{HeaderMap, Response, StatusCode, Uri},
    typestate::WithoutBody,
};

/// Longest time to wait for the server to send something.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// The hub's client cannot be created.
#[derive(Debug, thiserror::Error)]
pub(super) enum HubError {
    #[error("--endpoint (or HF_ENDPOINT) {0:?}: not an address like https://HOST")]
    Endpoint(String),
    #[error("the token (HF_TOKEN, or from a previous login) contains characters that are not allowed in a token")]
    Token,
    /// `hf-hub` cannot create its client.
    #[error("{0}")]
    Client(ApiError),
}

/// A request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No response, or an incomplete one; a retry may help.
    Unreachable(String),
    /// The server's response is final, or the cause is on this machine; a retry does not help.
    Refused(String),
}

/// A client for a server with the Hugging Face Hub's API.
pub(super) struct Hub {
    api: Api,
    endpoint: String,
    has_token: bool,
}

/// A repository at a commit.
pub(super) struct Snapshot<'a> {
    hub: &'a Hub,
    id: String,
    at_commit: ApiRepo,
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a repository, as the hub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// `None` with some mirrors.
    pub(super) size: Option<u64>,
    /// `None` for small files.
    pub(super) sha256: Option<String>,
}

/// A file's contents, as the server sends them.
pub(super) struct Rest {
    /// Offset of the first byte in the file.
    pub(super) start: u64,
    /// Size of the whole file.
    pub(super) size: u64,
    pub(super) bytes: Box<dyn Read>,
}

#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
}

impl Hub {
    /// Creates a client for the hub at `endpoint`. The token comes from `HF_TOKEN` or a previous login, if there is
    /// one.
    pub(super) fn new(endpoint: &str) -> Result<Self, HubError> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let address: Option<Uri> = endpoint.parse().ok();
        if !address.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()) {
            return Err(HubError::Endpoint(endpoint));
        }
        let home = env::var_os("HF_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cache/huggingface")));
        let login = || Cache::new(home?.join("hub")).token();
        let given = env::var("HF_TOKEN").ok().map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let token = given.or_else(login);
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(HubError::Token);
        }
        let has_token = token.is_some();
        // Nothing is ever stored in this cache.
        let builder =
            ApiBuilder::from_cache(Cache::new(PathBuf::new())).with_endpoint(endpoint.clone()).with_token(token);
        let api = builder.build().map_err(HubError::Client)?;
        Ok(Self { api, endpoint, has_token })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Lists a repository at a revision. The snapshot stays at the commit that the revision names now.
    pub(super) fn look(&self, id: &str, revision: &str) -> Result<Snapshot<'_>, Failure> {
        let at = |revision: &str| self.api.repo(Repo::with_revision(id.into(), RepoType::Model, revision.into()));
        let answer = self.ask(at(revision).info_request().query("blobs", "true"))?;
        if !answer.status().is_success() {
            return Err(Failure::Refused(self.refusal(&answer, id, revision)));
        }
        let unexpected =
            |problem: &str| Failure::Refused(format!("{}: not a response of a hub: {problem}", self.endpoint));
        let text = answer.into_body().read_to_string().map_err(|error| self.failure(error))?;
        let Info { sha, siblings } = serde_json::from_str(&text).map_err(|error| unexpected(&error.to_string()))?;
        if sha.is_empty() || !sha.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unexpected(&format!("{sha:?} is not a commit")));
        }
        let file = |Sibling { rfilename, size, lfs }| RemoteFile {
            name: rfilename,
            size,
            sha256: lfs.and_then(|lfs: Lfs| lfs.sha256).map(|hash| hash.to_ascii_lowercase()),
        };
        let files = siblings.into_iter().map(file).collect();
        Ok(Snapshot { hub: self, id: id.to_owned(), at_commit: at(&sha), commit: sha, files })
    }

    fn ask(&self, request: RequestBuilder<WithoutBody>) -> Result<Response<Body>, Failure> {
        let request = request
            .config()
            .http_status_as_error(false)
            // No redirect from HTTPS to HTTP.
            .https_only(self.endpoint.starts_with("https:"))
            .timeout_resolve(PATIENCE)
            .timeout_connect(PATIENCE)
            .timeout_recv_response(PATIENCE)
            .timeout_per_read(PATIENCE)
            // Offsets count uncompressed bytes.
            .accept_encoding("identity")
            .build();
        request.call().map_err(|error| self.failure(error))
    }

    fn failure(&self, error: Error) -> Failure {
        match error {
            Error::Io(error) => Failure::Unreachable(error.to_string()),
            Error::Timeout(_) => Failure::Unreachable("no response".into()),
            error @ (Error::HostNotFound | Error::ConnectionFailed | Error::Tls(_) | Error::Rustls(_)) => {
                Failure::Unreachable(error.to_string())
            }
            error @ (Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl) => Failure::Unreachable(error.to_string()),
            error => Failure::Refused(format!("{}: {error}", self.endpoint)),
        }
    }

    /// Describes an error response.
    fn refusal(&self, answer: &Response<Body>, id: &str, revision: &str) -> String {
        let (status, endpoint) = (answer.status(), &self.endpoint);
        match (text(answer.headers(), "x-error-code"), status) {
            (Some("GatedRepo"), _) | (_, StatusCode::FORBIDDEN) => format!(
                "{id} is gated ({}): request access at {endpoint}/{id}, then set HF_TOKEN to your token",
                status.as_u16()
            ),
            (Some("RevisionNotFound"), _) => {
                format!("{id} at {endpoint} has no revision {revision} ({})", status.as_u16())
            }
            // The hub hides from anonymous users whether a repository exists.
            (_, StatusCode::UNAUTHORIZED) if self.has_token => {
                format!("{endpoint} has no {id} that this token may read (401): check the name and HF_TOKEN")
            }
            (_, StatusCode::UNAUTHORIZED) => {
                format!("{endpoint} has no public {id} (401): check the name; for a private repository set HF_TOKEN")
            }
            (_, StatusCode::NOT_FOUND) => {
                format!("{endpoint} has no {id} at revision {revision} (404): check the name")
            }
            _ => format!("{endpoint} returned {status} for {id}: try again later"),
        }
    }
}

impl Snapshot<'_> {
    /// Requests a file's contents from offset `from`. The server may start at 0 instead.
    pub(super) fn open(&self, name: &str, from: u64) -> Result<Rest, Failure> {
        let mut request = self.at_commit.info_request().uri(self.at_commit.url(name));
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let answer = self.hub.ask(request)?;
        let headers = answer.headers();
        let (start, size) = match answer.status() {
            StatusCode::PARTIAL_CONTENT => place(headers),
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => return self.open(name, 0),
            status if status.is_success() => {
                Some(0).zip(text(headers, "content-length").and_then(|size| size.parse().ok()))
            }
            _ => {
                let refusal = self.hub.refusal(&answer, &self.id, &self.commit);
                return Err(Failure::Refused(format!("{name}: {refusal}")));
            }
        }
        .filter(|(start, _)| *start == 0 || *start == from)
        .ok_or_else(|| {
            Failure::Refused(format!(
                "{name}: the response of {} does not state which part of the file it contains",
                self.hub.endpoint
            ))
        })?;
        Ok(Rest { start, size, bytes: Box::new(answer.into_body().into_reader()) })
    }
}

/// The first offset and the total size in `Content-Range: bytes 100-199/200`.
fn place(headers: &HeaderMap) -> Option<(u64, u64)> {
    let (part, size) = text(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
