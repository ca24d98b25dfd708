//! The shares of a sweep, as a picture: for each test, what share of the sets passes it, over their utilisation. Drawn with plotters; no
//! verdict comes from here.

use lacuna_model::sweep::Sweep;
use lacuna_sim::sweep::Point;
use plotters::prelude::*;

use crate::responses::{COLOURS, SIZE};

/// Draws it as SVG.
///
/// # Errors
/// What the drawing library says.
pub fn draw(asked: &Sweep, points: &[Point]) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area, asked, points).map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn paint(area: &Area<'_>, asked: &Sweep, points: &[Point]) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    let at = |point: Option<&Point>| point.map_or(0.0, |point| f64::from(point.utilisation));
    // A single point has some room about it.
    let (first, last) = (at(points.first()) - 0.5, at(points.last()) + 0.5);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: sets of {} tasks that pass", asked.name, asked.tasks), ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(first..last, 0.0..102.0)
        .map_err(|error| error.to_string())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("utilisation, %")
        .y_desc("sets that pass, %")
        .draw()
        .map_err(|error| error.to_string())?;
    for (index, (test, colour)) in asked.tests.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let style = colour.stroke_width(2);
        let share = |point: &Point| 100.0 * point.tests[index].accepted as f64 / f64::from(asked.sets.max(1));
        let line: Vec<(f64, f64)> = points.iter().map(|point| (at(Some(point)), share(point))).collect();
        chart
            .draw_series(LineSeries::new(line, style).point_size(3))
            .map_err(|error| error.to_string())?
            .label(test.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    Ok(())
}
