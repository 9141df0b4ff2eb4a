//! Clients of all dialects at once on one server: none disturbs another.

use super::{
    peers::{Ask, DIALECTS, Dialect, Peer, for_all},
    timed::digits,
};
use auricle_tests::{Host, Setup, fixture, library, noise, tone_segments, wav, words};
use serde_json::json;
use std::{fs, thread};

/// As many clients as run at once.
const CLIENTS: usize = 50;

fn connect(host: &Host, dialect: Dialect, preset: &'static str) -> Box<dyn Peer> {
    let model = matches!(dialect, Dialect::Native | Dialect::OpenAi).then_some(preset);
    dialect.connect(host, &Ask { model, ..Ask::default() }).ok().unwrap()
}

/// The words of a client that sends audio in pieces of this size.
fn told(host: &Host, dialect: Dialect, preset: &'static str, audio: &[i16], piece: usize) -> Vec<String> {
    let mut peer = connect(host, dialect, preset);
    audio.chunks(piece).for_each(|piece| peer.audio(piece));
    let told = peer.finish();
    assert_eq!(told.refused, None, "{dialect:?} {told:?}");
    told.words(0)
}

/// Runs clients of all dialects at once, each with its own audio. Returns what each was told.
fn at_once(host: &Host, preset: &'static str, audio: impl Fn(usize) -> Vec<i16> + Sync) -> Vec<Vec<String>> {
    thread::scope(|scope| {
        let audio = &audio;
        let run = |n: usize| {
            let dialect = DIALECTS[n % DIALECTS.len()];
            scope.spawn(move || told(host, dialect, preset, &audio(n), 1_000 + 371 * n))
        };
        let clients: Vec<_> = (0..CLIENTS).map(run).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn tone() -> Host {
    let preset = json!({"backend": "tone"});
    for_all(Setup::new().plugin(&library("tone")).preset("english", &preset), "english", "").start()
}

/// The audio of a client: of a length and content of its own.
fn own(n: usize) -> Vec<i16> {
    noise(100 + n as u32, 30_000 + 1_013 * n)
}

#[test]
fn clients_of_all_dialects_at_once_get_the_text_of_their_own_audio() {
    let host = tone();
    for (n, told) in at_once(&host, "english", own).into_iter().enumerate() {
        let said = words(&tone_segments(&own(n), 16_000).join(" "));
        assert_eq!(told, said, "client {n}, {:?}", DIALECTS[n % DIALECTS.len()]);
    }
}

#[test]
fn speech_at_once_is_the_speech_one_by_one() {
    let host = for_all(digits(), "digits", "").start();
    let (_, speech) = wav(&fixture("digits.wav"));
    let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
    // A little silence before it, another one for each client, moves the chunks.
    let audio = |n: usize| [vec![0; 160 * n], speech.clone()].concat();
    for (n, told) in at_once(&host, "digits", audio).into_iter().enumerate() {
        assert_eq!(told, spoken, "client {n}, {:?}", DIALECTS[n % DIALECTS.len()]);
    }
}

/// Clients of each dialect that send nonsense, leave, or never read, while others of each dialect are in the middle.
#[test]
fn a_client_that_misbehaves_disturbs_no_other() {
    let host = tone();
    for bad in DIALECTS {
        let audio = own(bad as usize);
        let mut others = DIALECTS.map(|dialect| (dialect, connect(&host, dialect, "english")));
        others.iter_mut().for_each(|(_, peer)| peer.audio(&audio[..20_000]));
        let mut babbler = connect(&host, bad, "english");
        babbler.audio(&audio[..5_000]);
        babbler.babble();
        let mut leaver = connect(&host, bad, "english");
        leaver.audio(&audio[..5_000]);
        drop(leaver);
        // Its answers fill the buffers.
        let mut deaf = connect(&host, bad, "english");
        deaf.audio(&noise(9, 400_000));
        for (dialect, mut peer) in others {
            peer.audio(&audio[20_000..]);
            let told = peer.finish();
            let said = words(&tone_segments(&audio, 16_000).join(" "));
            assert_eq!((told.refused.clone(), told.words(0)), (None, said), "{dialect:?} beside {bad:?}: {told:?}");
        }
        // A request is sent only now.
        babbler.finish();
        drop(deaf);
        host.wait_for("the end of the streams", || host.json("/v1/status")["streams"] == 0);
    }
}
