//! Verifies a server's certificate: see the parent module.

use super::CertificateProblem;
use auricle_core::certificate::CertificateFacts;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// Accepts what the authorities have issued, and the listed certificates themselves.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
    /// The file of the listed certificates.
    file: Option<PathBuf>,
}

impl Verifier {
    pub(super) fn new(
        roots: RootCertStore,
        listed: Vec<CertificateDer<'static>>,
        file: Option<&Path>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { authorities, listed, file: file.map(Path::to_owned) })
    }

    /// Why a certificate that was not accepted is not.
    fn problem(&self, certificate: &CertificateDer<'_>, host: &ServerName<'_>, now: UnixTime, error: &Error) -> Error {
        let problem = match CertificateFacts::read(certificate) {
            Err(_) => CertificateProblem::Other(error.to_string()),
            Ok(facts) => CertificateProblem::find(&facts, &host.to_str(), now, error, self.file.as_deref()),
        };
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(problem))))
    }
}

/// Checks names and dates of a certificate that is trusted itself.
fn check_listed(certificate: &CertificateDer<'_>, host: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let facts = CertificateFacts::read(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < facts.not_before.unix_seconds() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > facts.not_after.unix_seconds() {
        return Err(CertificateError::Expired.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, host)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = if self.listed.contains(certificate) {
            check_listed(certificate, host, now).map(|()| ServerCertVerified::assertion())
        } else {
            self.authorities.verify_server_cert(certificate, intermediates, host, ocsp, now)
        };
        verified.map_err(|error| self.problem(certificate, host, now, &error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
