//! The plot: what a stream costs, from one to as many as are held; processor time above, memory below. At full precision.

use super::{Best, Case, Point};
use crate::Done;
use plotters::prelude::*;
use std::{fmt::Display, path::Path};

const COLOURS: [RGBColor; 4] = [BLUE, RED, GREEN, MAGENTA];

/// Both sides: a name, what was found, and how thick the line is.
fn sides(case: &Case) -> impl Iterator<Item = (&'static str, &Best, u32)> {
    let auricle = case.auricle.first().map(|(_, best)| ("Auricle", best, 3));
    [("sherpa-onnx", &case.sherpa, 1)].into_iter().chain(auricle)
}

/// Writes it as SVG.
pub(super) fn write(path: &Path, cases: &[Case]) -> Done {
    let fail = |problem: &dyn Display| format!("{}: {problem}", path.display());
    let area = SVGBackend::new(path, (900, 800)).into_drawing_area();
    area.fill(&WHITE).map_err(|problem| fail(&problem))?;
    let cases: Vec<_> = cases.iter().filter(|case| case.precision == "fp32").zip(COLOURS).collect();
    let (above, below) = area.split_vertically(400);
    let time: fn(&Point) -> f64 = |point| point.cores * 1000.0 / point.streams as f64;
    let memory: fn(&Point) -> f64 = |point| point.mib / point.streams as f64;
    for (area, title, value) in [
        (above, "processor time, ms for a second of a stream", time),
        (below, "resident memory, MiB for a stream", memory),
    ] {
        let points = || cases.iter().flat_map(|(case, _)| sides(case)).flat_map(|(_, best, _)| &best.points);
        let most = points().map(|point| point.streams as f64).fold(1.0, f64::max);
        let values = || points().map(value).filter(|value| *value > 0.0);
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
        if low >= high {
            continue;
        }
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(56)
            .build_cartesian_2d((1.0..most).log_scale(), (low..high).log_scale())
            .map_err(|problem| fail(&problem))?;
        chart.configure_mesh().x_desc("streams").draw().map_err(|problem| fail(&problem))?;
        for (case, colour) in &cases {
            let (model, colour) = (&case.model, *colour);
            for (name, best, width) in sides(case) {
                let line = best.points.iter().map(|point| (point.streams as f64, value(point)));
                chart
                    .draw_series(LineSeries::new(line, colour.stroke_width(width)))
                    .map_err(|problem| fail(&problem))?
                    .label(format!("{name}, {model}"))
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(width)));
            }
        }
        let labels = chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw();
        labels.map_err(|problem| fail(&problem))?;
    }
    area.present().map_err(|problem| fail(&problem))?;
    Ok(())
}
