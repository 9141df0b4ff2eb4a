//! The plot: memory above, delays below, over the minutes.

use super::vitals::Vitals;
use crate::Done;
use plotters::prelude::*;
use std::path::Path;

type Line = (&'static str, RGBColor, fn(&Vitals) -> f64);

const MEMORY: [Line; 2] = [("host", BLUE, |v| v.host), ("workers", RED, |v| v.workers)];
const DELAYS: [Line; 2] = [("p50", BLUE, |v| v.p50), ("p99", RED, |v| v.p99)];

/// Writes it as SVG.
pub(super) fn write(path: &Path, all: &[Vitals]) -> Done {
    let area = SVGBackend::new(path, (900, 640)).into_drawing_area();
    let fail = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    area.fill(&WHITE).map_err(|problem| fail(&problem))?;
    let (above, below) = area.split_vertically(320);
    for (area, title, lines) in [(above, "memory, MiB", MEMORY), (below, "end of speech to its segment, ms", DELAYS)] {
        let minutes = all.last().map_or(1.0, |v| v.minute);
        let most = lines.iter().flat_map(|(.., value)| all.iter().map(value)).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..minutes, 0.0..most * 1.1)
            .map_err(|problem| fail(&problem))?;
        chart.configure_mesh().x_desc("minutes").draw().map_err(|problem| fail(&problem))?;
        for (name, colour, value) in lines {
            let points = all.iter().map(|v| (v.minute, value(v)));
            chart
                .draw_series(LineSeries::new(points, colour))
                .map_err(|problem| fail(&problem))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        let labels = chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw();
        labels.map_err(|problem| fail(&problem))?;
    }
    area.present().map_err(|problem| fail(&problem))?;
    Ok(())
}
