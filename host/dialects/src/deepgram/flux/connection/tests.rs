//! Tests of the messages of a connection.

use super::*;
use auricle_plugin_api::{Metadata, Segment, Turn, TurnChange, TurnTrigger};
use auricle_session::Codes;

fn connection() -> Connection {
    let protocol = Protocol { name: "deepgram-flux", codes: Codes::Close(close_code) };
    Connection::new(Request { id: "r".to_owned(), ..Request::default() }, protocol)
}

fn read(messages: &[Message]) -> Vec<Numbered> {
    let texts = messages.iter().filter(|message| message.is_text());
    texts.map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect()
}

fn configured(connection: &mut Connection, settings: &str) -> ServerMessage {
    let text = format!(r#"{{"type":"Configure",{settings}}}"#);
    read(&connection.text(&text.into()).unwrap().say).remove(0).message
}

#[test]
fn messages_are_numbered_from_the_first_on() {
    let mut connection = connection();
    connection.request.options.ignored = vec!["numerals"];
    let mut told = connection.hello();
    connection.tell(&Event::Partial(Segment::new(0, 8_000, "on")), &mut told);
    connection.tell(&Event::Segment(Segment::new(0, 8_000, "one")), &mut told);
    assert!(!connection.done(&mut told));
    let told = read(&told);
    assert!(told.iter().zip(0..).all(|(message, number)| message.sequence_id == number), "{told:?}");
    let turns = told.into_iter().filter_map(|told| match told.message {
        ServerMessage::TurnInfo(turn) => Some((turn.event, turn.transcript, turn.trigger)),
        _ => None,
    });
    let expected = [
        (TurnEvent::StartOfTurn, "on".to_owned(), None),
        (TurnEvent::EndOfTurn, "one".to_owned(), Some(Trigger::Model)),
    ];
    assert_eq!(turns.collect::<Vec<_>>(), expected);
}

#[test]
fn early_ends_of_a_stage_are_told_to_those_who_want_them() {
    use TurnEvent::{EagerEndOfTurn, EndOfTurn, StartOfTurn, TurnResumed, Update};
    for wants in [false, true] {
        let mut connection = connection();
        connection.request.options.thresholds.eager_eot_threshold = wants.then_some(0.4);
        connection.turns.open(&Metadata::new(16_000, 1_600).capabilities(["turns"]));
        let found = |sample, change| Event::Turn(Turn::new(sample, change).confidence(0.75));
        let mut told = Vec::new();
        for event in [
            Event::Segment(Segment::new(0, 8_000, "one")),
            found(8_000, TurnChange::EagerEnd),
            Event::Partial(Segment::new(8_000, 9_000, "t")),
            found(9_000, TurnChange::Resumed),
            Event::Partial(Segment::new(8_000, 16_000, "two")),
            found(16_000, TurnChange::Ended(TurnTrigger::Model)),
            Event::Segment(Segment::new(8_000, 16_000, "two")),
        ] {
            connection.tell(&event, &mut told);
        }
        assert!(connection.wants_flush() && !connection.wants_flush());
        connection.tell(&Event::Flushed(0), &mut told);
        let turns = read(&told).into_iter().filter_map(|told| match told.message {
            ServerMessage::TurnInfo(turn) => Some((turn.event, turn.end_of_turn_confidence)),
            _ => None,
        });
        let turns: Vec<_> = turns.collect();
        let end = (EndOfTurn, 0.75);
        let expected = if wants {
            vec![(StartOfTurn, 0.0), (EagerEndOfTurn, 0.75), (TurnResumed, 0.0), (Update, 0.0), (Update, 0.0), end]
        } else {
            vec![(StartOfTurn, 0.0), (Update, 0.0), (Update, 0.0), (Update, 0.0), end]
        };
        assert_eq!(turns, expected);
    }
}

#[test]
fn a_turn_ends_after_a_silence_of_the_audio() {
    let mut connection = connection();
    assert!(!connection.text(&r#"{"type":"ForceEndTurn"}"#.into()).unwrap().flush, "there is no audio");
    configured(&mut connection, r#""thresholds":{"eot_timeout_ms":500}"#);
    connection.tell(&Event::Partial(Segment::new(0, 8_000, "on")), &mut Vec::new());
    connection.processed(15_999);
    assert!(!connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush);
    connection.processed(16_000);
    assert!(connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush);
    assert!(!connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush, "it was asked for");
}

#[test]
fn what_cannot_change_is_refused_and_the_rest_is_told() {
    let mut connection = connection();
    connection.request.options.phrases = vec!["a".to_owned()];
    for (settings, name) in [
        (r#""thresholds":{"eager_eot_threshold":0.4,"eot_timeout_ms":900}"#, "EAGER_EOT_THRESHOLD_NOT_SUPPORTED"),
        (r#""thresholds":{"eager_eot_threshold":2}"#, "THRESHOLDS_INVALID"),
        (r#""keyterms":["b"]"#, "KEYTERMS_NOT_SUPPORTED"),
        (r#""language_hints":["en"]"#, "LANGUAGE_HINTS_NOT_SUPPORTED"),
        (r#""thresholds":{"eot_timeout_ms":1}"#, "THRESHOLDS_INVALID"),
    ] {
        let ServerMessage::ConfigureFailure { code, .. } = configured(&mut connection, settings) else {
            panic!("{settings}")
        };
        assert_eq!(code, format!("CONFIGURE_{name}"));
    }
    let thresholds = Thresholds { eot_timeout_ms: Some(5_000), ..Thresholds::default() };
    let (keyterms, language_hints) = (vec!["a".to_owned()], vec![]);
    let success = ServerMessage::ConfigureSuccess { thresholds, keyterms, language_hints };
    let same = r#""thresholds":{"eot_threshold":0.8},"keyterms":"a","language_hints":[]"#;
    assert_eq!(configured(&mut connection, same), success);
}
