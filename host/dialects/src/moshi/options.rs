//! The query of the URL of a moshi client. No I/O.

use crate::query::{invalid, number};
use auricle_core::{AudioFormat, Encoding, Failure};

/// The rate of moshi's clients in Hz.
const RATE: u32 = 24_000;

/// The format of the samples: floats, one channel. `sample_rate` is this server's own. Other parameters have no effect.
///
/// # Errors
/// The rate is no number, or out of range.
pub(super) fn audio(query: &str) -> Result<AudioFormat, Failure> {
    let mut sample_rate = RATE;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "sample_rate" {
            sample_rate = number(&name, &value)?;
        }
    }
    let audio = AudioFormat { encoding: Encoding::F32le, sample_rate, channels: 1, channel: None };
    audio.check().map_err(|problem| invalid(&problem.to_string()))?;
    Ok(audio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_moshis_unless_it_is_set() {
        let rate = |query: &str| audio(query).map(|audio| audio.sample_rate).map_err(|failure| failure.to_string());
        assert_eq!([rate("auth_id=k"), rate("sample_rate=16000")], [Ok(24_000), Ok(16_000)]);
        assert!(rate("sample_rate=1").unwrap_err().starts_with("`sample_rate` is 1"));
        assert!(rate("sample_rate=a").unwrap_err().starts_with("`sample_rate` is `a`"));
    }
}
