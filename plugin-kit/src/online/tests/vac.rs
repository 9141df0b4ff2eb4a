//! Compares the controller with its authors' code, and tests it on speech with silence around it.

use super::fake::{Event, Fake, Recorder, script, speech};
use crate::{
    online::{Settings, VAC_CHUNK, Vac},
    vad::{
        Vad, WINDOW,
        tests::{FirstSample, audio_of, golden},
    },
};
use auricle_plugin_api::Error;
use proptest::prelude::*;

/// Everything but zero counts as speech.
struct Loud;

impl Vad for Loud {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        Ok(f32::from(u8::from(window.iter().any(|x| *x != 0.0))))
    }

    fn reset(&mut self) {}
}

/// Returns no text.
fn mute() -> Fake {
    Fake { deaf: true, ..Fake::default() }
}

#[test]
fn golden_controller_is_that_of_the_original() {
    for line in golden("vac.txt", "VAC_TRACES").lines() {
        let (head, calls) = line.split_once('|').unwrap();
        let (chunk, letters) = head.split_once(' ').unwrap();
        let settings = Settings { min_chunk_size: chunk.parse().unwrap(), ..Settings::default() };
        let mut vac = Vac::new(mute(), &settings, FirstSample);
        vac.lead = 0;
        let mut expected = calls.split(',').filter(|call| !call.is_empty()).peekable();
        for (number, piece) in audio_of(letters).chunks_exact(VAC_CHUNK as usize).enumerate() {
            let decodes = vac.online.transcriber.decodes;
            let mut recorder = Recorder::default();
            vac.insert_audio_chunk(piece);
            vac.process_iter(&mut recorder).unwrap();
            let Some(call) = expected.next_if(|call| call.split(' ').next() == Some(&number.to_string())) else {
                assert_eq!(vac.online.transcriber.decodes, decodes, "{line} at {number}");
                continue;
            };
            let [_, kind, base, length] = call.split(' ').collect::<Vec<_>>()[..] else { panic!("{call}") };
            let (base, length): (u64, u64) = (base.parse().unwrap(), length.parse().unwrap());
            // Without new audio since the last decode there is no further one.
            assert_eq!(vac.online.transcriber.received as u64, length, "{line} at {number}");
            let ended = recorder.0.iter().any(|event| matches!(event, Event::Endpoint(_)));
            let begins = if ended { vac.online.base - length } else { vac.online.base };
            assert_eq!((ended, begins), (kind == "f", base), "{line} at {number}");
        }
        assert_eq!(expected.next(), None, "{line}");
    }
}

/// Three utterances with seconds of silence around each; the words continue from one to the next.
fn speech_and_silence() -> Vec<f32> {
    let silence = vec![0.0; 100_000];
    let mut audio = silence.clone();
    for (first, count) in [(0, 10), (10, 1), (11, 60)] {
        audio.extend(speech(first, count));
        audio.extend(&silence);
    }
    audio
}

fn process(vac: &mut Vac<Fake, Loud>, audio: &[f32], piece: usize) -> Recorder {
    let mut recorder = Recorder::default();
    for piece in audio.chunks(piece) {
        vac.insert_audio_chunk(piece);
        vac.process_iter(&mut recorder).unwrap();
    }
    vac.finish(&mut recorder).unwrap();
    recorder
}

/// The events without restart points.
fn events(recorder: &Recorder) -> Vec<Event> {
    recorder.0.iter().filter(|event| !matches!(event, Event::Restart(..))).cloned().collect()
}

#[test]
fn speech_after_a_pause_is_heard_by_a_model_that_ends_with_the_sentence_before() {
    let words = |first, count: usize| speech(first, count).into_iter().filter(|sample| *sample != 0.0);
    let audio: Vec<f32> = words(0, 4).chain(vec![0.0; 16_000]).chain(words(4, 6)).chain(vec![0.0; 4_000]).collect();
    let fake = Fake { ends_early: true, ..Fake::default() };
    let recorder = process(&mut Vac::new(fake, &Settings::default(), Loud), &audio, VAC_CHUNK as usize);
    assert_eq!(recorder.text(), script(0, 10));
    let until = |event: &Event| matches!(event, Event::Partial(text) if text.text().contains("w4"));
    assert!(recorder.0.iter().any(until), "it is told before its end: {:?}", events(&recorder));
}

#[test]
fn each_utterance_is_told_between_its_start_and_its_end() {
    let mut vac = Vac::new(Fake::default(), &Settings::default(), Loud);
    let recorder = process(&mut vac, &speech_and_silence(), VAC_CHUNK as usize);
    recorder.assert_in_order();
    assert_eq!(recorder.text(), script(0, 71));
    let mut open = None;
    let (mut ended, mut utterances) = (0, 0);
    for event in events(&recorder) {
        match event {
            Event::Speech(at) => assert!(open.replace(at).is_none() && at >= ended),
            Event::Segment(segment) => assert!(open.is_some_and(|start| start <= segment.start)),
            Event::Endpoint(at) => {
                assert!(open.take().is_some_and(|start| start < at));
                (ended, utterances) = (at, utterances + 1);
            }
            _ => (),
        }
    }
    // Some words are half a second apart.
    assert!(open.is_none() && utterances >= 3, "{utterances}");
    assert!(vac.online.transcriber.longest <= 480_000);
}

#[test]
fn after_a_short_pause_the_model_hears_the_words_before_it_again() {
    for (pause, again) in [(24_000, true), (64_000, false), (200_000, false)] {
        let [first, second] = [speech(0, 4), speech(4, 4)];
        let audio = [&first[..], &vec![0.0; pause], &second, &[0.0; 50_000]].concat();
        let mut vac = Vac::new(Fake::default(), &Settings::default(), Loud);
        let recorder = process(&mut vac, &audio, VAC_CHUNK as usize);
        recorder.assert_in_order();
        assert_eq!(recorder.text(), script(0, 8), "{pause}");
        let heard = &vac.online.transcriber;
        assert_eq!(heard.longest > first.len() + pause, again, "{pause}: {}", heard.longest);
        // Otherwise it is told the words, unless the pause was long.
        assert_eq!(heard.longest_prompt > 0, pause == 64_000, "{pause}: {}", heard.longest_prompt);
        // A server has dropped the audio before the last point.
        let points: Vec<_> = recorder.restarts().into_iter().map(|(sample, _)| sample).collect();
        assert!(points.is_sorted(), "{pause}: {points:?}");
    }
}

fn unsure() -> Vac<Fake, Loud> {
    Vac::new(Fake { unsure: true, ..Fake::default() }, &Settings::default(), Loud)
}

#[test]
fn a_doubtful_word_before_a_pause_waits_for_what_follows() {
    let audio = |pause: usize| [&speech(0, 4)[..], &vec![0.0; pause], &speech(4, 4), &[0.0; 50_000]].concat();
    let kinds = |recorder: &Recorder| -> String {
        let kind = |event: &Event| match event {
            Event::Speech(_) => "speech ".to_owned(),
            Event::Endpoint(_) => "end ".to_owned(),
            Event::Segment(segment) => format!("{}; ", segment.text()),
            _ => String::new(),
        };
        recorder.0.iter().map(kind).collect()
    };
    // Speech goes on: the word is recognised again, with more after it. The last one of all becomes final in the silence.
    let recorder = process(&mut unsure(), &audio(4_000), VAC_CHUNK as usize);
    assert_eq!(kinds(&recorder), format!("speech {}; {} guess; end ", script(0, 4), script(4, 3)));
    // It does not go on for more than a second.
    let recorder = process(&mut unsure(), &audio(30_000), VAC_CHUNK as usize);
    assert_eq!(kinds(&recorder), format!("speech {} guess; end speech {} guess; end ", script(0, 3), script(4, 3)));
    // The audio ends.
    let recorder = process(&mut unsure(), &[&speech(0, 4)[..], &[0.0; 4_000]].concat(), VAC_CHUNK as usize);
    assert_eq!(kinds(&recorder), format!("speech {} guess; ", script(0, 3)));
}

#[test]
fn silence_costs_no_decode_and_holds_no_audio() {
    let mut vac = Vac::new(Fake::default(), &Settings::default(), Loud);
    let (mut recorder, mut needed) = (Recorder::default(), 0);
    for second in 1..=7_200 {
        vac.insert_audio_chunk(&[0.0; 16_000]);
        vac.process_iter(&mut recorder).unwrap();
        assert_eq!(events(&recorder), []);
        // A server keeps the audio since the last restart point.
        needed = recorder.restarts().pop().map_or(needed, |(sample, _)| sample);
        assert!(second * 16_000 - needed <= 48_000, "{needed} at {second}");
        recorder.0.clear();
    }
    vac.finish(&mut recorder).unwrap();
    assert_eq!((vac.online.transcriber.decodes, events(&recorder)), (0, Vec::new()));
}

#[test]
fn the_end_of_the_audio_ends_the_utterance() {
    let mut vac = Vac::new(Fake::default(), &Settings::default(), Loud);
    let recorder = process(&mut vac, &speech(0, 7), 10_000);
    assert_eq!(recorder.text(), script(0, 7));
    let mut again = Recorder::default();
    vac.finish(&mut again).unwrap();
    assert_eq!(events(&again), []);
}

#[test]
fn any_restart_point_will_do() {
    any_restart_point(|| Vac::new(Fake::default(), &Settings::default(), Loud));
}

#[test]
fn any_restart_point_will_do_while_words_are_held() {
    any_restart_point(unsure);
}

fn any_restart_point(stream: impl Fn() -> Vac<Fake, Loud>) {
    let audio = speech_and_silence();
    let expected = process(&mut stream(), &audio, VAC_CHUNK as usize).text();
    let (mut vac, mut recorder) = (stream(), Recorder::default());
    let mut points = Vec::new();
    for piece in audio.chunks(VAC_CHUNK as usize) {
        vac.insert_audio_chunk(piece);
        vac.process_iter(&mut recorder).unwrap();
        if let Some(Event::Restart(sample, state)) = recorder.0.last() {
            points.push((*sample, state.clone(), recorder.clone()));
        }
    }
    points.dedup_by_key(|(_, state, recorder)| (state.clone(), recorder.0.len()));
    assert!(points.len() > 35, "{}", points.len());
    for (sample, state, before) in points {
        let (mut vac, mut recorder) = (stream(), before);
        vac.restore(sample, &state).unwrap();
        recorder.0.extend(process(&mut vac, &audio[sample as usize..], VAC_CHUNK as usize).0);
        recorder.assert_in_order();
        assert_eq!(recorder.text(), expected, "from {sample}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn any_cut_of_the_audio_tells_the_same(piece in 1_usize..50_000) {
        let audio = speech_and_silence();
        let stream = || Vac::new(Fake::default(), &Settings::default(), Loud);
        let grid = process(&mut stream(), &audio, VAC_CHUNK as usize);
        prop_assert_eq!(events(&grid), events(&process(&mut stream(), &audio, piece)));
    }
}
