//! What a model says in each decode, word by word, and what comes of it: no word is lost or told twice, however its times move.

use super::fake::Recorder;
use crate::online::{Buffer, OnlineProcessor, Request, Settings, TimedWord, Transcriber, Transcript};
use auricle_plugin_api::Error;

/// Says these, one after the other.
struct Scripted(std::vec::IntoIter<Vec<TimedWord>>);

impl Transcriber for Scripted {
    fn transcribe(&mut self, _: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
        Ok(self.0.next().unwrap_or_default().into())
    }
}

/// The text that is told of decodes a second apart.
fn told(decodes: Vec<Vec<TimedWord>>) -> String {
    let seconds = decodes.len();
    let mut online = OnlineProcessor::new(Scripted(decodes.into_iter()), &Settings::default());
    let mut told = Recorder::default();
    for _ in 1..seconds {
        online.insert_audio_chunk(&[0.0; 16_000]);
        online.process_iter(&mut told).unwrap();
    }
    online.insert_audio_chunk(&[0.0; 100]);
    online.finish(&mut told).unwrap();
    told.assert_in_order();
    told.text()
}

/// The words of `text` from `start` to `end`, each as long as its letters.
fn spread(text: &str, start: f64, end: f64) -> Vec<TimedWord> {
    let letters = text.chars().filter(|c| *c != ' ').count() as f64;
    let mut at = start;
    let word = |word: &str| {
        let from = at;
        at += (end - start) * word.chars().count() as f64 / letters;
        TimedWord::new(from, at, word)
    };
    text.split(' ').map(word).collect()
}

#[test]
fn a_word_that_is_placed_earlier_than_before_is_not_lost() {
    let paced = |down: f64| vec![TimedWord::new(2.0, 2.6, "paced"), TimedWord::new(2.6, down, "down")];
    let waiting = |start| vec![TimedWord::new(start, 4.0, "waiting,"), TimedWord::new(4.2, 4.6, "but")];
    let mut decodes = vec![Vec::new(), Vec::new(), paced(3.0), paced(3.548)];
    // The word after the committed ones now begins 0.2 seconds before their end.
    decodes.extend([[paced(3.34), waiting(3.34)].concat(), [paced(3.34), waiting(3.34)].concat()]);
    assert_eq!(told(decodes), "paced down waiting, but");
}

#[test]
fn words_whose_times_are_guessed_by_their_length_are_not_lost() {
    let text =
        "it was the best of times it was the worst of times it was the age of wisdom it was the age of foolishness";
    let words: Vec<&str> = text.split(' ').collect();
    // Two words a second. All are one passage, which the model ends now early, now late.
    let decode = |second: usize| {
        let end = second as f64 * if second.is_multiple_of(2) { 1.0 } else { 0.8 };
        spread(&words[..(second * 2).min(words.len())].join(" "), 0.0, end)
    };
    assert_eq!(told((1..14).map(decode).collect()), text);
}
