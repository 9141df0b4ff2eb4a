//! The time of each token, from the part of the audio that the decoder attended to.
//!
//! The attention of the alignment heads is normalised over the tokens, smoothed over time and averaged. The cheapest
//! path through it from the first token and frame to the last (dynamic time warping) gives the frame at which each
//! token begins. Times never decrease. Source: the reference implementation's `timing`, as in Hugging Face's
//! `generate(return_token_timestamps=True)`; with the same roundings, so that times are equal to the frame.

use crate::network::Attention;

/// Length of a frame in seconds.
pub(crate) const FRAME: f64 = 0.02;

/// For each token in `attention` the time in seconds at which it ends and the next one starts. Empty without attention.
pub(crate) fn token_ends(attention: &Attention, median_width: usize) -> Vec<f64> {
    let Attention { tokens, frames, .. } = *attention;
    if tokens == 0 || frames == 0 || attention.heads == 0 {
        return Vec::new();
    }
    warp(&cost(attention, median_width), tokens, frames).into_iter().map(|frame| frame as f64 * FRAME).collect()
}

/// The cost of a token at a frame, `[tokens, frames]`: lower where it has more attention than other tokens.
fn cost(attention: &Attention, median_width: usize) -> Vec<f32> {
    let Attention { heads, tokens, frames, ref values } = *attention;
    let mut cost = vec![0.0f32; tokens * frames];
    let mut normal = vec![0.0f32; tokens * frames];
    for head in values.chunks_exact(tokens * frames) {
        for frame in 0..frames {
            let column = || head[frame..].iter().step_by(frames).map(|value| f64::from(*value));
            let mean = column().sum::<f64>() / tokens as f64;
            let deviation = (column().map(|value| (value - mean).powi(2)).sum::<f64>() / tokens as f64).sqrt();
            for token in 0..tokens {
                let value = f64::from(head[token * frames + frame]) - mean;
                normal[token * frames + frame] = if deviation > 0.0 { (value / deviation) as f32 } else { 0.0 };
            }
        }
        for (row, to) in normal.chunks_exact(frames).zip(cost.chunks_exact_mut(frames)) {
            smooth(row, median_width, |frame, median| to[frame] -= median / heads as f32);
        }
    }
    cost
}

/// The median of each value and its neighbours; the row is mirrored at its ends. A row that is too short stays
/// unchanged.
fn smooth(row: &[f32], width: usize, mut to: impl FnMut(usize, f32)) {
    let reach = width / 2;
    if row.len() <= reach {
        row.iter().enumerate().for_each(|(frame, value)| to(frame, *value));
        return;
    }
    let last = row.len() - 1;
    let mut window = vec![0.0f32; width];
    for frame in 0..row.len() {
        for (place, value) in window.iter_mut().enumerate() {
            let at = (frame + place).abs_diff(reach);
            *value = row[if at > last { 2 * last - at } else { at }];
        }
        let (_, median, _) = window.select_nth_unstable_by(reach, f32::total_cmp);
        to(frame, *median);
    }
}

/// The previous step of the path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Both,
    Token,
    Frame,
}

/// The frame at which the cheapest path reaches each token.
fn warp(cost: &[f32], tokens: usize, frames: usize) -> Vec<usize> {
    let width = frames + 1;
    let mut total = vec![f32::INFINITY; (tokens + 1) * width];
    let mut trace = vec![Step::Frame; (tokens + 1) * width];
    total[0] = 0.0;
    for token in 1..=tokens {
        for frame in 1..=frames {
            let (both, up, left) = (
                total[(token - 1) * width + frame - 1],
                total[(token - 1) * width + frame],
                total[token * width + frame - 1],
            );
            let (least, step) = if both < up && both < left {
                (both, Step::Both)
            } else if up < both && up < left {
                (up, Step::Token)
            } else {
                (left, Step::Frame)
            };
            let here = f64::from(cost[(token - 1) * frames + frame - 1]) + f64::from(least);
            total[token * width + frame] = here as f32;
            trace[token * width + frame] = step;
        }
    }
    let mut reached = vec![0; tokens];
    let (mut token, mut frame) = (tokens, frames);
    while token > 0 && frame > 0 {
        // Backwards, the last frame stored for a token is its first.
        reached[token - 1] = frame - 1;
        match trace[token * width + frame] {
            Step::Both => (token, frame) = (token - 1, frame - 1),
            Step::Token => token -= 1,
            Step::Frame => frame -= 1,
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attention(rows: &[&[f32]]) -> Attention {
        let values = rows.iter().flat_map(|row| row.iter().copied()).collect();
        Attention { heads: 1, tokens: rows.len(), frames: rows[0].len(), values }
    }

    #[test]
    fn the_way_follows_what_was_looked_at() {
        let look = attention(&[&[9.0, 9.0, 1.0, 1.0, 1.0], &[1.0, 1.0, 9.0, 1.0, 1.0], &[1.0, 1.0, 1.0, 9.0, 9.0]]);
        assert_eq!(token_ends(&look, 1), [0.0, 0.04, 0.06]);
        assert!(token_ends(&Attention { heads: 0, tokens: 0, frames: 0, values: Vec::new() }, 7).is_empty());
    }

    #[test]
    fn rows_without_difference_and_fewer_frames_than_tokens_are_no_obstacle() {
        let flat = attention(&[&[0.5, 0.5], &[0.5, 0.5], &[0.5, 0.5], &[0.5, 0.5]]);
        let ends = token_ends(&flat, 7);
        assert_eq!(ends.len(), 4);
        assert!(ends.is_sorted() && ends.iter().all(|end| (0.0..0.04).contains(end)), "{ends:?}");
    }

    #[test]
    fn medians_are_mirrored_at_the_ends() {
        let mut found = Vec::new();
        smooth(&[5.0, 1.0, 2.0, 9.0], 3, |_, median| found.push(median));
        // The medians of 1 5 1, 5 1 2, 1 2 9, 2 9 2.
        assert_eq!(found, [1.0, 2.0, 2.0, 2.0]);
    }
}
