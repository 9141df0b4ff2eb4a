//! Normalises and transposes frames for a model's input.

/// Number of frames transposed at a time: the part of a bin's row that is written at once is one cache line.
const TILE: usize = 16;

/// Writes `rows` as `[frames, bins]` to `[bins, frames]`, with `last` in the last frame, if given. The frames between
/// are silence.
pub(super) fn write(rows: &[f32], last: Option<&[f32]>, silence: f32, frames: usize, to: &mut [f32]) {
    let bins = to.len() / frames;
    let sounding = rows.len() / bins;
    let mut most = greatest(rows).max(last.map_or(f32::MIN, greatest));
    if sounding + usize::from(last.is_some()) < frames {
        most = most.max(silence);
    }
    let floor = most - 8.0;
    let normal = |value: f32| (value.max(floor) + 4.0) / 4.0;
    let mut tiles = rows.chunks_exact(TILE * bins);
    for (tile, rows) in tiles.by_ref().enumerate() {
        for (bin, to) in to.chunks_exact_mut(frames).enumerate() {
            let mut values = [0.0; TILE];
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(bins)) {
                *value = row[bin];
            }
            to[tile * TILE..][..TILE].copy_from_slice(&values.map(normal));
        }
    }
    let (rest, silence) = (tiles.remainder(), normal(silence));
    for (bin, to) in to.chunks_exact_mut(frames).enumerate() {
        for (to, row) in to[sounding / TILE * TILE..].iter_mut().zip(rest.chunks_exact(bins)) {
            *to = normal(row[bin]);
        }
        to[sounding..].fill(silence);
        if let Some(last) = last {
            to[frames - 1] = normal(last[bin]);
        }
    }
}

/// The maximum of eight partial ones: the compiler may not reorder the search.
fn greatest(values: &[f32]) -> f32 {
    let mut most = [f32::MIN; 8];
    let eights = values.chunks_exact(8);
    let rest = eights.remainder().iter().copied().fold(f32::MIN, f32::max);
    for eight in eights {
        for (most, value) in most.iter_mut().zip(eight) {
            // A `max` of numbers that are never NaN, in one instruction.
            *most = if *value > *most { *value } else { *most };
        }
    }
    most.into_iter().fold(rest, f32::max)
}
