//! What pictures of curves have in common: their size, their axes, their colours, and the key to them. Drawn with plotters; no verdict comes from
//! here.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (960, 480);
/// A colour for each curve, distinguishable in print and for most eyes (Okabe and Ito, 2008); then again from the first.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
];

/// What the drawing library says of a mistake.
pub type Painted = Result<(), Box<dyn std::error::Error>>;

/// A coordinate system of two axes.
pub type Chart<'c, 'a> = ChartContext<'c, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What is along an axis, and from where to where.
#[derive(Debug)]
pub struct Axis {
    /// With its unit.
    pub title: &'static str,
    /// From the first to the last.
    pub range: std::ops::Range<f64>,
}

/// A picture as SVG: axes, then whatever `curves` draws, then the key to the curves that have a label.
///
/// # Errors
/// What the drawing library says.
pub fn draw(
    title: &str,
    [x, y]: [Axis; 2],
    key: SeriesLabelPosition,
    curves: impl FnOnce(&mut Chart<'_, '_>) -> Painted,
) -> Result<String, String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paint(&area, title, [x, y], key, curves).map_err(|error| error.to_string())?;
    drop(area);
    Ok(svg)
}

fn paint<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    title: &str,
    [x, y]: [Axis; 2],
    key: SeriesLabelPosition,
    curves: impl FnOnce(&mut Chart<'_, 'a>) -> Painted,
) -> Painted {
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(x.range, y.range)
        .map_err(|error| error.to_string())?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).x_desc(x.title).y_desc(y.title).draw().map_err(|error| error.to_string())?;
    curves(&mut chart)?;
    chart
        .configure_series_labels()
        .position(key)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    Ok(())
}

/// A line, and its place in the key.
///
/// # Errors
/// What the drawing library says.
pub fn line<'a>(
    chart: &mut Chart<'_, 'a>,
    series: LineSeries<SVGBackend<'a>, (f64, f64)>,
    label: String,
    style: ShapeStyle,
) -> Painted {
    chart
        .draw_series(series)
        .map_err(|error| error.to_string())?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    Ok(())
}
