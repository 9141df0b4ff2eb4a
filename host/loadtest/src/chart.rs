//! Draws line charts with axes, a grid and a legend, one below the other in an SVG file.
//!
//! Used by the load tool and the benchmarks, which choose contents and colours. Threads: the caller's.

use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::*,
};
use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

pub use plotters::style::{BLACK, BLUE, GREEN, MAGENTA, RED, RGBColor};

const WIDTH: u32 = 900;

/// A chart cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", .file.display())]
pub struct ChartError {
    /// The SVG file.
    pub file: PathBuf,
    /// The cause.
    pub error: DrawingAreaErrorKind<io::Error>,
}

/// A chart.
#[derive(Debug)]
pub struct Chart {
    /// Printed above the chart.
    pub title: &'static str,
    /// Label of the horizontal axis.
    pub unit: &'static str,
    /// Range of the horizontal axis.
    pub across: Range<f64>,
    /// Range of the vertical axis.
    pub up: Range<f64>,
    /// Scale of both axes.
    pub scale: Scale,
    /// The lines, drawn in this order.
    pub lines: Vec<Line>,
}

/// Scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear.
    Linear,
    /// Logarithmic; both ends of the axis must be positive.
    Logarithmic,
}

/// A line. Without points it is omitted, also from the legend.
#[derive(Debug, Clone)]
pub struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    style: ShapeStyle,
    rings: u32,
}

impl Line {
    /// A thin line through `points`, without markers.
    pub fn new(name: impl Into<String>, colour: RGBColor, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect(), style: colour.into(), rings: 0 }
    }

    /// Sets the width in pixels.
    #[must_use]
    pub fn width(mut self, pixels: u32) -> Self {
        self.style = self.style.stroke_width(pixels);
        self
    }

    /// Draws a ring with this radius, in pixels, around every point.
    #[must_use]
    pub fn rings(mut self, pixels: u32) -> Self {
        self.rings = pixels;
        self
    }
}

/// Writes charts as SVG, each `height` pixels high.
///
/// # Errors
/// A chart cannot be drawn, or the file cannot be written.
pub fn draw(path: &Path, height: u32, charts: &[Chart]) -> Result<(), ChartError> {
    let fail = |error| ChartError { file: path.to_owned(), error };
    let rows = charts.len().max(1);
    let area = SVGBackend::new(path, (WIDTH, height * rows as u32)).into_drawing_area();
    area.fill(&WHITE).map_err(fail)?;
    for (part, chart) in area.split_evenly((rows, 1)).iter().zip(charts) {
        let (across, up) = (chart.across.clone(), chart.up.clone());
        let drawn = match chart.scale {
            Scale::Linear => draw_one(part, chart, across, up),
            Scale::Logarithmic => draw_one(part, chart, across.log_scale(), up.log_scale()),
        };
        drawn.map_err(fail)?;
    }
    area.present().map_err(fail)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Problem<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw_one<'a, X, Y>(area: &Area<'a>, chart: &Chart, across: X, up: Y) -> Result<(), Problem<'a>>
where
    X: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let mut context = ChartBuilder::on(area)
        .caption(chart.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(across, up)?;
    context.configure_mesh().x_desc(chart.unit).draw()?;
    for line in chart.lines.iter().filter(|line| !line.points.is_empty()) {
        let style = line.style;
        let series = LineSeries::new(line.points.iter().copied(), style).point_size(line.rings);
        context
            .draw_series(series)?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    context.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn chart(title: &'static str, scale: Scale) -> Chart {
        let rising = Line::new("rising", BLUE, [(1.0, 1.0), (9.0, 50.0)]).rings(2);
        let lines = vec![rising, Line::new("nothing", RED, []), Line::new("level", GREEN, [(1.0, 5.0)]).width(3)];
        Chart { title, unit: "streams", across: 1.0..10.0, up: 1.0..100.0, scale, lines }
    }

    #[test]
    fn a_picture_has_its_charts_with_axes_lines_and_legend() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("charts.svg");
        draw(&file, 300, &[chart("above", Scale::Linear), chart("below", Scale::Logarithmic)]).unwrap();
        let svg = fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg width=\"900\" height=\"600\"") && svg.trim_end().ends_with("</svg>"), "{svg}");
        let lines: Vec<_> = svg.lines().map(str::trim).collect();
        for (text, times) in [("above", 1), ("below", 1), ("streams", 2), ("rising", 2), ("level", 2), ("nothing", 0)] {
            assert_eq!(lines.iter().filter(|line| **line == text).count(), times, "{text}");
        }
        // Two charts, each with one ring for each of the two points of the only line with rings.
        assert_eq!(svg.matches("<circle").count(), 4);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("none/charts.svg");
        let problem = draw(&file, 300, &[chart("above", Scale::Linear)]).unwrap_err().to_string();
        assert!(problem.starts_with(&file.display().to_string()) && problem.lines().count() == 1, "{problem}");
    }
}
