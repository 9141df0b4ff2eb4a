//! Why a server's certificate is not accepted, and what to do. Each message is one line.

use auricle_core::certificate::{CertificateFacts, Moment};
use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};
use tokio_rustls::rustls::{CertificateError, Error, pki_types::UnixTime};

/// Why a server's certificate is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateProblem {
    /// It has expired.
    #[error(
        "the server's certificate expired on {0}: the server needs a new one (if it has one, check the clock of this machine)"
    )]
    Expired(Moment),
    /// It is not valid yet.
    #[error("the server's certificate is valid from {0} only: check the clocks of both machines")]
    NotYet(Moment),
    /// It is for other hosts.
    #[error("the server's certificate is for {}, not for {host}: give one of these names in --url, or make a certificate for it with `-addext {}`", names.join(", "), alternative(host))]
    Name {
        /// The host in the URL.
        host: String,
        /// The hosts it is for.
        names: Vec<String>,
    },
    /// It is for no host.
    #[error(
        "the server's certificate names no host (it has no subjectAltName): make one with `-addext {}`",
        alternative(host)
    )]
    NoNames {
        /// The host in the URL.
        host: String,
    },
    /// No trusted authority has issued it.
    #[error("{}", untrusted(.file.as_deref(), *.self_signed))]
    Untrusted {
        /// The file of trusted certificates, if one was given.
        file: Option<PathBuf>,
        /// Whether it was issued by itself.
        self_signed: bool,
    },
    /// Anything else.
    #[error("the server's certificate cannot be used: {0}")]
    Other(String),
}

/// The value of openssl's `-addext` for a certificate for this host.
fn alternative(host: &str) -> String {
    let kind = if host.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!("subjectAltName={kind}:{host}")
}

fn untrusted(file: Option<&Path>, self_signed: bool) -> String {
    match (file, self_signed) {
        (None, true) => "the server's certificate is self-signed: give that certificate with --ca FILE".to_owned(),
        (None, false) => {
            "no public authority has issued the server's certificate: give the certificate of its authority with --ca FILE".to_owned()
        }
        (Some(file), true) => format!(
            "the server's certificate is self-signed and not in {}: give exactly the server's certificate with --ca FILE",
            file.display()
        ),
        (Some(file), false) => format!(
            "none of the certificates in {} has issued the server's certificate: give that of its authority with --ca FILE",
            file.display()
        ),
    }
}

impl CertificateProblem {
    /// The problem of a certificate with these facts, for which verification returned `error`.
    pub(super) fn find(
        facts: &CertificateFacts,
        host: &str,
        now: UnixTime,
        error: &Error,
        file: Option<&Path>,
    ) -> Self {
        use CertificateError as E;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match error {
            _ if now > facts.not_after.unix_seconds() => Self::Expired(facts.not_after),
            _ if now < facts.not_before.unix_seconds() => Self::NotYet(facts.not_before),
            _ if facts.is_outdated => Self::NoNames { host: host.to_owned() },
            Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => {
                let host = host.to_owned();
                if facts.names.is_empty() {
                    Self::NoNames { host }
                } else {
                    Self::Name { host, names: facts.names.clone() }
                }
            }
            Error::InvalidCertificate(E::UnknownIssuer | E::BadSignature) => Self::untrusted(facts, file),
            // `rustls` says so of a self-signed certificate that may issue others.
            Error::InvalidCertificate(E::Other(_)) if facts.is_self_issued => Self::untrusted(facts, file),
            error => Self::Other(error.to_string()),
        }
    }

    fn untrusted(facts: &CertificateFacts, file: Option<&Path>) -> Self {
        Self::Untrusted { file: file.map(Path::to_owned), self_signed: facts.is_self_issued }
    }

    /// The problem because of which a handshake failed, if it was the certificate.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        match error.get_ref()?.downcast_ref()? {
            Error::InvalidCertificate(CertificateError::Other(cause)) => cause.0.downcast_ref(),
            _ => None,
        }
    }
}
