//! Computes mel bins from a power spectrum: overlapping triangles, each a short row of weights.

use super::options::{Error, Mel, Options};

/// Number of weights processed together: rows are padded to a multiple of it.
pub(crate) const LANES: usize = 4;

/// The triangles over a spectrum.
#[derive(Debug)]
pub(crate) struct Bank {
    /// For each bin: its first spectral line, and the end of its weights.
    rows: Vec<(usize, usize)>,
    weights: Vec<[f32; LANES]>,
}

impl Bank {
    /// For the spectrum of a transform over `length` samples, which has `length / 2 + 1` lines.
    ///
    /// Computed in single precision and in Kaldi's order, like the features that models were trained on.
    pub(crate) fn new(options: &Options, length: usize) -> Result<Self, Error> {
        let nyquist = 0.5 * options.sample_rate as f32;
        let (low, high) = (options.low_hz, options.high_hz);
        let high = if high > 0.0 { high } else { nyquist + high };
        if !(low >= 0.0 && low < high && high <= nyquist) {
            return Err(Error::Range { low, high, nyquist });
        }
        let lines = length / 2 + 1;
        if options.bins < 3 || options.bins > lines {
            return Err(Error::Bins(options.bins));
        }
        let width = options.sample_rate as f32 / length as f32;
        let mut bank = Self { rows: Vec::with_capacity(options.bins), weights: Vec::new() };
        for [left, centre, right] in corners(options, low, high) {
            let weight = |line: usize| {
                let at = match options.mel {
                    // Kaldi ignores the last line.
                    Mel::Kaldi if line == lines - 1 => return None,
                    Mel::Kaldi => kaldi(width * line as f32),
                    Mel::Slaney => width * line as f32,
                };
                if at <= left || at >= right {
                    return None;
                }
                let slope = if at <= centre { (at - left) / (centre - left) } else { (right - at) / (right - centre) };
                Some(if options.mel == Mel::Slaney { slope * (2.0 / (right - left)) } else { slope })
            };
            let first = (0..lines).find(|line| weight(*line).is_some()).ok_or(Error::Bins(options.bins))?;
            let row: Vec<f32> = (first..lines).map_while(weight).collect();
            for lanes in row.chunks(LANES) {
                let mut padded = [0.0; LANES];
                padded[..lanes.len()].copy_from_slice(lanes);
                bank.weights.push(padded);
            }
            bank.rows.push((first, bank.weights.len()));
        }
        Ok(bank)
    }

    /// Computes the bins of a spectrum that is followed by `LANES` zeros.
    #[inline]
    pub(crate) fn apply(&self, power: &[f32], bins: &mut [f32]) {
        let mut from = 0;
        for ((first, to), bin) in self.rows.iter().zip(bins) {
            let mut sum = [0.0; LANES];
            for (weights, power) in self.weights[from..*to].iter().zip(power[*first..].chunks_exact(LANES)) {
                for lane in 0..LANES {
                    sum[lane] += weights[lane] * power[lane];
                }
            }
            *bin = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            from = *to;
        }
    }
}

/// Left end, peak and right end of each triangle: in mel for Kaldi's, in Hz for Slaney's.
fn corners(options: &Options, low: f32, high: f32) -> impl Iterator<Item = [f32; 3]> {
    let mel = options.mel;
    let [low, high] = [low, high].map(if mel == Mel::Kaldi { kaldi } else { slaney });
    let step = (high - low) / (options.bins + 1) as f32;
    let corner = move |corner: usize| match mel {
        Mel::Kaldi => low + corner as f32 * step,
        Mel::Slaney => slaney_hz(low + corner as f32 * step),
    };
    (0..options.bins).map(move |bin| [bin, bin + 1, bin + 2].map(corner))
}

fn kaldi(hz: f32) -> f32 {
    1_127.0 * (1.0 + hz / 700.0).ln()
}

fn slaney(hz: f32) -> f32 {
    if hz <= 1_000.0 { hz * 3.0 / 200.0 } else { 15.0 + 27.0 / 6.4_f32.ln() * (hz / 1_000.0).ln() }
}

fn slaney_hz(mel: f32) -> f32 {
    if mel <= 15.0 { 200.0 / 3.0 * mel } else { 1_000.0 * ((mel - 15.0) * (6.4_f32.ln() / 27.0)).exp() }
}
