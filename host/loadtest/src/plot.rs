//! Plots delays, processors and memory over the number of streams.

use super::{
    Level, Report,
    chart::{BLACK, BLUE, Chart, ChartError, GREEN, Line, MAGENTA, RED, RGBColor, Scale, draw},
};
use std::path::Path;

const HEIGHT: u32 = 320;

/// A line: its name, its colour, and its value at a level, if there is one.
type Of = (&'static str, RGBColor, fn(&Level) -> Option<f64>);

const DELAYS: &[Of] = &[
    ("p50", BLUE, |level| Some(level.partial.p50_ms)),
    ("p95", RED, |level| Some(level.partial.p95_ms)),
    ("p99", MAGENTA, |level| Some(level.partial.p99_ms)),
];
const CORES: &[Of] = &[
    ("server", BLUE, |level| level.server.map(|server| server.cores)),
    ("this tool", BLACK, |level| Some(level.tool.cores)),
];
const MEMORY: &[Of] = &[("server", BLUE, |level| level.server.map(|server| server.memory_mib))];

/// Writes the plot as SVG.
///
/// # Errors
/// The plot cannot be drawn, or the file cannot be written.
pub fn plot(report: &Report, path: &Path) -> Result<(), ChartError> {
    let mut levels: Vec<_> = report.levels.iter().collect();
    levels.sort_by_key(|level| level.streams);
    let most = levels.last().map_or(1, |level| level.streams) as f64;
    // Clipped, because levels far beyond the bound would squeeze the others.
    let ceiling = 4.0 * report.bound_ms;
    let charts = [("text delay, ms", DELAYS, true), ("processors", CORES, false), ("memory, MiB", MEMORY, false)];
    let charts = charts.map(|(title, lines, bounded)| {
        let values = |line: &Of| -> Vec<_> {
            let at = |level: &&Level| Some((level.streams as f64, line.2(level)?));
            levels.iter().filter_map(at).collect()
        };
        let top = lines.iter().flat_map(values).map(|(_, value)| value).fold(0.0, f64::max);
        let top = 1.1 * if bounded { top.clamp(report.bound_ms, ceiling) } else { top.max(1e-3) };
        let draw = |of: &Of| Line::new(of.0, of.1, values(of).into_iter().map(|(x, y)| (x, y.min(top)))).rings(2);
        let bound = bounded.then(|| Line::new("bound", GREEN, [(0.0, report.bound_ms), (most, report.bound_ms)]));
        let lines = lines.iter().map(draw).chain(bound).collect();
        Chart { title, unit: "streams", across: 0.0..most, up: 0.0..top, scale: Scale::Linear, lines }
    });
    draw(path, HEIGHT, &charts)
}
