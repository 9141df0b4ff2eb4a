//! What each dialect can do: every cell is the result of a run of a client of the dialect on a real server.
//!
//! `docs/dialects.md` has the table; `cargo xtask conformance` writes it, and the test here checks that it is what the runs give.

use super::{
    page::request,
    peers::{Ask, Channels, DIALECTS, Dialect, KeyPlace, Told, for_all},
    timed::digits,
};
use crate::deepgram_recordings::interleaved;
use auricle_tests::{Client, Host, Setup, auricle, fixture, library, models, noise, tone_segments, wav, words};
use serde_json::{Value, json};
use std::{
    env, fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

const BEGIN: &str = "<!-- The table is written by `cargo xtask conformance`. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

/// A client of these sends all audio in one request.
const OF_REQUESTS: [Dialect; 4] = [Dialect::OpenAi, Dialect::DeepgramRecordings, Dialect::SherpaOffline, Dialect::Hisi];

/// The result for a feature and a dialect.
enum Cell {
    Works,
    /// It works, and something is to be said about it.
    As(String),
    /// Refused or ended, in the dialect's form.
    Refused(String),
    /// The protocol has no place for it.
    Absent,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::As(how) => write!(f, "works: {how}"),
            Self::Refused(form) => f.write_str(form),
            Self::Absent => f.write_str("-"),
        }
    }
}

/// The servers for the runs, and what the clients send.
struct Stage {
    /// The preset for clients that name none is `digits`.
    digits: Host,
    /// It is `english`, of engine `tone`, which opens `lan`.
    tone: Host,
    /// The same with keys.
    keyed: Host,
    key: String,
    /// The same with room for one stream, and without patience.
    full: Host,
    spoken: Vec<String>,
    /// What each dialect tells of the speech.
    heard: Vec<Told>,
}

fn tone(settings: &str) -> Setup {
    let preset = json!({"backend": "tone", "host": {"open": ["lan"]}});
    for_all(Setup::new().plugin(&library("tone")).preset("english", &preset), "english", settings)
}

impl Stage {
    fn set() -> Self {
        let open = fs::read_to_string(models().join("../configs/presets/digits.json")).unwrap();
        let mut open: Value = serde_json::from_str(&open).unwrap();
        open["host"]["open"] = json!(["hotwords"]);
        let digits = for_all(digits().preset("open", &open), "digits", "").start();
        let setup = tone("keys = \"keys.toml\"\n[limits]\nmax_load = 1000.0\n");
        let keys = setup.path("configs/keys.toml");
        let made = auricle().args(["key", "add", "alice", "--file"]).arg(&keys).output().unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        // Wyoming's clients have no place for a key.
        let settings = fs::read_to_string(setup.path("configs/auricle.toml")).unwrap();
        let settings = settings.replace("dialects = [\"wyoming\"]\n", "dialects = [\"wyoming\"]\nkey = \"alice\"\n");
        fs::write(setup.path("configs/auricle.toml"), settings).unwrap();
        let limits = "[limits]\nmax_streams = 1\n[timeouts]\nstart_seconds = 0.5\nrequest_seconds = 0.5\n";
        let (_, speech) = wav(&fixture("digits.wav"));
        let spoken = words(&fs::read_to_string(fixture("digits.txt")).unwrap());
        let heard = DIALECTS.map(|dialect| {
            let mut peer = dialect.connect(&digits, &Ask { times: true, ..Ask::default() }).ok().unwrap();
            peer.audio(&speech);
            peer.finish()
        });
        Self {
            digits,
            tone: tone("").start(),
            keyed: setup.start(),
            key,
            full: tone(limits).start(),
            spoken,
            heard: heard.into(),
        }
    }

    /// Waits until the server with little room has none of the clients before.
    fn is_free(&self) {
        self.full.wait_for("the permit", || self.full.json("/v1/status")["streams"] == 0);
    }

    /// What the dialect tells of the speech.
    fn heard(&self, dialect: Dialect) -> &Told {
        &self.heard[DIALECTS.iter().position(|one| *one == dialect).unwrap()]
    }

    /// Runs a client with some audio on the server of `tone`. `None` if its protocol has no place for what it asks for.
    fn tell(&self, host: &Host, dialect: Dialect, ask: &Ask<'_>) -> Option<Told> {
        let ask = Ask { model: ask.model.or(Some("english").filter(|_| names_a_model(dialect))), ..*ask };
        let mut peer = dialect.connect(host, &ask).ok()?;
        peer.audio(&noise(1, 40_000));
        Some(peer.finish())
    }
}

/// Whether its clients must name a model.
fn names_a_model(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Native | Dialect::OpenAi)
}

/// The words of engine `tone`.
fn said(audio: &[i16]) -> Vec<String> {
    words(&tone_segments(audio, 16_000).join(" "))
}

/// A run that must give the text.
fn whole(told: Option<Told>) -> Cell {
    let Some(told) = told else { return Cell::Absent };
    assert_eq!((told.refused.as_ref(), told.words(0)), (None, said(&noise(1, 40_000))), "{told:?}");
    Cell::Works
}

/// A run that must be refused.
fn refused(told: Option<Told>) -> Cell {
    let Some(told) = told else { return Cell::Absent };
    Cell::Refused(told.refused.clone().unwrap_or_else(|| panic!("not refused: {told:?}")))
}

fn works_if(works: bool) -> Cell {
    if works { Cell::Works } else { Cell::Absent }
}

type Feature = (&'static str, fn(&Stage, Dialect) -> Cell);

const FEATURES: [Feature; 23] = [
    ("final text", |stage, dialect| {
        let told = stage.heard(dialect);
        assert_eq!(told.words(0), stage.spoken, "{dialect:?} {told:?}");
        Cell::Works
    }),
    ("partial text", |stage, dialect| works_if(stage.heard(dialect).partials > 0)),
    ("times of words", |stage, dialect| {
        let (told, native) = (&stage.heard(dialect).times, &stage.heard(Dialect::Native).times);
        let starts = |times: &[(String, f64, f64)]| times.iter().map(|word| word.1).collect::<Vec<_>>();
        let same = |(one, other): (f64, f64)| (one - other).abs() < 0.011;
        assert!(told.is_empty() || told.len() == native.len(), "{dialect:?} {told:?} {native:?}");
        assert!(starts(told).into_iter().zip(starts(native)).all(same), "{dialect:?} {told:?} {native:?}");
        works_if(!told.is_empty())
    }),
    ("confidences", |stage, dialect| works_if(stage.heard(dialect).confidences > 0)),
    ("the last words at the end", |stage, dialect| whole(stage.tell(&stage.tone, dialect, &Ask::default()))),
    ("flush in the middle", |stage, dialect| {
        let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
        let mut peer = dialect.connect(&stage.tone, &ask).ok().unwrap();
        let (first, second) = (noise(2, 9_000), noise(3, 9_000));
        peer.audio(&first);
        if !peer.flush() {
            return Cell::Absent;
        }
        peer.audio(&second);
        let told = peer.finish();
        assert_eq!(told.words(0), [said(&first), said(&second)].concat(), "{dialect:?} {told:?}");
        assert!(told.flushed.is_some(), "{dialect:?} {told:?}");
        Cell::Works
    }),
    ("language", |stage, dialect| {
        whole(stage.tell(&stage.tone, dialect, &Ask { language: Some("en"), ..Ask::default() }))
    }),
    ("a language that the model does not have", |stage, dialect| {
        let ask = Ask { language: Some("de"), model: names_a_model(dialect).then_some("digits"), ..Ask::default() };
        refused(stage.tell(&stage.digits, dialect, &ask))
    }),
    ("phrases", |stage, dialect| {
        let Some(told) =
            stage.tell(&stage.digits, dialect, &Ask { phrase: Some("one"), model: Some("open"), ..Ask::default() })
        else {
            return Cell::Absent;
        };
        // They reach the engine: this one says that its model cannot use them.
        assert!(told.reason.contains("`hotwords`: `one`: the model"), "{dialect:?} {told:?}");
        Cell::Works
    }),
    ("phrases that the engine does not take", |stage, dialect| {
        let ask = Ask { phrase: Some("one"), ..Ask::default() };
        match stage.tell(&stage.tone, dialect, &ask) {
            None => Cell::Absent,
            Some(Told { refused: Some(form), .. }) => Cell::Refused(form),
            told => {
                whole(told);
                Cell::As("they are ignored".to_owned())
            }
        }
    }),
    ("model by its name", |stage, dialect| {
        let ask = Ask { model: Some("english"), ..Ask::default() };
        whole(stage.tell(&stage.tone, dialect, &ask))
    }),
    ("unknown model", |stage, dialect| {
        match stage.tell(&stage.tone, dialect, &Ask { model: Some("absent"), ..Ask::default() }) {
            None => Cell::Absent,
            Some(Told { refused: Some(form), .. }) => Cell::Refused(form),
            told => {
                whole(told);
                Cell::As("the default preset".to_owned())
            }
        }
    }),
    ("several channels, mixed", |stage, dialect| channels(stage, dialect, Channels::Mixed)),
    ("a transcript for each channel", |stage, dialect| channels(stage, dialect, Channels::Apart)),
    ("key in a header", |stage, dialect| key(stage, dialect, KeyPlace::Header)),
    ("key in the URL", |stage, dialect| key(stage, dialect, KeyPlace::Query)),
    ("key as a subprotocol", |stage, dialect| key(stage, dialect, KeyPlace::Subprotocol)),
    ("unknown key", |stage, dialect| {
        refused(stage.tell(&stage.keyed, dialect, &Ask { key: Some((KeyPlace::Header, "unknown")), ..Ask::default() }))
    }),
    ("message that keeps alive", |stage, dialect| {
        let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
        let mut peer = dialect.connect(&stage.tone, &ask).ok().unwrap();
        if !peer.keep_alive() {
            return Cell::Absent;
        }
        peer.audio(&noise(1, 40_000));
        let told = peer.finish();
        assert!(told.kept_alive, "{dialect:?} {told:?}");
        whole(Some(told))
    }),
    ("a client that says nothing", |stage, dialect| {
        stage.is_free();
        let silent = dialect.connect(&stage.full, &Ask { silent: true, ..Ask::default() }).ok();
        refused(silent.map(|peer| peer.listen()))
    }),
    ("what is no message", |stage, dialect| {
        let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
        let mut peer = dialect.connect(&stage.tone, &ask).ok().unwrap();
        if peer.babble() { refused(Some(peer.finish())) } else { Cell::Absent }
    }),
    ("no room for another stream", |stage, dialect| {
        stage.is_free();
        let mut first = Client::open(&stage.full, "english", json!({}));
        let told = stage.tell(&stage.full, dialect, &Ask::default());
        first.finish();
        refused(told)
    }),
    ("a client that disappears", disappears),
];

fn channels(stage: &Stage, dialect: Dialect, channels: Channels) -> Cell {
    let ask = Ask { channels, model: names_a_model(dialect).then_some("english"), ..Ask::default() };
    let Ok(mut peer) = dialect.connect(&stage.tone, &ask) else { return Cell::Absent };
    let (left, right) = (noise(1, 40_000), noise(4, 40_000));
    let other = if channels == Channels::Apart { &right } else { &left };
    peer.audio(&interleaved(&[&left, other]));
    let told = peer.finish();
    if channels == Channels::Apart {
        assert_eq!(told.words(1), said(&right), "{dialect:?} {told:?}");
    }
    whole(Some(told))
}

fn key(stage: &Stage, dialect: Dialect, place: KeyPlace) -> Cell {
    whole(stage.tell(&stage.keyed, dialect, &Ask { key: Some((place, &stage.key)), ..Ask::default() }))
}

/// A client that leaves in the middle: its stream ends, and the next client is served.
fn disappears(stage: &Stage, dialect: Dialect) -> Cell {
    let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
    let mut peer = dialect.connect(&stage.tone, &ask).ok().unwrap();
    peer.audio(&noise(5, 20_000));
    drop(peer);
    stage.tone.wait_for("the end of the stream", || stage.tone.json("/v1/status")["streams"] == 0);
    whole(stage.tell(&stage.tone, dialect, &Ask::default()))
}

/// An operator ends the stream of a client of each dialect that has sent audio.
fn ended() -> Vec<Cell> {
    let host = tone("").start();
    let audio = noise(1, 40_000);
    DIALECTS
        .map(|dialect| {
            if OF_REQUESTS.contains(&dialect) {
                // There is nothing of it before all of it is sent.
                return Cell::Absent;
            }
            let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
            let mut peer = dialect.connect(&host, &ask).ok().unwrap();
            peer.audio(&audio);
            host.wait_for_audio(2.5);
            let id = host.json("/v1/streams")["streams"][0]["stream"].as_str().unwrap().to_owned();
            assert_eq!(request(host.address(), "POST", &format!("/v1/streams/{id}/end"), "").status, 200);
            let told = peer.listen();
            assert_eq!(told.words(0), said(&audio), "{dialect:?} {told:?}");
            host.wait_for("no stream", || host.json("/v1/streams")["streams"].as_array().unwrap().is_empty());
            Cell::Refused(format!("all words, {}", told.refused.unwrap_or_default()))
        })
        .into()
}

/// A server that stops while a client of each dialect has sent audio.
fn stops() -> Vec<Cell> {
    let host = tone("[timeouts]\ndrain_seconds = 0.0\n").start();
    let audio = noise(1, 40_000);
    let peers = DIALECTS.map(|dialect| {
        let ask = Ask { model: names_a_model(dialect).then_some("english"), ..Ask::default() };
        let mut peer = dialect.connect(&host, &ask).ok().unwrap();
        peer.audio(&audio);
        (dialect, peer)
    });
    let live = DIALECTS.len() - OF_REQUESTS.len();
    let sent = |stream: &Value| stream["audio_seconds"].as_f64() == Some(2.5);
    host.wait_for("the audio", || {
        host.json("/v1/streams")["streams"].as_array().unwrap().iter().filter(|one| sent(one)).count() == live
    });
    host.signal("TERM");
    peers
        .map(|(dialect, peer)| {
            if OF_REQUESTS.contains(&dialect) {
                // There is nothing of it yet.
                drop(peer);
                return Cell::Absent;
            }
            let told = peer.listen();
            assert_eq!(told.words(0), said(&audio), "{dialect:?} {told:?}");
            let end = told.refused.map_or_else(String::new, |form| format!(", {form}"));
            Cell::Refused(format!("all words{end}"))
        })
        .into()
}

fn table() -> String {
    let stage = Stage::set();
    let mut failed = Vec::new();
    let mut rows: Vec<(&str, Vec<Cell>)> = Vec::new();
    for (name, run) in FEATURES {
        let cells = DIALECTS.map(|dialect| {
            catch_unwind(AssertUnwindSafe(|| run(&stage, dialect))).unwrap_or_else(|_| {
                failed.push(format!("{name}, {}", dialect.name()));
                Cell::Absent
            })
        });
        rows.push((name, cells.into()));
    }
    assert!(failed.is_empty(), "see above:\n{}", failed.join("\n"));
    rows.push(("an operator ends the stream", ended()));
    rows.push(("the server stops", stops()));
    let names = DIALECTS.map(Dialect::name).join(" | ");
    let mut table = format!("| | {names} |\n|{}\n", " --- |".repeat(DIALECTS.len() + 1));
    for (name, cells) in rows {
        let cells: Vec<String> = cells.iter().map(Cell::to_string).collect();
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    table
}

#[test]
fn the_table_in_the_documentation_is_what_the_runs_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dialects.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the table");
    let (written, after) = rest.split_once(END).expect("the end of the table");
    let table = table();
    if env::var_os("AURICLE_WRITE_CONFORMANCE").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert!(
            written == table,
            "the table in docs/dialects.md is out of date: run `cargo xtask conformance`\n{table}"
        );
    }
}
