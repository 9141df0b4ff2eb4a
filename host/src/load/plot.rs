//! The plot: delays above, what the server used below, over the number of streams.

use super::{Level, Report};
use plotters::prelude::*;
use std::{fmt::Display, path::Path};

const SIZE: (u32, u32) = (900, 960);

/// A line: its name, its colour, and its value at a level, if it has one there.
type Line = (&'static str, RGBColor, fn(&Level) -> Option<f64>);

const DELAYS: &[Line] = &[
    ("p50", BLUE, |level| Some(level.partial.p50_ms)),
    ("p95", RED, |level| Some(level.partial.p95_ms)),
    ("p99", MAGENTA, |level| Some(level.partial.p99_ms)),
];
const CORES: &[Line] = &[
    ("server", BLUE, |level| level.server.map(|server| server.cores)),
    ("this tool", BLACK, |level| Some(level.tool.cores)),
];
const MEMORY: &[Line] = &[("server", BLUE, |level| level.server.map(|server| server.memory_mib))];

/// Writes it as SVG.
///
/// # Errors
/// One line, beginning with the file's name.
pub fn plot(report: &Report, path: &Path) -> Result<(), String> {
    let fail = |problem: &dyn Display| format!("{}: {problem}", path.display());
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(|problem| fail(&problem))?;
    let mut levels: Vec<_> = report.levels.iter().collect();
    levels.sort_by_key(|level| level.streams);
    let most = levels.last().map_or(1, |level| level.streams) as f64;
    let parts = area.split_evenly((3, 1));
    // Levels far beyond the bound would leave no room for the others.
    let ceiling = 4.0 * report.bound_ms;
    let charts =
        [("text after its audio, ms", DELAYS, true), ("processors", CORES, false), ("memory, MiB", MEMORY, false)];
    for (part, (title, lines, bounded)) in parts.iter().zip(charts) {
        let values = |line: &Line| -> Vec<_> {
            let at = |level: &&Level| Some((level.streams as f64, line.2(level)?));
            levels.iter().filter_map(at).collect()
        };
        let top = lines.iter().flat_map(values).map(|(_, value)| value).fold(0.0, f64::max);
        let top = if bounded { top.clamp(report.bound_ms, ceiling) } else { top.max(1e-3) };
        let mut chart = ChartBuilder::on(part)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..most, 0.0..top * 1.1)
            .map_err(|problem| fail(&problem))?;
        chart.configure_mesh().x_desc("streams").draw().map_err(|problem| fail(&problem))?;
        for line in lines {
            let (name, colour, _) = *line;
            let points: Vec<_> = values(line).into_iter().map(|(x, y)| (x, y.min(top * 1.1))).collect();
            if points.is_empty() {
                continue;
            }
            let drawn = chart.draw_series(LineSeries::new(points, colour).point_size(2));
            drawn
                .map_err(|problem| fail(&problem))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        if bounded {
            let bound = [(0.0, report.bound_ms), (most, report.bound_ms)];
            let drawn = chart.draw_series(LineSeries::new(bound, GREEN));
            drawn
                .map_err(|problem| fail(&problem))?
                .label("bound")
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], GREEN));
        }
        let labels = chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw();
        labels.map_err(|problem| fail(&problem))?;
    }
    area.present().map_err(|problem| fail(&problem))
}
