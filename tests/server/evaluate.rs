//! `auricle evaluate`: word errors of a server and of texts in files. Subtitles.

use super::timed::digits;
use auricle_tests::{auricle, fixture, library};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output};

fn evaluate(args: &[&str], paths: &[&Path]) -> Output {
    auricle().arg("evaluate").args(args).args(paths).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The code and the message of a failure.
fn failed(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn a_server_is_evaluated_and_its_texts_are_kept() {
    let host = digits().start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts.jsonl");
    let file = file.to_str().unwrap();
    let args = ["--url", host.address(), "--preset", "digits", "--lead-silence", "0,0.25", "--jobs", "2"];
    let wav = fixture("digits.wav");
    let text = printed(&evaluate(&[&args[..], &["--save", file]].concat(), &[&wav]));
    let said = fs::read_to_string(fixture("digits.txt")).unwrap().split_whitespace().count() * 2;
    assert!(text.contains(&format!("\nall       {said:>8}       0")), "{text}");
    assert!(text.contains("word error rate 0.00 %"), "{text}");
    let of_texts = |more: &[&str]| -> Value {
        let args = [&["--texts", file, "--json"], more].concat();
        serde_json::from_str(&printed(&evaluate(&args, &[&wav]))).unwrap()
    };
    let system = &of_texts(&[])["systems"][0];
    assert_eq!(system["words"], json!({"reference": said, "substituted": 0, "deleted": 0, "inserted": 0}));
    // How long it took is in the file.
    assert!(system["speed"]["real_time_factor"].as_f64().unwrap() > 0.0, "{system}");

    // Another recognizer, with two errors after the silence.
    let mut lines: Vec<Value> =
        fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["lead_silence"], 0.25);
    let changed = lines[1]["text"].as_str().unwrap().replacen("one", "won", 1) + " so";
    lines[1]["text"] = json!(changed);
    let other = folder.path().join("other.jsonl");
    fs::write(&other, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let compared = of_texts(&["--texts", other.to_str().unwrap()])["comparisons"][0].clone();
    let difference = compared["difference"].as_f64().unwrap();
    assert!((difference - 2.0 / said as f64).abs() < 1e-9, "{compared}");
    assert_eq!(compared["only_first"], json!([]));
    let errors: Vec<_> = compared["only_second"].as_array().unwrap().iter().map(|one| one["error"].clone()).collect();
    assert_eq!(errors, [json!({"substituted": ["one", "won"]}), json!({"inserted": "so"})]);
}

#[test]
fn presets_are_compared_with_a_report_and_subtitles() {
    let host = digits().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"})).start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let said = fs::read_to_string(fixture("digits.txt")).unwrap();
    let words = said.split_whitespace().collect::<Vec<_>>();
    // With another text, which the normalizer makes the same.
    fs::copy(fixture("digits.wav"), path("digits.wav")).unwrap();
    let line = json!({"audio_filepath": "digits.wav", "text": format!("Um, {}!", words.join(" ").to_uppercase())});
    fs::write(path("m.jsonl"), line.to_string()).unwrap();
    let (html, subtitles, pid) = (path("report.html"), path("subtitles"), host.pid().to_string());
    let args = ["--url", host.address(), "--preset", "digits", "--preset", "tone", "--normalizer", "whisper-english"];
    let more = ["--html", &html, "--srt", &subtitles, "--vtt", &subtitles, "--pid", &pid, "--json"];
    let output = printed(&evaluate(&[&args[..], &more].concat(), &[Path::new(&path("m.jsonl"))]));
    let results: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(results["normalizer"], "whisper-english");
    let [first, second] = [0, 1].map(|n| &results["systems"][n]);
    assert_eq!((&first["name"], &first["word_error_rate"]), (&json!("digits"), &json!(0.0)));
    assert_eq!(second["name"], "tone");
    let step = &first["recordings"][0]["transcripts"][0]["alignment"][0];
    assert_eq!(step, &json!({"same": "4"}));
    assert_eq!(results["comparisons"][0]["difference"], second["word_error_rate"]);
    if cfg!(target_os = "linux") {
        assert!(first["speed"]["cpu_factor"].as_f64().unwrap() > 0.0, "{first}");
    }
    let page = fs::read_to_string(html).unwrap();
    assert!(page.contains("<td>tone against digits</td>") && page.contains("<del>4</del>"), "{page}");
    let srt = fs::read_to_string(path("subtitles/digits.digits.srt")).unwrap();
    assert!(srt.starts_with("1\n00:00:0") && srt.contains("\nfour seven one\n"), "{srt}");
    let vtt = fs::read_to_string(path("subtitles/digits.tone.vtt")).unwrap();
    assert!(vtt.starts_with("WEBVTT\n\n00:00:0"), "{vtt}");
}

#[test]
fn a_stream_is_printed_as_subtitles() {
    let host = digits().start();
    for (format, start, cue) in [("srt", "1\n00:00:0", "\n\n2\n00:00:"), ("vtt", "WEBVTT\n\n00:00:0", "\n\n00:00:")] {
        let args = ["stream", "--url", host.address(), "--preset", "digits", "--format", format];
        let text = printed(&auricle().args(args).arg(fixture("digits.wav")).output().unwrap());
        assert!(text.starts_with(start) && text.contains(cue) && text.contains("\nfour seven one\n"), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_and_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("a.wav");
    fs::write(&wav, "no audio").unwrap();
    let (code, message) = failed(&evaluate(&["--preset", "p"], &[&wav]));
    assert!(code == 3 && message.contains("a.txt does not exist"), "{code} {message}");
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    let (code, message) = failed(&evaluate(&["--preset", "p"], &[&wav]));
    assert!(code == 3 && message.contains("not a recognized audio file"), "{code} {message}");
    let (code, message) = failed(&evaluate(&["--texts", "/none.jsonl"], &[&wav]));
    assert!(code == 3 && message.contains("/none.jsonl: "), "{code} {message}");
    let (code, message) = failed(&evaluate(&["--preset", "p", "--url", "127.0.0.1:1"], &[&fixture("digits.wav")]));
    assert!(code == 4 && message.contains("digits.wav: "), "{code} {message}");
    assert_eq!(failed(&evaluate(&[], &[&wav])).0, 2);
    for (args, problem) in [
        (&["--preset", "p", "--preset", "p"][..], "`p` is evaluated twice"),
        (&["--preset", "p", "--preset", "q", "--save", "x"], "--save writes the transcripts of one preset"),
        (&["--preset", "p", "--normalizer", "english"], "whisper-english"),
        (&["--texts", "a.jsonl", "--srt", "x"], "--preset"),
    ] {
        let (code, message) = failed(&evaluate(args, &[&wav]));
        assert!(code == 2 && message.contains(problem), "{code} {message}");
    }
    let manifest = folder.path().join("m.jsonl");
    fs::write(&manifest, "{\"audio_filepath\": \"a.wav\"}").unwrap();
    let (code, message) = failed(&evaluate(&["--preset", "p"], &[&manifest]));
    assert!(code == 3 && message.contains("m.jsonl, line 1: the field `text` is missing"), "{code} {message}");
}
