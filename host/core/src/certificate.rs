//! What a TLS certificate says: for which hosts it is, and when it is valid. Nothing is verified here.

use std::{fmt, net::IpAddr};
use x509_parser::{extensions::GeneralName, parse_x509_certificate, time::ASN1Time, x509::X509Version};

/// The data is not an X.509 certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

/// Names and dates of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The host names and IP addresses it is for (`subjectAltName`).
    pub names: Vec<String>,
    /// The first moment at which it is valid.
    pub not_before: Moment,
    /// The last moment at which it is valid.
    pub not_after: Moment,
    /// Whether subject and issuer are the same.
    pub is_self_issued: bool,
    /// Whether its format is older than version 3. TLS libraries refuse it: it cannot list names.
    pub is_outdated: bool,
}

impl CertificateFacts {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is not a certificate.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|_| NotACertificate)?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|extension| &extension.value.general_names).filter_map(host);
        Ok(Self {
            names: names.collect(),
            not_before: Moment(certificate.validity.not_before),
            not_after: Moment(certificate.validity.not_after),
            is_self_issued: certificate.subject == certificate.issuer,
            is_outdated: certificate.version != X509Version::V3,
        })
    }
}

/// A moment, in whole seconds. Displayed in UTC, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct Moment(ASN1Time);

impl Moment {
    /// Seconds since 1970, in UTC; negative before.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.to_datetime();
        write!(f, "{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
    }
}

/// A host name or IP address. Other kinds of names do not matter for TLS.
fn host(name: &GeneralName<'_>) -> Option<String> {
    match *name {
        GeneralName::DNSName(name) => Some(super::one_line(name)),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(CertificateFacts::read(&bytes), Err(NotACertificate));
        }
    }
}
