//! `auricle check`: a line for each thing, before a server reads it.

use auricle_tests::{Setup, auricle, library};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, SystemTime},
};

/// The exit code and the report.
fn check(setup: &Setup, args: &[&str]) -> (i32, String) {
    let mut command = auricle();
    command.arg("check").arg("--plugins").arg(setup.path("plugins")).arg("--configs").arg(setup.path("configs"));
    let output = command.args(args).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// A certificate for localhost that expires after so many days.
fn certificate(dir: &Path, name: &str, days: u64) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = (SystemTime::now() + Duration::from_secs(days * 86_400 + 3_600)).into();
    fs::write(dir.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn tls(name: &str) -> String {
    format!("[tls]\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n")
}

#[test]
fn a_configuration_in_order_has_no_errors_and_starts_no_listener() {
    // It must not matter that the address is in use.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = format!("listen = \"{}\"\n{}", taken.local_addr().unwrap(), tls("server"));
    let setup = Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("beeps"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("gated", &json!({"backend": "beeps", "vac": true, "host": {"voice_gate": {"hold_seconds": 2}}}))
        .settings(&settings);
    certificate(&setup.path("configs"), "server", 100);
    let (code, report) = check(&setup, &[]);
    assert_eq!(code, 0, "{report}");
    for line in [
        "ok       settings: ",
        "ok       plugin libauricle_engine_tone.so: auricle-engine-tone",
        "ok       preset tone: engine tone\n",
        "ok       preset gated: engine beeps; voice gate: a pause of 2 s ends the utterance, pre-roll 0.6 s; the engine's own `vac` is off",
        ": for localhost, until ",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(report.ends_with("0 errors, 0 warnings\n"), "{report}");
    // No private copy is left.
    assert_eq!(fs::read_dir(setup.path("cache")).unwrap().count(), 0);
}

#[test]
fn each_mistake_has_a_line_with_what_to_do() {
    let settings = format!(
        "keys = \"keys.toml\"\norigins = [\"app.example\"]\nresources = [\"absent\"]\ntrusted = [\"nobody\"]\n[grants]\nnothing = [\"gpu\"]\n[dialects.vosk]\npreset = \"gone\"\n[models]\n\"nova-*\" = \"lost\"\ngood = \"value\"\n{}",
        tls("server")
    );
    let setup = Setup::new()
        .plugin(&library("tone"))
        .preset("good", &json!({"backend": "tone", "sgment_chunks": 1}))
        .preset("value", &json!({"backend": "tone", "segment_chunks": "many"}))
        .preset("engine", &json!({"backend": "absent"}))
        .preset("host", &json!({"backend": "tone", "host": {"preload": 1}}))
        .preset("gate", &json!({"backend": "tone", "host": {"isolation": "in-process", "voice_gate": {}}}))
        .settings(&settings);
    let configs = setup.path("configs");
    certificate(&configs, "server", 3);
    certificate(&configs, "other", 100);
    fs::write(setup.path("plugins/junk.so"), "junk").unwrap();
    let made = auricle()
        .args(["key", "add", "phone", "--preset", "nothing", "--file"])
        .arg(configs.join("keys.toml"))
        .output();
    assert!(made.unwrap().status.success());
    let (code, json) = check(&setup, &["--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["errors"], &report["warnings"]), (1, &json!(7), &json!(8)), "{json}");
    let findings = report["findings"].as_array().unwrap();
    let finding = |subject: &str| {
        let found = findings.iter().find(|finding| finding["subject"].as_str().unwrap().starts_with(subject));
        let found = found.unwrap_or_else(|| panic!("{subject}: {json}"));
        format!("{}: {}", found["level"].as_str().unwrap(), found["message"].as_str().unwrap())
    };
    for (subject, message) in [
        ("keys", "ok: "),
        ("origins", "error: `origins`: `app.example` is not an origin"),
        ("resources", "error: "),
        ("trusted", "warning: there is no plugin `nobody`"),
        ("grants", "warning: there is no plugin `nothing`"),
        ("certificate", "warning: expires in 3 days, on "),
        ("plugin junk.so", "error: refused: "),
        ("preset good", "warning: fields the engine does not list: sgment_chunks (did you mean `segment_chunks`?)"),
        ("preset value", "error: field `segment_chunks`: "),
        ("preset engine", "error: needs the engine `absent`, which is not registered"),
        ("preset host", "error: has an invalid field: `host.preload` must be true or false, not 1"),
        ("preset gate", "error: `host.voice_gate` needs a worker process: remove "),
        ("dialects.vosk", "warning: there is no preset `gone`"),
        ("models nova-*", "warning: there is no preset `lost`"),
        ("models good", "warning: has no effect: there is a preset of this name"),
        ("key phone", "warning: there is no preset `nothing`"),
    ] {
        let finding = finding(subject);
        assert!(finding.starts_with(message), "{subject}: {finding}");
    }
    // Half of a pair.
    fs::copy(configs.join("other.key"), configs.join("server.key")).unwrap();
    let (_, report) = check(&setup, &[]);
    assert!(
        report.lines().any(|line| line.starts_with("error    certificate ") && line.contains("does not match the key")),
        "{report}"
    );
    // Settings that cannot be read say where everything else is.
    fs::write(configs.join("auricle.toml"), "[limits]\nmax_streams = \"many\"").unwrap();
    let (code, report) = check(&setup, &[]);
    assert_eq!(code, 1);
    assert!(
        report.starts_with("error    settings: ") && report.contains("`limits.max_streams` must be a whole number"),
        "{report}"
    );
    assert_eq!(report.lines().count(), 2, "{report}");
}

#[test]
fn what_a_server_refuses_to_listen_on_is_an_error() {
    let base = || Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    for (settings, problem) in [
        ("listen = \"0.0.0.0:8770\"", "without API keys: set `keys`"),
        ("[[listeners]]\naddress = \"localhost:1\"\nkey = \"kitchen\"", "which is not in `keys`"),
        ("[[listeners]]\naddress = \"localhost:1\"\ntls = true", "but there is no [tls]"),
        ("[[listeners]]\naddress = \"localhost:1\"\ndialects = [\"morse\"]", "unknown dialect `morse`"),
    ] {
        let setup = base().settings(settings);
        let (code, report) = check(&setup, &[]);
        assert!(code == 1 && report.contains("error    listener ") && report.contains(problem), "{report}");
    }
}
