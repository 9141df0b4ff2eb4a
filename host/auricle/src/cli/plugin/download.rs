//! Reads packages from a folder on a web server.
//!
//! What is received is not trusted: the signature is checked as for any file. The index can only hide packages.

use crate::cli::pull::Progress;
use auricle_packages::IndexEntry;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};
use tempfile::NamedTempFile;
use ureq::{
    Agent,
    http::Uri,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Longest time to wait for the server to send something.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
/// The largest size of an index, in bytes.
const MOST_INDEX: u64 = 16 << 20;

/// A folder on a web server.
pub(super) struct Folder {
    agent: Agent,
    address: String,
}

/// Parses the address of a folder. Without TLS only this machine is accepted.
pub(super) fn address(text: &str) -> Result<String, String> {
    let address = text.trim_end_matches('/');
    let uri: Option<Uri> = address.parse().ok().filter(|uri: &Uri| uri.query().is_none());
    let is_here = |uri: &Uri| matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match uri {
        Some(uri) if uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here(&uri)) => {
            Ok(address.to_owned())
        }
        _ => Err("not an address like https://HOST/FOLDER".into()),
    }
}

impl Folder {
    /// The folder at an address. `ca` has the authorities of its certificate.
    pub(super) fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        let mut tls = TlsConfig::builder();
        if let Some(file) = ca {
            let named = |problem: &dyn std::fmt::Display| format!("--ca {}: {problem}", file.display());
            let text = fs::read(file).map_err(|error| named(&error))?;
            let mut authorities = Vec::new();
            for item in parse_pem(&text) {
                if let PemItem::Certificate(certificate) = item.map_err(|error| named(&error))? {
                    authorities.push(certificate);
                }
            }
            if authorities.is_empty() {
                return Err(named(&"there is no certificate in it"));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&authorities));
        }
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .https_only(address.starts_with("https:"))
            .timeout_resolve(PATIENCE)
            .timeout_connect(PATIENCE)
            .timeout_recv_response(PATIENCE)
            .timeout_per_read(PATIENCE)
            .build();
        Ok(Self { agent: agent.into(), address: address.to_owned() })
    }

    /// Reads a small file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.open(name)?
            .take(MOST_INDEX)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("{}/{name}: {error}", self.address))?;
        Ok(bytes)
    }

    /// Downloads a package into a temporary file, and checks that it is the one in the index.
    pub(super) fn download(&self, entry: &IndexEntry) -> Result<NamedTempFile, String> {
        let at = |error: io::Error| format!("{}/{}: {error}", self.address, entry.file);
        let mut file = NamedTempFile::new().map_err(at)?;
        // One byte more shows that there is more.
        let mut from = self.open(&entry.file)?.take(entry.size.saturating_add(1));
        let (mut hash, mut size) = (Sha256::new(), 0);
        let progress = Progress::begin(&entry.file, entry.size, 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from.read(&mut buffer).map_err(at)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(at)?;
            size += count as u64;
            progress.at(size);
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if size != entry.size || found != entry.sha256 {
            return Err(format!("{}/{}: the file is not the one that the index lists", self.address, entry.file));
        }
        progress.done();
        Ok(file)
    }

    fn open(&self, name: &str) -> Result<impl Read, String> {
        let url = format!("{}/{name}", self.address);
        let answer = self.agent.get(&url).call().map_err(|error| format!("{url}: {error}"))?;
        Ok(answer.into_body().into_reader())
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn packages_come_by_https_or_from_this_machine() {
        for good in ["https://example.org/engines/", "http://127.0.0.1:8000/x", "http://localhost", "http://[::1]:1"] {
            assert_eq!(address(good), Ok(good.trim_end_matches('/').to_owned()));
        }
        for bad in ["http://example.org/engines", "example.org", "https://example.org/?x", "ftp://example.org", ""] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
