//! The plot: memory above, delays below, over the minutes.

use super::vitals::Vitals;
use crate::Done;
use auricle_loadtest::chart::{BLUE, Chart, Line, RED, RGBColor, Scale, draw};
use std::path::Path;

type Of = (&'static str, RGBColor, fn(&Vitals) -> f64);

const MEMORY: [Of; 2] = [("host", BLUE, |v| v.host), ("workers", RED, |v| v.workers)];
const DELAYS: [Of; 2] = [("p50", BLUE, |v| v.p50), ("p99", RED, |v| v.p99)];

/// Writes the plot as SVG.
pub(super) fn write(path: &Path, all: &[Vitals]) -> Done {
    let minutes = all.last().map_or(1.0, |v| v.minute);
    let charts = [("memory, MiB", MEMORY), ("end of speech to its segment, ms", DELAYS)].map(|(title, lines)| {
        let most = lines.iter().flat_map(|(.., value)| all.iter().map(value)).fold(1.0, f64::max);
        let draw = |(name, colour, value): Of| Line::new(name, colour, all.iter().map(|v| (v.minute, value(v))));
        let lines = lines.map(draw).into();
        Chart { title, unit: "minutes", across: 0.0..minutes, up: 0.0..most * 1.1, scale: Scale::Linear, lines }
    });
    Ok(draw(path, 320, &charts)?)
}
