//! Versions and keys: who works together, and what is said if they do not.

use super::{KEY, SAMPLES, address, engine, engine_at, front_of, tone, wait_for_engines};
use crate::tls::issue;
use auricle_cluster::{
    ClusterKey,
    handshake::{FrontHandshake, Hello, HostHandshake, Proof, Welcome, decode, encode},
    messages::{VERSION, Version},
};
use auricle_tests::{Client, Host, Process, Setup, auricle, bytes, limit, noise, tone_segments};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

fn read(socket: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    socket.read_exact(&mut bytes).unwrap();
    bytes
}

/// Says hello as a front of this version. Returns the connection with the answer.
fn hello(engine: &Host, version: Version) -> (TcpStream, FrontHandshake, Welcome) {
    let mut socket = TcpStream::connect(address(engine)).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let begun = FrontHandshake::begin().unwrap();
    socket.write_all(&encode(&Hello { version, ..begun.hello().clone() })).unwrap();
    let welcome = decode(&read(&mut socket)).unwrap();
    (socket, begun, welcome)
}

/// A front that will not be ready.
fn vain(addresses: &[String], key: &str) -> (Process, Setup) {
    let (setup, settings) = front_of(addresses, key);
    let setup = setup.settings(&settings);
    (Process::start(setup.command()), setup)
}

/// Waits until a front says this of its only engine host.
fn wait_for_reason(front: &Process, reason: &str) {
    let url = format!("http://{}/v1/status", front.address());
    let begun = Instant::now();
    loop {
        let text = ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        if status["engine_hosts"][0]["reason"].as_str().is_some_and(|text| text.contains(reason)) {
            return;
        }
        assert!(begun.elapsed() < limit(), "{status}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_neighbouring_version_works_and_others_are_refused_in_words() {
    let engine = engine(tone());
    let (major, minor) = (VERSION.major, VERSION.minor);
    let (_, _, welcome) = hello(&engine, Version { major, minor: minor + 1 });
    assert!(matches!(welcome, Welcome::Accepted { .. }), "{welcome:?}");
    for version in [Version { major, minor: minor + 2 }, Version { major: major + 1, minor: 0 }] {
        let (_, _, welcome) = hello(&engine, version);
        let Welcome::Refused { reason, .. } = welcome else { panic!("{welcome:?}") };
        assert_eq!(reason, format!("the engine host speaks version {VERSION} of the protocol"));
    }
    engine.wait_for_log(&["refused", "a front is not accepted", "update the older one"], 2);
}

#[test]
fn a_front_says_which_version_an_engine_host_has() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _ = read(&mut socket);
            let version = Version { major: 9, minor: 3 };
            let _ = socket.write_all(&encode(&Welcome::Refused { version, reason: String::new() }));
        }
    });
    let (front, _setup) = vain(&[there], KEY);
    wait_for_reason(&front, "it speaks version 9.3 of the protocol, and this host");
}

#[test]
fn another_key_is_named_on_both_sides_and_the_key_is_never_sent() {
    let engine = engine(tone());
    let (front, _setup) = vain(&[address(&engine)], "another key, which is as long as needed");
    wait_for_reason(&front, "it has another cluster key");
    engine.wait_for("the line", || engine.logged(&["refused", "it has another cluster key"]) > 0);
    // Who has no key can repeat what it hears, but not prove anything.
    let (mut socket, _, welcome) = hello(&engine, VERSION);
    let Welcome::Accepted { proof, .. } = welcome else { panic!("{welcome:?}") };
    socket.write_all(&encode(&Proof { proof })).unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn a_host_without_the_key_is_not_believed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap().to_string();
    let other = ClusterKey::new("a key that somebody has made up");
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let hello = decode(&read(&mut socket)).unwrap();
            let (welcome, _) = HostHandshake::answer(&other, hello).unwrap();
            let _ = socket.write_all(&encode(&welcome));
        }
    });
    let (front, _setup) = vain(&[there], KEY);
    wait_for_reason(&front, "it has another cluster key");
}

#[test]
fn what_does_not_speak_the_protocol_is_named() {
    let engine = engine(tone());
    let (front, _setup) = vain(&[engine.address().to_owned()], KEY);
    wait_for_reason(&front, "it does not speak the protocol of engine hosts");
    let mut socket = TcpStream::connect(address(&engine)).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap_or(0), 0);
    assert_eq!(engine.get("/readyz").0, 200);
}

#[test]
fn missing_settings_are_named() {
    let setup = tone();
    let start = |role: &str, settings: &str| {
        fs::write(setup.path("configs/auricle.toml"), settings).unwrap();
        let mut command = auricle();
        command.args([role, "--configs"]).arg(setup.path("configs")).arg("--plugins").arg(setup.path("plugins"));
        let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = start("engine", "");
    assert!(told.contains("set `listen` under [cluster]"), "{told}");
    let told = start("engine", "[cluster]\nlisten = \"127.0.0.1:0\"\n");
    assert!(told.contains("`openssl rand -hex 32 > cluster.key`"), "{told}");
    let told = start("engine", "[cluster]\nlisten = \"0.0.0.0:0\"\n");
    assert!(told.contains("without TLS"), "{told}");
    let told = start("front", "");
    assert!(told.contains("set `engines = "), "{told}");
    let told = start("front", "[cluster]\nengines = [\"10.0.0.2\"]\n");
    assert!(told.contains("`10.0.0.2` is no address of an engine host: write HOST:PORT"), "{told}");
    fs::write(setup.path("configs/short.key"), "short").unwrap();
    let told = start("front", "[cluster]\nengines = [\"10.0.0.2:1\"]\nkey = \"short.key\"\n");
    assert!(told.contains("the key has 5 characters, and needs 32"), "{told}");
}

#[test]
fn a_front_alone_says_that_no_engine_host_is_there() {
    let (front, _setup) = vain(&["127.0.0.1:1".to_owned()], KEY);
    let get = |path: &str| {
        let url = format!("http://{}{path}", front.address());
        let request = ureq::get(&url).config().http_status_as_error(false).build();
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    wait_for_reason(&front, "Connection refused");
    assert_eq!(get("/readyz").0, 503);
    let (status, text) = get("/v1/status");
    assert!(status == 200 && text.contains(r#""accepting":false"#), "{text}");
    let mut told = auricle();
    told.args(["stream", "--preset", "tone", "--url"]).arg(format!("http://{}", front.address()));
    let output = told.arg(auricle_tests::fixture("digits.wav")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no engine host is available; try again later"), "{told}");
}

#[test]
fn with_a_certificate_only_fronts_that_trust_its_authority_connect() {
    let setup = tone();
    issue(&setup.path("configs"), "engine");
    let authority = setup.path("configs/engine-ca.pem");
    let more = "[[listeners]]\naddress = \"127.0.0.1:0\"\ntls = false\n\
                [tls]\ncertificate = \"engine.pem\"\nkey = \"engine.key\"\n";
    let engine = engine_at(setup, "127.0.0.1:0", more);
    assert!(engine.line(1).starts_with("listening on tls://"), "{}", engine.line(1));
    let (front, _setup) = vain(&[address(&engine)], KEY);
    wait_for_reason(&front, "it does not speak the protocol");
    drop(front);
    let (setup, settings) = front_of(&[address(&engine)], KEY);
    let front = setup.settings(&format!("{settings}authority = {authority:?}\n")).start();
    wait_for_engines(&front, 1);
    let audio = noise(2, SAMPLES);
    let mut client = Client::open(&front, "tone", json!({}));
    client.audio_in_frames(&bytes(&audio), 4_000);
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    // Another authority.
    let other = tone();
    issue(&other.path("configs"), "other");
    let (setup, settings) = front_of(&[address(&engine)], KEY);
    let other = other.path("configs/other-ca.pem");
    let setup = setup.settings(&format!("{settings}authority = {other:?}\n"));
    wait_for_reason(&Process::start(setup.command()), "invalid peer certificate");
}
