//! How long the recognition of recordings takes.

use super::Transcript;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// How long one recording took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Timing {
    /// Length of the audio, in seconds.
    pub(super) audio_seconds: f64,
    /// From the first audio sent to the last text, in seconds.
    pub(super) wall_seconds: f64,
    /// From the end of the audio to the last text, in milliseconds.
    pub(super) delay_ms: f64,
}

/// How long all recordings took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Speed {
    pub(super) audio_seconds: f64,
    /// Time per time of audio, on average of the streams.
    pub(super) real_time_factor: f64,
    /// From the end of the audio to the last text: the median, in milliseconds.
    pub(super) delay_ms_p50: f64,
    /// The same of which 95 % of the streams stay below.
    pub(super) delay_ms_p95: f64,
    /// Processor time of the server per time of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_factor: Option<f64>,
}

impl Speed {
    /// `None` if the transcripts do not say how long they took. `cpu_seconds` is the processor time of all.
    pub(super) fn of(transcripts: &[Transcript], cpu_seconds: Option<f64>) -> Option<Self> {
        let timings: Option<Vec<Timing>> = transcripts.iter().map(|transcript| transcript.timing).collect();
        let timings = timings.filter(|timings| !timings.is_empty())?;
        let audio_seconds: f64 = timings.iter().map(|timing| timing.audio_seconds).sum();
        let wall_seconds: f64 = timings.iter().map(|timing| timing.wall_seconds).sum();
        let mut delays: Vec<f64> = timings.iter().map(|timing| timing.delay_ms).collect();
        delays.sort_by(f64::total_cmp);
        // The nearest rank.
        let at = |share: f64| delays[((share * delays.len() as f64).ceil() as usize).clamp(1, delays.len()) - 1];
        let per_audio = |seconds: f64| seconds / audio_seconds.max(f64::MIN_POSITIVE);
        Some(Self {
            audio_seconds,
            real_time_factor: per_audio(wall_seconds),
            delay_ms_p50: at(0.5),
            delay_ms_p95: at(0.95),
            cpu_factor: cpu_seconds.map(per_audio),
        })
    }
}

impl Display for Speed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { audio_seconds, real_time_factor, delay_ms_p50, delay_ms_p95, cpu_factor } = self;
        write!(
            f,
            "{audio_seconds:.1} s of audio, real-time factor {real_time_factor:.3}; last text {delay_ms_p50:.0} ms after the audio \
             (median), {delay_ms_p95:.0} ms (95 %)"
        )?;
        match cpu_factor {
            Some(factor) => write!(f, "; processor time {factor:.3} s per second"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_all_streams() {
        let transcript = |timing| Transcript { recording: "a".into(), lead_silence: 0.0, text: String::new(), timing };
        let timing = |delay_ms| Some(Timing { audio_seconds: 2.0, wall_seconds: 1.0, delay_ms });
        let transcripts: Vec<_> = (1..=20).map(|n| transcript(timing(f64::from(n)))).collect();
        let speed = Speed::of(&transcripts, Some(4.0)).unwrap();
        assert_eq!((speed.real_time_factor, speed.delay_ms_p50, speed.delay_ms_p95), (0.5, 10.0, 19.0));
        let text = speed.to_string();
        assert!(
            text.ends_with("10 ms after the audio (median), 19 ms (95 %); processor time 0.100 s per second"),
            "{text}"
        );
        assert_eq!(Speed::of(&[transcript(timing(1.0)), transcript(None)], None), None);
        assert_eq!(Speed::of(&[], None), None);
    }
}
