//! Whole streams of synthetic speech.

use super::fake::{Event, Fake, Recorder, script, speech};
use crate::online::{Buffer, OnlineProcessor, Policy, Request, Settings, TimedWord, Transcriber, Transcript, Trimming};
use auricle_plugin_api::Error;
use proptest::prelude::*;

fn settings(way: Trimming, limit: f64) -> Settings {
    Settings { buffer_trimming: way, buffer_trimming_sec: limit, ..Settings::default() }
}

/// The events for `audio`, inserted in pieces of these lengths, which repeat.
fn process(online: &mut OnlineProcessor<impl Transcriber>, audio: &[f32], pieces: &[usize]) -> Recorder {
    let mut recorder = Recorder::default();
    let (mut rest, mut pieces) = (audio, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
        online.insert_audio_chunk(piece);
        online.process_iter(&mut recorder).unwrap();
        rest = after;
    }
    online.finish(&mut recorder).unwrap();
    recorder
}

#[test]
fn every_word_is_told_once() {
    let audio = speech(0, 200);
    for passages in [false, true] {
        for fickle in [false, true] {
            for (way, limit) in [(Trimming::Segment, 15.0), (Trimming::Segment, 5.0), (Trimming::Sentence, 10.0)] {
                for policy in [Policy::Agreement, Policy::AlignAtt] {
                    let fake = Fake { passages, fickle, ..Fake::default() };
                    let mut online = OnlineProcessor::new(fake, &Settings { policy, ..settings(way, limit) });
                    let recorder = process(&mut online, &audio, &[16_000]);
                    recorder.assert_in_order();
                    let plain = |word: &String| word.split('-').next().unwrap().to_owned();
                    let words: Vec<String> = recorder.words().iter().map(plain).collect();
                    assert_eq!(words.join(" "), script(0, 200), "{passages} {fickle} {way:?} {limit} {policy:?}");
                    assert!(online.transcriber.longest <= 480_000, "{}", online.transcriber.longest);
                }
            }
        }
    }
}

#[test]
fn with_alignatt_one_hypothesis_is_enough() {
    // No two hypotheses agree, but the times of the words are right.
    let fake = Fake { fickle: true, ..Fake::default() };
    let settings = Settings { policy: Policy::AlignAtt, settle_seconds: 30.0, ..Settings::default() };
    let mut online = OnlineProcessor::new(fake, &settings);
    let audio = speech(0, 20);
    online.insert_audio_chunk(&audio);
    online.process_iter(&mut Recorder::default()).unwrap();
    let (end, last) = (online.end(), online.agreement.last);
    assert!(last <= end - 8_000 && last + 24_000 > end, "{last} of {end}");
}

#[test]
fn prompts_are_what_has_left_the_buffer() {
    let mut online =
        OnlineProcessor::new(Fake { passages: true, ..Fake::default() }, &settings(Trimming::Segment, 5.0));
    process(&mut online, &speech(0, 200), &[16_000]);
    let longest = online.transcriber.longest_prompt;
    assert!((195..210).contains(&longest), "{longest}");
}

#[test]
fn what_is_told_carries_what_the_model_knows() {
    let mut online = OnlineProcessor::new(Fake { passages: true, ..Fake::default() }, &Settings::default());
    let recorder = process(&mut online, &speech(0, 8), &[16_000]);
    let [Event::Partial(partial), Event::Restart(0, _)] = &recorder.0[..2] else { panic!("{:?}", recorder.0) };
    assert_eq!(
        (partial.text().as_ref(), partial.language.as_deref(), partial.confidence),
        ("w0 w1", Some("x"), Some(0.5))
    );
    let segment = recorder.segments()[0];
    assert_eq!((segment.words[0].start, segment.words[0].end), (4_192, 7_000));
    assert_eq!((segment.start, segment.confidence), (4_192, Some(0.5)));
}

#[test]
fn the_last_words_are_decoded_once_more_and_told() {
    let audio = speech(0, 3);
    let mut online = OnlineProcessor::new(Fake::default(), &Settings::default());
    let recorder = process(&mut online, &audio, &[16_000]);
    assert_eq!(recorder.text(), script(0, 3));
    assert_eq!((audio.len() / 16_000 + 1, audio.len()), (online.transcriber.decodes, online.transcriber.received));
    // No new audio, so no decode.
    let mut recorder = Recorder::default();
    online.finish(&mut recorder).unwrap();
    assert!(recorder.0.is_empty(), "{recorder:?}");
    assert_eq!(online.transcriber.decodes, audio.len() / 16_000 + 1);
}

#[test]
fn a_stream_begins_anew_where_it_is_told_to() {
    let mut online = OnlineProcessor::new(Fake::default(), &Settings::default());
    let first = process(&mut online, &speech(0, 5), &[16_000]);
    online.init(0);
    assert_eq!(process(&mut online, &speech(0, 5), &[16_000]), first);
    online.init(1_000_000);
    let later = process(&mut online, &speech(0, 5), &[16_000]);
    assert_eq!(later.text(), first.text());
    assert_eq!(later.segments()[0].start, first.segments()[0].start + 1_000_000);
}

/// Returns the words with the spaces before them, like Whisper.
struct Spaced(Fake);

impl Transcriber for Spaced {
    fn transcribe(&mut self, samples: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error> {
        let prompt = request.prompt;
        assert!(prompt.is_empty() || prompt.starts_with(" w") && !prompt.contains("  "), "{prompt}");
        let mut transcript = self.0.transcribe(samples, request)?;
        for word in transcript.passages.iter_mut().flat_map(|passage| &mut passage.words) {
            word.text.insert(0, ' ');
        }
        Ok(transcript)
    }

    fn separator(&self) -> &str {
        ""
    }
}

#[test]
fn words_may_carry_their_own_spaces() {
    let fake = Fake { passages: true, ..Fake::default() };
    let audio = speech(0, 60);
    let spaced = process(&mut OnlineProcessor::new(Spaced(fake.clone()), &Settings::default()), &audio, &[16_000]);
    let plain = process(&mut OnlineProcessor::new(fake, &Settings::default()), &audio, &[16_000]);
    let segments = |recorder: &Recorder| recorder.segments().into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(segments(&spaced), segments(&plain));
    assert_eq!(spaced.text(), script(0, 60));
}

/// Returns one text first, then another, then none.
struct Fading(usize);

impl Transcriber for Fading {
    fn transcribe(&mut self, _: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
        self.0 += 1;
        let word = |text: &str| TimedWord::new(0.2, 0.4, text);
        Ok(match self.0 {
            1 => vec![word("so")].into(),
            2 => vec![word("no")].into(),
            3 => Transcript::default(),
            _ => return Err(Error::other("the model broke")),
        })
    }
}

#[test]
fn a_partial_that_came_to_nothing_is_cleared_and_errors_come_through() {
    let mut online = OnlineProcessor::new(Fading(0), &Settings::default());
    let mut recorder = Recorder::default();
    online.insert_audio_chunk(&[0.0; 48_000]);
    online.process_iter(&mut recorder).unwrap();
    let partial =
        |event: &Event| if let Event::Partial(partial) = event { Some(partial.text().into_owned()) } else { None };
    assert_eq!(recorder.0.iter().filter_map(partial).collect::<Vec<_>>(), ["so", "no", ""]);
    online.insert_audio_chunk(&[0.0; 16_000]);
    assert_eq!(online.process_iter(&mut recorder).unwrap_err().message, "the model broke");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn any_cut_of_the_audio_tells_the_same(
        first in 0_usize..3_000,
        count in 1_usize..60,
        passages: bool,
        fickle: bool,
        limit in 1.0..20.0,
        sentence: bool,
        pieces in prop::collection::vec(1_usize..40_000, 1..20),
    ) {
        let way = if sentence { Trimming::Sentence } else { Trimming::Segment };
        let audio = speech(first, count);
        let stream = || OnlineProcessor::new(Fake { passages, fickle, ..Fake::default() }, &settings(way, limit));
        let (mut grid, mut any) = (stream(), stream());
        let (recorder, other) = (process(&mut grid, &audio, &[16_000]), process(&mut any, &audio, &pieces));
        // One restart point per call: if there are several chunks in a call, only the last is reported.
        let events = |recorder: &Recorder| recorder.0.iter().filter(|event| !matches!(event, Event::Restart(..))).cloned().collect::<Vec<_>>();
        prop_assert_eq!(events(&recorder), events(&other));
        prop_assert_eq!(recorder.restarts().pop(), other.restarts().pop());
        prop_assert_eq!(grid.transcriber.decodes, any.transcriber.decodes);
        recorder.assert_in_order();
        let words: Vec<String> = recorder.words().iter().map(|word| word.split('-').next().unwrap().to_owned()).collect();
        prop_assert_eq!(words.join(" "), script(first, count));
    }

    #[test]
    fn nonsense_is_told_in_order(
        hypotheses in prop::collection::vec(prop::collection::vec((-1.0..40.0, -1.0..40.0, 0_u8..3), 0..8), 1..60),
    ) {
        struct Nonsense(std::vec::IntoIter<Vec<(f64, f64, u8)>>);
        impl Transcriber for Nonsense {
            fn transcribe(&mut self, samples: Buffer<'_>, _: Request<'_>) -> Result<Transcript, Error> {
                assert!(samples.len() <= 480_000);
                let words = self.0.next().unwrap_or_default().into_iter();
                let words: Vec<TimedWord> = words.map(|(start, end, text)| TimedWord::new(start, end, text.to_string())).collect();
                Ok(words.into())
            }
        }
        let seconds = hypotheses.len() + 40;
        let mut online = OnlineProcessor::new(Nonsense(hypotheses.into_iter()), &Settings::default());
        let recorder = process(&mut online, &vec![0.0; seconds * 16_000], &[16_000]);
        recorder.assert_in_order();
    }
}
