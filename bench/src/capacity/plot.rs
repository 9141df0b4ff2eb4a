//! The plot: the cost of a stream, over the number of streams; processor time above, memory below. At full precision.

use super::{Best, Case, Point};
use crate::Done;
use auricle_loadtest::chart::{BLUE, Chart, GREEN, Line, MAGENTA, RED, RGBColor, Scale, draw};
use std::path::Path;

const COLOURS: [RGBColor; 4] = [BLUE, RED, GREEN, MAGENTA];

/// Both sides: name, results, and width of the line.
fn sides(case: &Case) -> impl Iterator<Item = (&'static str, &Best, u32)> {
    let auricle = case.auricle.first().map(|(_, best)| ("Auricle", best, 3));
    [("sherpa-onnx", &case.sherpa, 1)].into_iter().chain(auricle)
}

/// Writes the plot as SVG.
pub(super) fn write(path: &Path, cases: &[Case]) -> Done {
    let cases: Vec<_> = cases.iter().filter(|case| case.precision == "fp32").zip(COLOURS).collect();
    let time: fn(&Point) -> f64 = |point| point.cores * 1000.0 / point.streams as f64;
    let memory: fn(&Point) -> f64 = |point| point.mib / point.streams as f64;
    let mut charts = Vec::new();
    for (title, value) in
        [("processor time, ms for a second of a stream", time), ("resident memory, MiB for a stream", memory)]
    {
        let points = || cases.iter().flat_map(|(case, _)| sides(case)).flat_map(|(_, best, _)| &best.points);
        let most = points().map(|point| point.streams as f64).fold(1.0, f64::max);
        let values = || points().map(value).filter(|value| *value > 0.0);
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
        if low >= high {
            continue;
        }
        let line = |case: &Case, colour, (name, best, width): (&str, &Best, u32)| {
            let points = best.points.iter().map(|point| (point.streams as f64, value(point)));
            Line::new(format!("{name}, {}", case.model), colour, points).width(width)
        };
        let lines = cases.iter().flat_map(|(case, colour)| sides(case).map(|side| line(case, *colour, side))).collect();
        let (across, up) = (1.0..most, low..high);
        charts.push(Chart { title, unit: "streams", across, up, scale: Scale::Logarithmic, lines });
    }
    Ok(draw(path, 400, &charts)?)
}
