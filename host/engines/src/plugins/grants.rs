//! What plugins are granted of what they claim to need.
//!
//! Without claims a worker's sandbox lets an engine read the files that it names, and nothing else beyond the usual. With claims it
//! lets the engine do what they need and no more, and the operator must have granted that. Threads: any.

use auricle_plugin_api::{Claims, Need};
use std::collections::BTreeMap;

/// What is granted to every plugin: only reading.
const TO_ALL: [Need; 1] = [Need::Files];

/// A plugin claims to need what it is not granted.
#[derive(Debug, thiserror::Error)]
#[error(
    "needs {}, which it is not granted: if it may have that, add `{id} = [{}]` under `[grants]` in auricle.toml",
    list(.missing, '`'), list(.wanted, '"')
)]
pub struct NotGranted {
    /// The plugin's id.
    pub id: String,
    /// What it lacks.
    pub missing: Vec<Need>,
    /// All that the operator would have to grant.
    pub wanted: Vec<Need>,
}

fn list(needs: &[Need], quote: char) -> String {
    needs.iter().map(|need| format!("{quote}{need}{quote}")).collect::<Vec<_>>().join(", ")
}

/// What the operator grants, by plugin id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<String, Vec<Need>>);

impl Grants {
    /// Creates grants. Those of `trusted` plugins are complete: they may run in the server's process.
    pub fn new(grants: BTreeMap<String, Vec<Need>>, trusted: &[String]) -> Self {
        let mut all = grants;
        all.extend(trusted.iter().map(|id| (id.clone(), Need::ALL.to_vec())));
        Self(all)
    }

    /// Checks that a plugin is granted what it claims to need.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, id: &str, claims: Option<&Claims>) -> Result<(), NotGranted> {
        let needs = claims.map(|claims| &claims.needs[..]).unwrap_or_default();
        let granted = self.0.get(id).map(Vec::as_slice).unwrap_or_default();
        let beyond = |granted: &[Need]| -> Vec<Need> {
            needs.iter().filter(|need| !TO_ALL.contains(need) && !granted.contains(need)).copied().collect()
        };
        match beyond(granted) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(NotGranted { id: id.to_owned(), missing, wanted: beyond(&[]) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_must_be_granted_to_that_plugin() {
        let claims = Claims::from_json(br#"{"needs": ["files", "network", "gpu"]}"#).unwrap();
        let grants = |toml: &[(&str, &[Need])], trusted: &[String]| {
            Grants::new(toml.iter().map(|(id, needs)| ((*id).to_owned(), needs.to_vec())).collect(), trusted)
        };
        let check = |grants: Grants| grants.check("an-engine", Some(&claims)).map_err(|problem| problem.to_string());
        let problem = check(grants(&[("an-engine", &[Need::Gpu]), ("another", &Need::ALL)], &[])).unwrap_err();
        assert_eq!(
            problem,
            "needs `network`, which it is not granted: if it may have that, add `an-engine = [\"network\", \"gpu\"]` under \
             `[grants]` in auricle.toml"
        );
        assert_eq!(check(grants(&[("an-engine", &[Need::Gpu, Need::Network])], &[])), Ok(()));
        assert_eq!(check(grants(&[], &["an-engine".to_owned()])), Ok(()));
        let files = Claims::from_json(br#"{"needs": ["files"]}"#).unwrap();
        assert!(Grants::default().check("an-engine", Some(&files)).is_ok());
        assert!(Grants::default().check("an-engine", None).is_ok());
    }
}
