//! TLS: only for clients that trust the certificate, which can be replaced while the server runs.

use auricle_tests::{Host, Setup, auricle, bytes, fixture, library, limit, noise, tone_segments};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Output, Stdio},
};

/// Creates a CA, and a certificate of it for this machine, as files: `NAME-ca.pem`, `NAME.pem`, `NAME.key`. They have what strict
/// clients demand, such as Python since 3.13.
pub(crate) fn issue(dir: &Path, name: &str) {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    fs::write(dir.join(format!("{name}-ca.pem")), params.self_signed(&authority).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    server.use_authority_key_identifier_extension = true;
    // With the name of its issuer it would count as self-signed.
    server.distinguished_name.push(DnType::CommonName, "server");
    let server = server.signed_by(&key, &issuer).unwrap();
    fs::write(dir.join(format!("{name}.pem")), server.pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// Creates a certificate of its own for this machine, as `openssl req -x509` does: it may issue others. The files are those of
/// [`issue`].
pub(crate) fn self_signed(dir: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "asr.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    fs::write(dir.join(format!("{name}.pem")), &certificate).unwrap();
    fs::write(dir.join(format!("{name}-ca.pem")), certificate).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

const SETTINGS: &str = "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n[timeouts]\nrequest_seconds = 2";

/// With certificates `one` and `two`; `one` is used.
fn setup() -> Setup {
    let setup = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).settings(SETTINGS);
    for name in ["one", "two"] {
        issue(&setup.path("configs"), name);
    }
    install(&setup.path("configs"), "one");
    setup
}

fn start(setup: Setup) -> Host {
    let host = setup.start();
    host.wait_for_log(&["plugin loaded"], 1);
    host
}

fn install(configs: &Path, name: &str) {
    for suffix in ["pem", "key"] {
        fs::copy(configs.join(format!("{name}.{suffix}")), configs.join(format!("server.{suffix}"))).unwrap();
    }
}

/// A client that reads standard input, and trusts this CA.
fn client(host: &Host, authority: Option<&str>) -> Child {
    let mut command = auricle();
    command.args(["stream", "-", "--raw", "s16le", "--preset", "tone", "--format", "jsonl", "--url"]);
    command.arg(format!("wss://{}", host.address()));
    if let Some(name) = authority {
        command.arg("--ca").arg(host.path("configs").join(format!("{name}-ca.pem")));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn run(host: &Host, authority: Option<&str>, audio: &[i16]) -> Output {
    let mut client = client(host, authority);
    // A client that is refused does not read.
    let _ = client.stdin.take().unwrap().write_all(&bytes(audio));
    client.wait_with_output().unwrap()
}

fn texts(lines: &str) -> Vec<String> {
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let segments = events.filter(|event| event["type"] == "segment");
    segments.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

fn assert_serves(host: &Host, authority: &str) {
    let audio = noise(1, 40_000);
    let output = run(host, Some(authority), &audio);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(texts(&String::from_utf8(output.stdout).unwrap()), tone_segments(&audio, 16_000));
}

fn assert_refuses(host: &Host, authority: Option<&str>) {
    let output = run(host, authority, &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(4) && told.contains("certificate"), "{told}");
}

#[test]
fn a_client_that_trusts_the_authority_is_served_and_no_other() {
    let host = start(setup());
    assert_serves(&host, "one");
    assert_refuses(&host, Some("two"));
    assert_refuses(&host, None);
    let engines = |authority: &str| {
        let file = host.path("configs").join(format!("{authority}-ca.pem"));
        let url = format!("https://{}", host.address());
        auricle().args(["engines", "--url", &url, "--ca"]).arg(file).output().unwrap()
    };
    assert!(engines("one").status.success());
    assert_eq!(engines("two").status.code(), Some(2));
    // Unencrypted requests get no unencrypted response.
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{answer:?}");
    assert_serves(&host, "one");
}

#[test]
fn a_self_signed_certificate_is_trusted_by_itself_and_insecure_trusts_all() {
    let setup = setup();
    let configs = setup.path("configs");
    for name in ["own", "another"] {
        self_signed(&configs, name);
    }
    install(&configs, "own");
    let host = start(setup);
    assert_serves(&host, "own");
    assert_refuses(&host, Some("another"));
    assert_refuses(&host, None);
    let engines = |url: &str, args: &[&str]| {
        let output = auricle().args(["engines", "--url", url]).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let url = format!("https://{}", host.address());
    let ca = host.path("configs/own-ca.pem").to_str().unwrap().to_owned();
    assert_eq!(engines(&url, &["--ca", &ca]), (Some(0), String::new()));
    let (code, told) = engines(&url, &[]);
    assert!(code == Some(2) && told.contains("is self-signed: give that certificate with --ca FILE"), "{told}");
    let (code, told) = engines(&url.replace("127.0.0.1", "localhost"), &["--ca", &ca]);
    assert!(code == Some(2) && told.contains("is for 127.0.0.1, asr.example, not for localhost"), "{told}");
    let (code, told) = engines(&url, &["--insecure"]);
    assert!(code == Some(0) && told.lines().count() == 1 && told.contains("can read and change audio"), "{told}");
    let mut stream = auricle();
    stream.arg("stream").arg(fixture("digits.wav")).args(["--insecure", "--preset", "tone", "--url"]).arg(&url);
    let output = stream.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.matches("warning: --insecure").count() == 1, "{told}");
}

#[test]
fn a_certificate_is_replaced_under_open_streams() {
    let host = start(setup());
    let audio = noise(2, 40_000);
    let mut open = client(&host, Some("one"));
    let mut input = open.stdin.take().unwrap();
    input.write_all(&bytes(&audio[..20_000])).unwrap();
    let mut output = BufReader::new(open.stdout.take().unwrap());
    let mut heard = String::new();
    while !heard.contains("segment") {
        assert!(output.read_line(&mut heard).unwrap() > 0);
    }

    // Only half of a pair is replaced: the previous certificate stays in use.
    fs::copy(host.path("configs/two.pem"), host.path("configs/server.pem")).unwrap();
    host.wait_for_log(&["does not match the key", "stays in service"], 1);
    assert_serves(&host, "one");
    install(&host.path("configs"), "two");
    host.wait_for("the certificate", || run(&host, Some("two"), &[]).status.success());
    assert_refuses(&host, Some("one"));

    input.write_all(&bytes(&audio[20_000..])).unwrap();
    drop(input);
    output.read_to_string(&mut heard).unwrap();
    assert_eq!(texts(&heard), tone_segments(&audio, 16_000));
    assert!(open.wait().unwrap().success());
}

#[test]
fn files_that_were_edited_elsewhere_are_read() {
    let setup = setup();
    for (name, line_end) in [("server.pem", "\r\n"), ("server.key", "\r"), ("one-ca.pem", "\r\n")] {
        let file = setup.path("configs").join(name);
        // As two files that were joined: each has a mark. The comment is in Latin-1.
        let text = fs::read_to_string(&file).unwrap().replace('\n', line_end);
        let comment = if name == "server.key" { String::new() } else { format!("\u{feff}#{line_end}") };
        let mut bytes = format!("{comment}\u{feff}{text}").into_bytes();
        bytes.splice(..0, if comment.is_empty() { Vec::new() } else { b"# Zertifikat f\xfcr \n".to_vec() });
        fs::write(&file, bytes).unwrap();
    }
    let host = start(setup);
    assert_serves(&host, "one");
    fs::write(host.path("configs/server.pem"), b"\xff\xfe-\0").unwrap();
    host.wait_for_log(&["server.pem: the file is UTF-16", "stays in service"], 1);
    assert_serves(&host, "one");
}

#[test]
fn a_handshake_that_goes_nowhere_is_given_up() {
    let host = start(setup());
    let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(host.address()).unwrap()).collect();
    for mut socket in silent {
        socket.set_read_timeout(Some(limit())).unwrap();
        assert_eq!(socket.read(&mut [0; 16]).unwrap_or_default(), 0);
    }
    host.wait_for_log(&["no TLS handshake within 2 s"], 3);
    assert_serves(&host, "one");
}

const PASSPHRASE: &str = "is protected by a passphrase, which the server cannot ask for; `openssl pkey -in ";

#[test]
fn a_server_that_cannot_read_its_certificate_does_not_start() {
    for (file, content, problem) in [
        ("server.pem", None, "server.pem: "),
        ("server.pem", Some(""), "the file contains no certificate"),
        ("server.key", Some(""), "server.key: the file contains no private key"),
        (
            "server.key",
            Some("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            PASSPHRASE,
        ),
        (
            "server.key",
            Some(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAA==\n-----END RSA PRIVATE KEY-----\n",
            ),
            PASSPHRASE,
        ),
    ] {
        let setup = setup();
        let path = setup.path("configs").join(file);
        match content {
            Some(text) => fs::write(path, text).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let output = setup.command().output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(problem) && told.contains("[tls]"), "{told}");
    }
}

#[test]
fn tls_on_one_side_only_is_named_with_the_right_scheme() {
    let refusal = |host: &Host, scheme: &str| {
        let mut command = auricle();
        command.arg("stream").arg(fixture("digits.wav")).args(["--preset", "tone", "--url"]);
        let output = command.arg(format!("{scheme}://{}", host.address())).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let message = refusal(&start(setup()), "ws");
    assert!(message.contains("use wss:// instead of ws://"), "{message}");
    let plain = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let message = refusal(&plain, "wss");
    assert!(message.contains("use ws:// instead of wss://"), "{message}");
    let engines = |host: &Host, scheme: &str| {
        let output =
            auricle().args(["engines", "--url"]).arg(format!("{scheme}://{}", host.address())).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let message = engines(&start(setup()), "http");
    assert!(message.contains("use https:// instead of http://"), "{message}");
    let message = engines(&plain, "https");
    assert!(message.contains("use http:// instead of https://"), "{message}");
}
