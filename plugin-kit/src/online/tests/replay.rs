//! The behaviour of the authors' code, step by step. `parity/online.py` explains how the traces are made.

use crate::online::{
    Buffer, OnlineProcessor, Request, Transcriber, Transcript,
    agreement::join,
    settings::Limits,
    tests::fake::Recorder,
    transcript::{Passage, TimedWord, Word},
};
use auricle_plugin_api::Error;

/// Number of samples in a unit of the traces.
const UNIT: u64 = 125;

/// Returns the given transcripts.
#[derive(Default)]
struct Scripted {
    transcript: Transcript,
    separator: &'static str,
    prompt: String,
}

impl Transcriber for Scripted {
    fn transcribe(&mut self, _: Buffer<'_>, request: Request<'_>) -> Result<Transcript, Error> {
        request.prompt.clone_into(&mut self.prompt);
        Ok(self.transcript.clone())
    }

    fn separator(&self) -> &str {
        self.separator
    }
}

/// Starts a stream with the settings in this line, if it has any.
fn start(line: &str) -> Option<OnlineProcessor<Scripted>> {
    let [way, limit, separator] = line.strip_prefix("S ")?.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    let limit = (limit.parse::<u64>().unwrap() * UNIT) as usize;
    // The original has no hard limit, and uses passages after 30 seconds.
    let (passage, sentence) = match way {
        "segment" => (limit, usize::MAX),
        _ => (30 * 16_000, limit),
    };
    let separator = if separator == "0" { "" } else { " " };
    let limits = Limits { chunk: usize::MAX, passage, sentence, force: usize::MAX, settle: u64::MAX, margin: None };
    let mut online = OnlineProcessor::with_limits(Scripted { separator, ..Scripted::default() }, limits);
    online.seam = by_time;
    Some(online)
}

/// The original's alignment: by time, and by up to five words there that repeat the committed ones.
fn by_time(committed: &[Word], last: u64, mut words: Vec<Word>) -> (u64, Vec<Word>) {
    words.retain(|word| word.start + 1_600 > last);
    let near = words.first().is_some_and(|first| first.start.abs_diff(last) < 16_000);
    let most = if near { committed.len().min(words.len()).min(5) } else { 0 };
    let same = |count: &usize| join(&committed[committed.len() - count..], " ") == join(&words[..*count], " ");
    let repeated = (1..=most).find(same).unwrap_or(0);
    (last, words.split_off(repeated))
}

fn numbers(text: &str) -> impl Iterator<Item = i64> + '_ {
    text.split(' ').filter(|number| !number.is_empty()).map(|number| number.parse().unwrap())
}

fn transcript(words: &str, ends: &str, names: &[&str], separator: &str) -> Transcript {
    let second = |units: i64| units as f64 / 128.0;
    let fields: Vec<i64> = numbers(words).collect();
    let mut end = 0;
    let words = fields.as_chunks().0.iter().map(|[name, gap, length]| {
        let start = end + gap;
        end = start + length;
        let space = if separator.is_empty() { " " } else { "" };
        TimedWord::new(second(start), second(end), format!("{space}{}", names[*name as usize]))
    });
    let first = Passage { words: words.collect(), ..Passage::default() };
    let mut passages: Vec<Passage> =
        numbers(ends).map(|end| Passage { end: second(end), ..Passage::default() }).collect();
    match passages.first_mut() {
        Some(passage) => passage.words = first.words,
        None => assert!(first.words.is_empty()),
    }
    Transcript { passages, language: None }
}

fn summary(words: &[Word]) -> String {
    let [Some(first), Some(last)] = [words.first(), words.last()] else { return "0".into() };
    format!("{}:{}:{}", words.len(), first.start / UNIT, last.end / UNIT)
}

fn hash(text: &str) -> String {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{} {fnv:x}", text.chars().count())
}

#[test]
fn decides_as_the_original() {
    let text = match std::env::var_os("ONLINE_TRACES") {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => include_str!("../../../testdata/online/traces.txt").into(),
    };
    let (names, lines) = text.split_once('\n').unwrap();
    let names: Vec<&str> = names.split(' ').collect();
    let mut stream = None;
    let mut steps = 0;
    for (number, line) in lines.lines().enumerate() {
        if let Some(next) = start(line) {
            stream = Some(next);
            continue;
        }
        let online = stream.as_mut().unwrap();
        let [new, words, ends, prompt, committed, left, place] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        online.push(&vec![0.0; new.parse::<usize>().unwrap() * UNIT as usize]);
        online.transcriber.transcript = transcript(words, ends, &names, online.transcriber.separator);
        let count = online.step(&Recorder::default()).unwrap().unwrap();
        let history = &online.agreement.history;
        let recorder = &history[history.len() - count..];
        assert_eq!(
            [hash(&online.transcriber.prompt), summary(recorder), summary(&online.agreement.left)],
            [prompt, committed, left].map(str::to_owned),
            "line {}",
            number + 2
        );
        online.report(count > 0, false, &mut Recorder::default());
        let length = online.buffer.len() as u64;
        assert_eq!(format!("{} {}", online.base / UNIT, length / UNIT), place, "line {}", number + 2);
        assert_eq!((online.base % UNIT, length % UNIT), (0, 0));
        steps += 1;
    }
    assert!(steps > 400, "{steps}");
}
