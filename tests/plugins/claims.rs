//! Claims: read before any code of the plugin runs, granted by the operator, enforced by the sandbox, kept by the models.

#![cfg(target_os = "linux")]

use auricle_tests::{Client, Host, Setup, auricle, bytes, c_headers, compile_engine, noise};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const LIBRARY: &str = "libreach.so";

/// The engine `reach` with these claims. When it is opened, it writes a file.
struct Reach {
    folder: TempDir,
}

impl Reach {
    fn claiming(claims: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let reach = Self { folder };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c_engines/reach.c");
        let constructor = format!(
            "__attribute__((constructor)) static void opened(void) {{ FILE *file = fopen({:?}, \"w\"); if (file) fclose(file); }}",
            reach.path("opened")
        );
        let claims = claims.map(|claims| format!("AURICLE_CLAIMS({claims:?})")).unwrap_or_default();
        let text = fs::read_to_string(source).unwrap();
        let text = text.replace("/* CLAIMS */", &claims).replace("/* CONSTRUCTOR */", &constructor);
        fs::write(reach.path("reach.c"), text).unwrap();
        fs::write(reach.path("secret"), "content").unwrap();
        compile_engine(&reach.path("reach.c"), &c_headers(), &reach.library());
        reach
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path(LIBRARY)
    }

    fn was_opened(&self) -> bool {
        self.path("opened").exists()
    }

    fn host(&self, settings: &str) -> Host {
        let preset = json!({"backend": "reach", "file": format!(":{}", self.path("secret").display())});
        Setup::new().plugin(&self.library()).preset("reach", &preset).settings(settings).start()
    }

    /// What it reports that it can reach, with these settings of the server.
    fn reaches(&self, settings: &str) -> String {
        let host = self.host(settings);
        let mut client = Client::open(&host, "reach", json!({}));
        client.audio(&bytes(&noise(1, 16_000)));
        client.finish().concat()
    }

    /// Why the server refuses it.
    fn refusal(&self, settings: &str) -> String {
        let host = self.host(settings);
        let file = host.wait_for_file(LIBRARY, |file| file["state"] == "refused");
        file["reason"].as_str().unwrap().to_owned()
    }
}

fn needs(needs: &Value) -> String {
    json!({ "needs": needs }).to_string()
}

#[test]
fn the_sandbox_grants_what_is_claimed_and_no_more() {
    for (claims, grants, reached) in [
        // As before there were claims.
        (None, "", "network refused, file allowed"),
        (Some("{}".to_owned()), "", "network refused, file refused"),
        (Some(needs(&json!(["files"]))), "", "network refused, file allowed"),
        (Some(needs(&json!(["network"]))), "reach = [\"network\"]", "network allowed, file refused"),
        // A grant is no claim.
        (Some(needs(&json!(["files"]))), "reach = [\"network\"]", "network refused, file allowed"),
        (Some(needs(&json!(["gpu"]))), "reach = [\"gpu\"]", "network refused, file refused"),
        (Some(needs(&json!(["no-sandbox"]))), "reach = [\"no-sandbox\"]", "network allowed, file allowed"),
    ] {
        let reach = Reach::claiming(claims.as_deref());
        assert_eq!(reach.reaches(&format!("[grants]\n{grants}\n")), reached, "{claims:?}");
    }
}

#[test]
fn what_is_not_granted_is_refused_before_it_runs() {
    let reach = Reach::claiming(Some(&needs(&json!(["files", "network", "gpu"]))));
    let reason = reach.refusal("[grants]\nreach = [\"gpu\"]\nanother = [\"network\"]\n");
    let advice = "add `reach = [\"network\", \"gpu\"]` under `[grants]` in auricle.toml";
    assert!(reason.starts_with("needs `network`, which it is not granted") && reason.contains(advice), "{reason}");
    assert!(!reach.was_opened());
    let settings = "[grants]\nreach = [\"network\", \"gpu\"]\n";
    assert_eq!(reach.reaches(settings), "network allowed, file allowed");
    assert!(reach.was_opened());
    // What may run in the server's process needs no grants.
    let host = reach.host("trusted = [\"reach\"]\n");
    let file = host.wait_for_file(LIBRARY, |file| file["state"] == "registered");
    assert_eq!(file["claims"], json!({"can": [], "languages": [], "needs": ["files", "network", "gpu"]}));
}

#[test]
fn claims_are_shown_before_anything_runs() {
    let reach = Reach::claiming(Some(r#"{"can": ["endpoints"], "needs": ["network"], "later": 1}"#));
    let output = auricle().args(["probe", "--without-running", "--json"]).arg(reach.library()).output().unwrap();
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["claims"], json!({"can": ["endpoints"], "languages": [], "needs": ["network"]}));
    assert_eq!((&read["id"], reach.was_opened()), (&json!("reach"), false));
}

#[test]
fn malformed_claims_refuse_the_plugin() {
    for (claims, reason) in [
        (r#"{"needs": ["camera"]}"#, "the claims are not valid: unknown variant `camera`"),
        (r#"{"can": "all"}"#, "the claims are not valid: invalid type: string"),
        ("streams", "the claims are not valid: expected value"),
    ] {
        let reach = Reach::claiming(Some(claims));
        let found = reach.refusal("");
        assert!(found.starts_with(reason) && !reach.was_opened(), "{found}");
    }
}

#[test]
fn a_model_that_is_not_as_claimed_is_not_served() {
    let reach = Reach::claiming(Some(r#"{"can": ["endpoints", "word-times"]}"#));
    let host = reach.host("");
    host.wait_for_file(LIBRARY, |file| file["state"] == "registered");
    Client::start(&host, "reach", json!({})).fails("engine_unavailable", 4503);
    host.wait_for_log(&["access: refused", "claims `word-times`, but it is not among the model's capabilities"], 1);
}
