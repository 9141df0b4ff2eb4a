//! Hours of speech, as fast as possible: the cost of a stream must not grow.

use super::fake::{Event, Fake, Recorder, script, speech};
use crate::online::{OnlineProcessor, Settings};

/// Processes this many words; 80 are a minute.
fn hours(words: usize, fake: Fake) {
    let mut online = OnlineProcessor::new(fake, &Settings::default());
    let (mut said, mut recorder) = (Vec::new(), Recorder::default());
    let (mut samples, mut state, mut history) = (0, 0, 0);
    for first in (0..words).step_by(100) {
        let audio = speech(first, 100);
        samples += audio.len();
        for piece in audio.chunks(16_000) {
            online.insert_audio_chunk(piece);
            online.process_iter(&mut recorder).unwrap();
            history = history.max(online.agreement.history.len());
        }
        recorder.assert_in_order();
        said.extend(recorder.words().iter().map(|word| word.split('-').next().unwrap().to_owned()));
        for event in recorder.0.drain(..) {
            if let Event::Restart(_, bytes) = event {
                state = state.max(bytes.len());
            }
        }
    }
    online.finish(&mut recorder).unwrap();
    said.extend(recorder.words().iter().map(|word| word.split('-').next().unwrap().to_owned()));
    assert!(samples / 16_000 * 80 / 60 > words, "{samples}");
    assert_eq!(said.join(" "), script(0, words));
    let (longest, room) = (online.transcriber.longest, online.buffer.capacity());
    assert!(longest <= 480_000 && room <= 960_000, "{longest} {room}");
    assert!(history <= 250 && state <= 4_096, "{history} {state}");
}

#[test]
fn two_hours_cost_no_more_than_minutes() {
    hours(10_000, Fake { passages: true, ..Fake::default() });
}

#[test]
fn nor_where_the_model_gives_no_place_to_cut() {
    hours(2_000, Fake::default());
}

#[test]
fn nor_where_it_never_agrees_with_itself() {
    hours(2_000, Fake { fickle: true, ..Fake::default() });
}

#[test]
fn nor_where_nobody_speaks() {
    let mut online = OnlineProcessor::new(Fake::default(), &Settings::default());
    let mut recorder = Recorder::default();
    for _ in 0..1_800 {
        online.insert_audio_chunk(&[0.0; 16_000]);
        online.process_iter(&mut recorder).unwrap();
    }
    assert!(online.transcriber.longest <= 480_000);
    assert!(recorder.0.iter().all(|event| matches!(event, Event::Restart(..))));
}
