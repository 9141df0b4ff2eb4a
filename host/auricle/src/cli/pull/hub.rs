//! The hub's side: what a repository holds at a revision, and the bytes of its files.
//!
//! `hf-hub` knows the addresses, carries the token, and its client makes the requests. Files are not left to it: it names
//! them on disk by what the server's headers say, and does not look at what came.

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

/// How long a server may say nothing.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum HubError {
    #[error("--endpoint (or HF_ENDPOINT) {0:?}: not an address like https://HOST")]
    Endpoint(String),
    #[error("the token (HF_TOKEN, or of an earlier login) holds letters that no token has")]
    Token,
    /// The library makes no client.
    #[error("{0}")]
    Client(ApiError),
}

/// Why something did not come.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was no answer, or not all of it.
    Unreachable(String),
    /// There was one, and it will not change by asking again; or this machine is the cause.
    Refused(String),
}

/// A server that answers like the Hugging Face Hub.
pub(super) struct Hub {
    api: Api,
    endpoint: String,
    has_token: bool,
}

/// A repository as it was at a commit.
pub(super) struct Snapshot<'a> {
    hub: &'a Hub,
    id: String,
    at_commit: ApiRepo,
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a repository, by what the hub's list says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    /// Some mirrors do not say.
    pub(super) size: Option<u64>,
    /// Known of large files.
    pub(super) sha256: Option<String>,
}

/// What a server sends of a file.
pub(super) struct Rest {
    /// Where in the file it begins.
    pub(super) start: u64,
    /// Of the whole file.
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
    /// A client of the hub at an address, with the token of `HF_TOKEN` or of an earlier login, if there is one.
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
        // Nothing is ever kept in this cache.
        let builder =
            ApiBuilder::from_cache(Cache::new(PathBuf::new())).with_endpoint(endpoint.clone()).with_token(token);
        let api = builder.build().map_err(HubError::Client)?;
        Ok(Self { api, endpoint, has_token })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What a repository holds at a revision, from here on at the commit that this is now.
    pub(super) fn look(&self, id: &str, revision: &str) -> Result<Snapshot<'_>, Failure> {
        let at = |revision: &str| self.api.repo(Repo::with_revision(id.into(), RepoType::Model, revision.into()));
        let answer = self.ask(at(revision).info_request().query("blobs", "true"))?;
        if !answer.status().is_success() {
            return Err(Failure::Refused(self.refusal(&answer, id, revision)));
        }
        let odd = |problem: &str| Failure::Refused(format!("{}: not a hub's answer: {problem}", self.endpoint));
        let text = answer.into_body().read_to_string().map_err(|error| self.failure(error))?;
        let Info { sha, siblings } = serde_json::from_str(&text).map_err(|error| odd(&error.to_string()))?;
        if sha.is_empty() || !sha.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(odd(&format!("{sha:?} for a commit")));
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
            // Whoever began with encryption is not led away from it.
            .https_only(self.endpoint.starts_with("https:"))
            .timeout_resolve(PATIENCE)
            .timeout_connect(PATIENCE)
            .timeout_recv_response(PATIENCE)
            .timeout_per_read(PATIENCE)
            // Places in a file are counted as it is, not as it was compressed.
            .accept_encoding("identity")
            .build();
        request.call().map_err(|error| self.failure(error))
    }

    fn failure(&self, error: Error) -> Failure {
        match error {
            Error::Io(error) => Failure::Unreachable(error.to_string()),
            Error::Timeout(_) => Failure::Unreachable("it does not answer".into()),
            error @ (Error::HostNotFound | Error::ConnectionFailed | Error::Tls(_) | Error::Rustls(_)) => {
                Failure::Unreachable(error.to_string())
            }
            error @ (Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl) => Failure::Unreachable(error.to_string()),
            error => Failure::Refused(format!("{}: {error}", self.endpoint)),
        }
    }

    /// A line on an answer that is no.
    fn refusal(&self, answer: &Response<Body>, id: &str, revision: &str) -> String {
        let (status, endpoint) = (answer.status(), &self.endpoint);
        match (text(answer.headers(), "x-error-code"), status) {
            (Some("GatedRepo"), _) | (_, StatusCode::FORBIDDEN) => format!(
                "{id} is gated ({}): ask for access at {endpoint}/{id}, then give your token in HF_TOKEN",
                status.as_u16()
            ),
            (Some("RevisionNotFound"), _) => {
                format!("{id} at {endpoint} has no revision {revision} ({})", status.as_u16())
            }
            // The hub does not tell strangers whether there is such a repository.
            (_, StatusCode::UNAUTHORIZED) if self.has_token => {
                format!("{endpoint} shows no {id} to the owner of this token (401): is the name right, and HF_TOKEN?")
            }
            (_, StatusCode::UNAUTHORIZED) => {
                format!(
                    "{endpoint} shows no {id} to strangers (401): is the name right? If it is private, set HF_TOKEN"
                )
            }
            (_, StatusCode::NOT_FOUND) => {
                format!("{endpoint} has no {id} at revision {revision} (404): is the name right?")
            }
            _ => format!("{endpoint} answers {status} for {id}: try again later"),
        }
    }
}

impl Snapshot<'_> {
    /// The bytes of a file, from a place on; the server may begin earlier.
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
        .ok_or_else(|| Failure::Refused(format!("{name}: {} does not say which part of it came", self.hub.endpoint)))?;
        Ok(Rest { start, size, bytes: Box::new(answer.into_body().into_reader()) })
    }
}

/// Where a part begins, and the size of the whole: `bytes 100-199/200`.
fn place(headers: &HeaderMap) -> Option<(u64, u64)> {
    let (part, size) = text(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
