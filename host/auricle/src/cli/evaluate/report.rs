//! The results as one web page, without anything from outside: tables, and the aligned texts of each recording.

use super::{
    Recording,
    bootstrap::Interval,
    results::{Results, System},
    scores::{Aligned, percent},
    transcripts::silence,
};
use auricle_core::word_errors::{Errors, Step};
use std::fmt::Write;

const STYLE: &str = include_str!("report.css");

/// The page.
pub(super) fn page(results: &Results, recordings: &[Recording]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Word errors</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Word errors</h1>\n<p>{} recordings, normalizer <code>{}</code>. {LEGEND}</p>\n",
        recordings.len(),
        escaped(results.normalizer),
    );
    page += &systems(results);
    page += &comparisons(results);
    page += &each_recording(results, recordings);
    page + "</body>\n</html>\n"
}

const LEGEND: &str = "In the texts <del>said, not recognised</del> and <ins>recognised, not said</ins>.";

fn systems(results: &Results) -> String {
    let rows = results.systems.iter().map(|System { name, scores, speed }| {
        let Interval { low, high } = scores.word_error_rate_interval;
        let Errors { reference, substituted, deleted, inserted } = scores.words;
        let time = |value: Option<f64>, digits: usize| value.map_or(String::new(), |value| format!("{value:.digits$}"));
        let speed = speed.as_ref();
        vec![
            escaped(name),
            reference.to_string(),
            substituted.to_string(),
            deleted.to_string(),
            inserted.to_string(),
            percent(&scores.words),
            format!("{:.2} to {:.2}", low * 100.0, high * 100.0),
            percent(&scores.characters),
            time(speed.map(|speed| speed.real_time_factor), 3),
            time(speed.map(|speed| speed.delay_ms_p50), 0),
            time(speed.map(|speed| speed.delay_ms_p95), 0),
            time(speed.and_then(|speed| speed.cpu_factor), 3),
        ]
    });
    let head = [
        "system",
        "words",
        "substituted",
        "deleted",
        "inserted",
        "WER %",
        "95 % interval",
        "CER %",
        "real-time factor",
        "delay ms, median",
        "delay ms, 95 %",
        "processor s per s",
    ];
    table(&head, rows)
}

fn comparisons(results: &Results) -> String {
    if results.comparisons.is_empty() {
        return String::new();
    }
    let rows = results.comparisons.iter().map(|comparison| {
        let Interval { low, high } = comparison.difference_interval;
        let [difference, low, high] = [comparison.difference, low, high].map(|rate| rate * 100.0);
        let chance = if low <= 0.0 && high >= 0.0 { "may be chance" } else { "is hardly chance" };
        vec![
            format!("{} against {}", escaped(&comparison.second), escaped(&comparison.first)),
            format!("{difference:+.2}"),
            format!("{low:+.2} to {high:+.2}"),
            chance.to_owned(),
        ]
    });
    "<h2>Differences</h2>\n".to_owned() + &table(&["systems", "points of WER", "95 % interval", ""], rows)
}

fn each_recording(results: &Results, recordings: &[Recording]) -> String {
    let mut part = "<h2>Recordings</h2>\n".to_owned();
    for (n, recording) in recordings.iter().enumerate() {
        let scores = results.systems.iter().filter_map(|system| Some((&system.name, system.scores.recordings.get(n)?)));
        let rates: Vec<_> = scores.clone().map(|(_, score)| percent(&score.words)).collect();
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            part,
            "<details>\n<summary>{} <span>WER {} %</span></summary>\n<p class=\"said\">{}</p>",
            escaped(&recording.name),
            rates.join(", "),
            escaped(&recording.said),
        );
        for (name, score) in scores {
            for Aligned { lead_silence, alignment, .. } in &score.transcripts {
                let _ = writeln!(
                    part,
                    "<h3>{}{}</h3>\n<p>{}</p>",
                    escaped(name),
                    silence(*lead_silence),
                    alignment.iter().map(step).collect::<Vec<_>>().join(" "),
                );
            }
        }
        part += "</details>\n";
    }
    part
}

/// A word of an aligned text.
fn step(step: &Step<String>) -> String {
    match step {
        Step::Same(word) => escaped(word),
        Step::Substituted(said, recognized) => {
            format!("<span><del>{}</del> <ins>{}</ins></span>", escaped(said), escaped(recognized))
        }
        Step::Deleted(word) => format!("<del>{}</del>", escaped(word)),
        Step::Inserted(word) => format!("<ins>{}</ins>", escaped(word)),
    }
}

/// A table of cells in HTML.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let row = |cells: Vec<String>| format!("<tr>{}</tr>\n", cells.concat());
    let head = row(head.iter().map(|cell| format!("<th>{cell}</th>")).collect());
    let rows = rows.map(|cells| row(cells.into_iter().map(|cell| format!("<td>{cell}</td>")).collect()));
    format!("<table>\n<thead>\n{head}</thead>\n<tbody>\n{}</tbody>\n</table>\n", rows.collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::evaluate::{Scores, Speed, Timing, Transcript};
    use auricle_core::normalizer::Normalizer;

    #[test]
    fn the_page_has_all_results_and_no_markup_from_texts() {
        let recordings = [Recording { name: "<a>.wav".into(), path: "a".into(), said: "one <b> two".into() }];
        let timing = Timing { audio_seconds: 2.0, wall_seconds: 0.5, delay_ms: 12.0 };
        let system = |name: &str, text: &str| {
            let transcripts = [Transcript {
                recording: "<a>.wav".into(),
                lead_silence: 0.0,
                text: text.into(),
                timing: Some(timing),
            }];
            let scores = Scores::of(&recordings, &transcripts, Normalizer::None);
            System { name: name.into(), scores, speed: Speed::of(&transcripts, Some(1.0)) }
        };
        let systems = vec![system("x&y", "one <i> two"), system("z", "one <b> two too")];
        let page = page(&Results::of(systems, Normalizer::None).unwrap(), &recordings);
        for part in [
            "<td>x&amp;y</td><td>3</td><td>1</td><td>0</td><td>0</td><td>33.33</td>",
            "<td>0.250</td><td>12</td><td>12</td><td>0.500</td>",
            "<td>z against x&amp;y</td><td>+0.00</td>",
            "<summary>&lt;a&gt;.wav <span>WER 33.33, 33.33 %</span></summary>",
            "<p>one <span><del>&lt;b&gt;</del> <ins>&lt;i&gt;</ins></span> two</p>",
            "<p>one &lt;b&gt; two <ins>too</ins></p>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("<b>") && !page.contains("<i>") && !page.contains("http"));
    }
}
