//! Checks who may connect: keys, origins, listeners and their certificates.

use super::finding::Finding;
use crate::{
    access::{Keys, Origins, read_keys},
    plan::plan,
    settings::{Settings, Tls},
    tls::facts,
};
use auricle_core::wording::count;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

/// A certificate that expires within this time is worth a warning.
const SOON_DAYS: i64 = 30;
const DAY: i64 = 86_400;

/// The key file; returns its keys.
pub(super) fn keys(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Arc<Keys>> {
    let file = settings.keys.as_deref()?;
    match read_keys(file, &CancellationToken::new()) {
        Ok(keys) => {
            let keys = keys.get();
            let found = format!("{}: {}", file.display(), count(keys.names().count(), "key"));
            findings.push(match keys.names().next() {
                Some(_) => Finding::ok("keys", found),
                None => Finding::warning("keys", format!("{found}: nobody can connect; `auricle key add` makes one")),
            });
            Some(keys)
        }
        Err(problem) => {
            findings.push(Finding::error("keys", problem));
            None
        }
    }
}

/// The web pages that may connect.
pub(super) fn origins(settings: &Settings, findings: &mut Vec<Finding>) {
    if settings.origins.is_empty() {
        return;
    }
    findings.push(match Origins::new(&settings.origins) {
        Ok(_) => Finding::ok("origins", settings.origins.join(", ")),
        Err(problem) => Finding::error("origins", problem),
    });
}

/// The listeners, and each certificate that they use.
pub(super) fn listeners(settings: &Settings, keys: Option<&Arc<Keys>>, findings: &mut Vec<Finding>) {
    let mut certificates: Vec<&Tls> = Vec::new();
    let listeners = settings.listeners();
    for listener in &listeners {
        let subject = format!("listener {}", listener.address);
        if settings.keys.is_some() && keys.is_none() && listener.key.is_some() {
            findings.push(Finding::warning(subject, "not checked, because the keys cannot be read"));
            continue;
        }
        match plan(settings, listener, keys.map(|keys| &**keys), None) {
            Ok(plan) => {
                let tls = if plan.tls.is_some() { "with TLS" } else { "without TLS" };
                findings.push(Finding::ok(subject, tls));
            }
            Err(problem) => findings.push(Finding::error(subject, problem)),
        }
    }
    let own = listeners.iter().filter_map(|listener| listener.own_tls());
    for tls in settings.tls.iter().chain(own) {
        if !certificates.contains(&tls) {
            certificates.push(tls);
            findings.push(certificate(tls));
        }
    }
}

fn certificate(files: &Tls) -> Finding {
    let subject = format!("certificate {}", files.certificate.display());
    let facts = match facts(files) {
        Ok(facts) => facts,
        Err(problem) => return Finding::error(subject, problem),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let left = facts.not_after.unix_seconds().saturating_sub(now);
    if left < 0 {
        return Finding::error(subject, format_args!("expired on {}: replace it, clients refuse it", facts.not_after));
    }
    if now < facts.not_before.unix_seconds() {
        return Finding::error(
            subject,
            format_args!("valid from {} only: check this machine's clock", facts.not_before),
        );
    }
    if facts.names.is_empty() {
        let message =
            "names no host, so clients refuse it: make one with `-addext subjectAltName=DNS:NAME` or `IP:ADDRESS`";
        return Finding::warning(subject, message);
    }
    let names = facts.names.join(", ");
    if left < SOON_DAYS * DAY {
        let days = count(u64::try_from(left / DAY).unwrap_or_default(), "day");
        return Finding::warning(
            subject,
            format_args!("expires in {days}, on {}: replace it; for {names}", facts.not_after),
        );
    }
    Finding::ok(subject, format_args!("for {names}, until {}", facts.not_after))
}
