//! `auricle evaluate`: word errors of a server and of texts in files.

use super::timed::digits;
use auricle_tests::{auricle, fixture};
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
    let args = ["--url", host.address(), "--preset", "digits", "--lead-silence", "0,0.25", "--streams", "2"];
    let wav = fixture("digits.wav");
    let text = printed(&evaluate(&[&args[..], &["--save", file]].concat(), &[&wav]));
    let said = fs::read_to_string(fixture("digits.txt")).unwrap().split_whitespace().count() * 2;
    assert!(text.contains(&format!("\nall       {said:>8}       0")), "{text}");
    assert!(text.contains("word error rate 0.00 %"), "{text}");
    let of_texts = |more: &[&str]| -> Value {
        let args = [&["--texts", file, "--json"], more].concat();
        serde_json::from_str(&printed(&evaluate(&args, &[&wav]))).unwrap()
    };
    assert_eq!(of_texts(&[])["words"], json!({"reference": said, "substituted": 0, "deleted": 0, "inserted": 0}));

    // Another recognizer, with two errors after the silence.
    let mut lines: Vec<Value> =
        fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["lead_silence"], 0.25);
    let changed = lines[1]["text"].as_str().unwrap().replacen("one", "won", 1) + " so";
    lines[1]["text"] = json!(changed);
    let other = folder.path().join("other.jsonl");
    fs::write(&other, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let compared = of_texts(&["--against", other.to_str().unwrap()])["comparison"].clone();
    let difference = compared["difference"].as_f64().unwrap();
    assert!((difference + 2.0 / said as f64).abs() < 1e-9, "{compared}");
    assert_eq!(compared["only_here"], json!([]));
    let errors: Vec<_> = compared["only_there"].as_array().unwrap().iter().map(|one| one["error"].clone()).collect();
    assert_eq!(errors, [json!({"substituted": ["one", "won"]}), json!({"inserted": "so"})]);
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
    let both = ["--preset", "p", "--texts", "a.jsonl"];
    assert_eq!(failed(&evaluate(&both, &[&wav])).0, 2);
}
