//! TLS 1.2 and 1.3 with rustls; certificates are read again when their files change, and say when they expire.

use super::settings::Tls;
use crate::reload::Reloaded;
use auricle_core::{
    certificate::{CertificateFacts, NotACertificate},
    text_file,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("[tls] {}: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("[tls] {}: {error}", .file.display())]
    Pem { file: PathBuf, error: pem::Error },
    #[error("[tls] {}: the file contains no certificate", .file.display())]
    Empty { file: PathBuf },
    #[error("[tls] {}: does not match the key {}: {error}", .certificate.display(), .key.display())]
    Pair { certificate: PathBuf, key: PathBuf, error: Box<rustls::Error> },
    #[error(
        "[tls] {file}: the key is protected by a passphrase, which the server cannot ask for; `openssl pkey -in {file} -out NEW.key` \
         writes it without one (keep the new file readable by the server's user only)",
        file = .file.display()
    )]
    Passphrase { file: PathBuf },
    #[error("[tls] {}: {error}", .file.display())]
    Facts { file: PathBuf, error: NotACertificate },
    #[error("[tls] {}: the file contains no private key (BEGIN PRIVATE KEY)", .file.display())]
    NoKey { file: PathBuf },
    /// The TLS library supports none of the protocol versions.
    #[error("{0}")]
    Versions(rustls::Error),
}

/// A certificate as it is in its files now.
pub(super) type Certificate = Reloaded<Loaded>;

/// A certificate that was read.
pub(super) struct Loaded {
    /// The TLS configuration with it.
    pub(super) config: Arc<ServerConfig>,
    /// The same for HTTP/2.
    pub(super) http2: Arc<ServerConfig>,
    /// Its file.
    pub(super) file: PathBuf,
    /// When it expires, in seconds since 1970; `None` if that cannot be read.
    pub(super) not_after: Option<i64>,
}

/// The certificates of all listeners. Listeners with the same files share one.
#[derive(Default)]
pub(super) struct Certificates(pub(super) Vec<Arc<Certificate>>, Vec<Tls>);

impl Certificates {
    /// Reads the certificate in these files, unless it is loaded already.
    ///
    /// # Errors
    /// A file cannot be read, or certificate and key do not match.
    pub(super) fn read(&mut self, files: &Tls) -> Result<Arc<Certificate>, CertificateError> {
        if let Some(known) = self.1.iter().position(|known| known == files) {
            return Ok(Arc::clone(&self.0[known]));
        }
        let certificate = Arc::new(certificate(files)?);
        self.0.push(Arc::clone(&certificate));
        self.1.push(files.clone());
        Ok(certificate)
    }
}

/// Reads certificate and key.
///
/// # Errors
/// A file cannot be read, or certificate and key do not match.
fn certificate(files: &Tls) -> Result<Certificate, CertificateError> {
    let own = files.clone();
    Reloaded::new(vec![files.certificate.clone(), files.key.clone()], move |_| read(&own))
}

/// Names and dates of the certificate in these files, after the checks of a start.
pub(super) fn facts(files: &Tls) -> Result<CertificateFacts, CertificateError> {
    read(files)?;
    let file = || files.certificate.clone();
    let first =
        chain(&files.certificate)?.into_iter().next().ok_or_else(|| CertificateError::Empty { file: file() })?;
    CertificateFacts::read(&first).map_err(|error| CertificateError::Facts { file: file(), error })
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(file)?).collect();
    let chain = chain.map_err(|error| CertificateError::Pem { file: file.to_owned(), error })?;
    if chain.is_empty() { Err(CertificateError::Empty { file: file.to_owned() }) } else { Ok(chain) }
}

fn read(Tls { certificate, key }: &Tls) -> Result<Loaded, CertificateError> {
    let chain = chain(certificate)?;
    let private = private_key(key)?;
    let not_after =
        chain.first().and_then(|first| CertificateFacts::read(first).ok()).map(|facts| facts.not_after.unix_seconds());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Versions)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| CertificateError::Pair {
            certificate: certificate.clone(),
            key: key.clone(),
            error: Box::new(error),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut http2 = config.clone();
    http2.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Loaded { config: Arc::new(config), http2: Arc::new(http2), file: certificate.clone(), not_after })
}

/// Reads the private key of a PEM file.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = bytes(file)?;
    // Both formats: PKCS #8, and the older one of OpenSSL, whose base64 text is not that of a key.
    let lines = || text.split(|&byte| byte == b'\n');
    if lines().any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    }) {
        return Err(CertificateError::Passphrase { file: file.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey { file: file.to_owned() },
        error => CertificateError::Pem { file: file.to_owned(), error },
    })
}

fn bytes(file: &Path) -> Result<Vec<u8>, CertificateError> {
    text_file::read_bytes(file).map_err(|error| CertificateError::Read { file: file.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl x509 -enddate`: Nov 26 18:01:31 2036 GMT.
    const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----\n\
        MIIBfTCCASOgAwIBAgIUGh2BfypZs77dGwrpNB1aOAwuXD0wCgYIKoZIzj0EAwIw\n\
        FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyOTE4MDEzMVoXDTM2MTEyNjE4\n\
        MDEzMVowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n\
        AQcDQgAEeW9+qC8TOSaWkT2Ko0CyccUnFCmsfVhCiITTjVLRGvZflekirKyHgqYx\n\
        8wuP+YqrHEKLogHDG+YbrK+sFffjYaNTMFEwHQYDVR0OBBYEFIK/KqAz+d1ko2MF\n\
        AxZ6346GxoCVMB8GA1UdIwQYMBaAFIK/KqAz+d1ko2MFAxZ6346GxoCVMA8GA1Ud\n\
        EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAMxfkWO9URdNZAgCmIf4pse2\n\
        OIAa/2SNnUsg1myELRqhAiBg6ZLKdogUn0TORzToY9Hs193DM0grWqU6md45+xEq\n\
        1Q==\n\
        -----END CERTIFICATE-----\n";

    #[test]
    fn the_expiry_is_read() {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        assert_eq!(CertificateFacts::read(&certificate).unwrap().not_after.unix_seconds(), 2_111_335_291);
        CertificateFacts::read(b"not a certificate").unwrap_err();
    }
}
