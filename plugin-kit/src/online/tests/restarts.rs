//! A stream that another processor continues repeats nothing and skips nothing.

use super::fake::{Fake, Recorder, script, speech};
use crate::online::{OnlineProcessor, Settings};

fn stream(passages: bool) -> OnlineProcessor<Fake> {
    OnlineProcessor::new(Fake { passages, ..Fake::default() }, &Settings::default())
}

#[test]
fn any_restart_point_will_do() {
    let audio = speech(0, 60);
    for passages in [false, true] {
        // The events up to each restart point.
        let (mut online, mut recorder) = (stream(passages), Recorder::default());
        let mut points = Vec::new();
        for piece in audio.chunks(16_000) {
            online.insert_audio_chunk(piece);
            online.process_iter(&mut recorder).unwrap();
            points.extend(recorder.restarts().pop().map(|(sample, state)| (sample, state, recorder.clone())));
        }
        assert!(points.len() > 30);
        for (sample, state, before) in points {
            let (mut online, mut recorder) = (stream(passages), before);
            online.init(0);
            online.restore(sample, &state).unwrap();
            for piece in audio[sample as usize..].chunks(16_000) {
                online.insert_audio_chunk(piece);
                online.process_iter(&mut recorder).unwrap();
            }
            online.finish(&mut recorder).unwrap();
            recorder.assert_in_order();
            assert_eq!(recorder.text(), script(0, 60), "from {sample}");
        }
    }
}

#[test]
fn audio_whose_words_are_final_is_not_decoded_again() {
    let audio = speech(0, 12);
    let (mut online, mut recorder) = (stream(false), Recorder::default());
    online.insert_audio_chunk(&audio);
    online.process_iter(&mut recorder).unwrap();
    let (sample, state) = recorder.restarts().pop().unwrap();
    let mut again = stream(false);
    again.restore(sample, &state).unwrap();
    again.insert_audio_chunk(&audio[sample as usize..]);
    again.process_iter(&mut recorder).unwrap();
    assert!(online.transcriber.decodes > 5 && again.transcriber.decodes <= 2, "{}", again.transcriber.decodes);
}
