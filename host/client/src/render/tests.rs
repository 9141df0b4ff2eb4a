//! The same events on a terminal, for a script and as JSON lines.

use super::*;
use crate::summary::Summary;
use auricle_core::native::Ready;

const WIDE: Screen = Screen { out: false, err: Some(|| 40) };
const NONE: Screen = Screen { out: false, err: None };

/// Report of a successful stream.
fn report() -> Report {
    Report { end: Ok(()), summary: Summary { ready_ms: Some(3.0), ..Summary::default() } }
}

fn ready() -> Ready {
    Ready {
        stream: "7".to_owned(),
        epoch: 0,
        preset: "p".to_owned(),
        backend: "b".to_owned(),
        separator: " ".to_owned(),
        sample_rate: 16_000,
        chunk_seconds: 0.1,
        languages: Vec::new(),
        capabilities: Vec::new(),
        audio: auricle_core::AudioFormat::default(),
        multichannel: false,
        resume: None,
    }
}

fn spoken(start: f64, end: f64, text: &str) -> Spoken {
    Spoken::plain(start, end, text)
}

/// The contents of both outputs after a short stream.
fn show(screen: Screen, show_partials: bool, finish: bool) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut text = Text::new(&mut out, &mut err, screen, Some(4.0), show_partials);
    let events = [
        Event::Partial(spoken(0.42, 1.0, "go\u{1b}[2J for")),
        Event::Segment(spoken(0.42, 2.1, "go forward\nten meters")),
        Event::Gap { start: 3.0, end: 3.5 },
    ];
    text.sent(1.0).unwrap();
    for event in events {
        text.message("", Some(&event)).unwrap();
    }
    text.message("{}", None).unwrap();
    if finish {
        text.finish(&report());
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// What a terminal shows: a carriage return goes back to the start of the line.
fn terminal(written: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in written.split('\n') {
        let mut cells: Vec<char> = Vec::new();
        for part in line.split('\r') {
            for (at, letter) in part.chars().enumerate() {
                match cells.get_mut(at) {
                    Some(cell) => *cell = letter,
                    None => cells.push(letter),
                }
            }
        }
        lines.push(cells.iter().collect::<String>().trim_end().to_owned());
    }
    lines
}

#[test]
fn without_a_terminal_there_is_the_text_and_no_control_character() {
    let (out, err) = show(NONE, false, false);
    assert_eq!(out, "go forward ten meters\n");
    assert_eq!(err, "the server lost the audio from 3.00 s to 3.50 s\n");
    let (_, err) = show(NONE, true, false);
    assert!(err.starts_with("[  0.42 -   1.00] go [2J for ...\n"), "{err:?}");
}

#[test]
fn on_a_terminal_the_partial_changes_in_place() {
    let (out, err) = show(WIDE, false, false);
    assert_eq!(out, "go forward ten meters\n");
    assert!(!err.contains('\u{1b}'));
    assert_eq!(
        terminal(&err),
        ["[  0.42 -   2.10] go forward ten meters", "the server lost the audio from 3.00 s to 3.50 s", "1.0 / 4.0 s"]
    );
    let (_, err) = show(WIDE, false, true);
    assert_eq!(terminal(&err)[2], "0.00 s of audio in 0.00 s, ready after 3 ms");
}

#[test]
fn a_line_is_shown_once_where_both_are_terminals() {
    let (out, err) = show(Screen { out: true, ..WIDE }, false, true);
    assert_eq!(out, "[  0.42 -   2.10] go forward ten meters\n");
    assert!(!err.contains("meters"));
}

#[test]
fn a_partial_is_cut_to_the_terminal() {
    assert_eq!(tail("one two three", 13), "one two three");
    assert_eq!(tail("one two three", 8), "…o three");
    assert_eq!(tail("語音辨識", 6), "…辨識");
    assert_eq!(tail("語音辨識", 1), "");
    let mut err = Vec::new();
    let mut text = Text::new(io::sink(), &mut err, Screen { out: false, err: Some(|| 12) }, None, false);
    text.message("", Some(&Event::Partial(spoken(0.0, 1.0, "語音辨識")))).unwrap();
    assert_eq!(String::from_utf8(err).unwrap(), "\r0.0 s  …識");
}

#[test]
fn a_stream_is_introduced_on_a_terminal() {
    let message = Event::Ready(ready());
    let mut err = Vec::new();
    Text::new(io::sink(), &mut err, WIDE, None, false).message("", Some(&message)).unwrap();
    assert_eq!(terminal(&String::from_utf8(err).unwrap()), ["preset p, engine b, stream 7", "0.0 s"]);
}

#[test]
fn jsonl_is_what_came() {
    let mut out = Vec::new();
    let mut lines = Jsonl::new(&mut out, io::sink());
    lines.message(r#"{"seq":0,"type":"unheard_of"}"#, None).unwrap();
    lines.message("{\n\"seq\": 1}", None).unwrap();
    lines.notice("not a message").unwrap();
    lines.finish(&report());
    assert_eq!(String::from_utf8(out).unwrap(), "{\"seq\":0,\"type\":\"unheard_of\"}\n{ \"seq\": 1}\n");
}

#[test]
fn subtitles_are_printed_as_the_texts_come() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut captions = Captions::new(&mut out, &mut err, SubtitleFormat::Vtt);
    for event in [
        Event::Ready(ready()),
        Event::Segment(spoken(0.5, 1.0, "go\u{1b}[2J")),
        Event::Ready(ready()),
        Event::Partial(spoken(1.0, 2.0, "ten")),
        Event::Segment(spoken(1.0, 2.0, "ten meters")),
    ] {
        captions.message("", Some(&event)).unwrap();
    }
    captions.notice("wait").unwrap();
    captions.finish(&report());
    let expected = "WEBVTT\n\n00:00:00.500 --> 00:00:01.000\ngo [2J\n\n00:00:01.000 --> 00:00:02.000\nten meters\n\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(String::from_utf8(err).unwrap().starts_with("wait\n"));
}
