//! Subtitles: SubRip (`srt`) and WebVTT (`vtt`), a cue for each segment. Times are samples at `rate` Hz.

use super::times::seconds;
use auricle_plugin_api::Segment;
use std::fmt::Write;

/// The segments as SubRip.
pub fn srt(segments: &[Segment], rate: u32) -> String {
    let mut text = String::new();
    for (number, segment) in (1..).zip(segments) {
        let _ = write!(text, "{number}\n{}\n\n", cue(segment, rate, ','));
    }
    text
}

/// The segments as WebVTT.
pub fn vtt(segments: &[Segment], rate: u32) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for segment in segments {
        let _ = write!(text, "{}\n\n", escaped(&cue(segment, rate, '.')));
    }
    text
}

/// The times and the text of a cue.
fn cue(segment: &Segment, rate: u32, point: char) -> String {
    let [start, end] = [segment.start, segment.end].map(|sample| time(seconds(sample, rate), point));
    // An empty line would end the cue.
    let text = segment.text().split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{start} --> {end}\n{text}")
}

/// `00:01:02,345`.
fn time(seconds: f64, point: char) -> String {
    let milliseconds = (seconds * 1000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Replaces the characters of a cue's text that WebVTT would read as markup.
fn escaped(cue: &str) -> String {
    match cue.split_once('\n') {
        Some((times, text)) => {
            format!("{times}\n{}", text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
        }
        None => cue.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_is_a_cue() {
        let segments = [
            Segment::new(0, 23_992, "four  seven\n\none"),
            Segment::new(16_000 * 3_725, 16_000 * 3_726, "a < b --> c & d"),
        ];
        let expected = "1\n00:00:00,000 --> 00:00:01,500\nfour seven one\n\n\
                        2\n01:02:05,000 --> 01:02:06,000\na < b --> c & d\n\n";
        assert_eq!(srt(&segments, 16_000), expected);
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nfour seven one\n\n\
                        01:02:05.000 --> 01:02:06.000\na &lt; b --&gt; c &amp; d\n\n";
        assert_eq!(vtt(&segments, 16_000), expected);
    }

    #[test]
    fn no_speech_is_no_cue() {
        assert_eq!((srt(&[], 16_000).as_str(), vtt(&[], 16_000).as_str()), ("", "WEBVTT\n\n"));
    }
}
