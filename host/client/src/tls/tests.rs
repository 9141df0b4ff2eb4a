//! Which certificates are accepted, for which hosts, and when.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use std::{error::Error as _, io, time::Duration};
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};

/// A certificate as `openssl req -x509` makes it: it may issue others. Valid in 2020 to 2030.
fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 1, 1));
    params
}

fn self_signed(names: &[&str]) -> CertificateDer<'static> {
    params(names).self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// A certificate of an authority, and the authority's.
fn issued(names: &[&str]) -> [CertificateDer<'static>; 2] {
    let key = KeyPair::generate().unwrap();
    let authority = params(&[]).self_signed(&key).unwrap().der().clone();
    let mut server = params(names);
    server.is_ca = IsCa::NoCa;
    server.distinguished_name.push(DnType::CommonName, "server");
    let server = server.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(params(&[]), key)).unwrap();
    [server.der().clone(), authority]
}

/// Verifies with the trusted certificates, in the given year.
fn verify(
    trusted: &[&CertificateDer<'static>],
    certificate: &CertificateDer<'static>,
    host: &str,
    year: i32,
) -> Result<(), CertificateProblem> {
    let mut roots = RootCertStore::empty();
    let file = (!trusted.is_empty()).then_some(Path::new("ca.pem"));
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    if trusted.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let listed = trusted.iter().map(|&certificate| certificate.clone()).collect();
    let verifier = Verifier::new(roots, listed, file, Arc::new(ring::default_provider())).unwrap();
    let seconds = date_time_ymd(year, 6, 1).unix_timestamp();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap()));
    let host = ServerName::try_from(host.to_owned()).unwrap();
    match verifier.verify_server_cert(certificate, &[], &host, &[], now) {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = io::Error::other(error);
            assert!(error.source().is_none());
            Err(CertificateProblem::of(&error).unwrap().clone())
        }
    }
}

#[test]
fn a_self_signed_certificate_in_the_file_is_accepted_for_its_names_and_dates() {
    let own = self_signed(&["asr.example", "*.lan.example", "10.0.0.7", "::1"]);
    for host in ["asr.example", "a.lan.example", "10.0.0.7", "::1"] {
        assert_eq!(verify(&[&own], &own, host, 2026), Ok(()), "{host}");
    }
    let problem = |host: &str, year| verify(&[&own], &own, host, year).unwrap_err().to_string();
    let other = problem("localhost", 2026);
    assert!(other.contains("is for asr.example, *.lan.example, 10.0.0.7, ::1, not for localhost"), "{other}");
    assert!(other.contains("subjectAltName=DNS:localhost"), "{other}");
    assert!(problem("10.0.0.8", 2026).contains("subjectAltName=IP:10.0.0.8"));
    assert!(problem("asr.example", 2019).contains("valid from 2020-01-01 00:00 UTC only"));
    assert!(problem("asr.example", 2030).contains("expired on 2030-01-01 00:00 UTC"));
    let nameless = self_signed(&[]);
    assert_eq!(
        verify(&[&nameless], &nameless, "localhost", 2026),
        Err(CertificateProblem::NoNames { host: "localhost".into() })
    );
}

#[test]
fn another_certificate_of_the_same_key_and_names_is_not_the_one_in_the_file() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&["localhost"]);
    let listed = params.self_signed(&key).unwrap().der().clone();
    params.subject_alt_names.push(SanType::DnsName("evil.example".try_into().unwrap()));
    let other = params.self_signed(&key).unwrap().der().clone();
    let untrusted =
        |file: Option<&str>| CertificateProblem::Untrusted { file: file.map(Into::into), self_signed: true };
    assert_eq!(verify(&[&listed], &other, "localhost", 2026), Err(untrusted(Some("ca.pem"))));
    assert_eq!(verify(&[], &listed, "localhost", 2026), Err(untrusted(None)));
}

#[test]
fn an_authority_in_the_file_vouches_for_what_it_issued() {
    let [server, authority] = issued(&["localhost"]);
    let [stranger, _] = issued(&["localhost"]);
    assert_eq!(verify(&[&authority], &server, "localhost", 2026), Ok(()));
    // Beside others, and with the server's own certificate too.
    assert_eq!(verify(&[&self_signed(&["x"]), &server, &authority], &server, "localhost", 2026), Ok(()));
    let problem = |host: &str, year| verify(&[&authority], &server, host, year).unwrap_err();
    assert!(matches!(problem("other", 2026), CertificateProblem::Name { names, .. } if names == ["localhost"]));
    assert!(matches!(problem("localhost", 2031), CertificateProblem::Expired(_)));
    assert!(matches!(problem("localhost", 2019), CertificateProblem::NotYet(_)));
    let unknown = verify(&[&authority], &stranger, "localhost", 2026).unwrap_err();
    assert!(unknown.to_string().starts_with("none of the certificates in ca.pem has issued"), "{unknown}");
    let public = verify(&[], &server, "localhost", 2026).unwrap_err();
    assert!(public.to_string().starts_with("no public authority has issued"), "{public}");
}
