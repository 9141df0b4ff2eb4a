//! TLS: which certificate of a server is accepted, and why not.
//!
//! A certificate is accepted if an authority has issued it: one of the public ones, or those in a file. A certificate that
//! is itself in the file is accepted too, whether it may issue others or not, since the usual command for a self-signed
//! certificate (`openssl req -x509`) makes one that may, and `rustls` does not accept such a certificate for a server.
//! In both cases its names and dates are checked, and the handshake proves that the server has its key.

mod insecure;
mod problem;
mod verifier;

pub(crate) use problem::CertificateProblem;

use auricle_core::text_file;
use insecure::NoVerifier;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    client::VerifierBuilderError,
    client::danger::ServerCertVerifier,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use verifier::Verifier;

/// Why no certificate could be verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// The file cannot be read.
    #[error("--ca {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file is not in PEM format.
    #[error("--ca {}: {error}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: pem::Error,
    },
    /// One of its certificates cannot be used.
    #[error("--ca {}: {error}", .file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: rustls::Error,
    },
    /// The file has no certificate.
    #[error("--ca {}: the file contains no certificate in PEM format (BEGIN CERTIFICATE)", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The TLS library supports none of the protocol versions.
    #[error("{0}")]
    Versions(rustls::Error),
    /// The TLS library accepts none of the certificates.
    #[error("{0}")]
    Builder(VerifierBuilderError),
}

/// TLS settings that accept the certificates in `authorities`, or those of public authorities; with `insecure`, any.
pub(crate) fn settings(authorities: Option<&Path>, insecure: bool) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match insecure {
        true => Arc::new(NoVerifier(Arc::clone(&provider))),
        false => {
            let (roots, listed) = trusted(authorities)?;
            let verifier = Verifier::new(roots, listed, authorities, Arc::clone(&provider));
            Arc::new(verifier.map_err(TrustError::Builder)?)
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The authorities, and the certificates in the file.
fn trusted(file: Option<&Path>) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TrustError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok((roots, Vec::new()));
    };
    let bytes = text_file::read_bytes(file).map_err(|error| TrustError::Read { file: file.to_owned(), error })?;
    let listed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let listed = listed.map_err(|error| TrustError::Pem { file: file.to_owned(), error })?;
    if listed.is_empty() {
        return Err(TrustError::Empty { file: file.to_owned() });
    }
    for certificate in &listed {
        let added = roots.add(certificate.clone());
        added.map_err(|error| TrustError::Authority { file: file.to_owned(), error })?;
    }
    Ok((roots, listed))
}

#[cfg(test)]
mod tests;
