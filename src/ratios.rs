//! The shares of a sweep, as a picture: for each test, what share of the sets passes it, over their utilisation. Drawn with plotters; no
//! verdict comes from here.

use lacuna_model::sweep::Sweep;
use lacuna_sim::sweep::Point;
use plotters::prelude::*;

use crate::plot::{Axis, COLOURS, line};

/// Draws it as SVG.
///
/// # Errors
/// What the drawing library says.
pub fn draw(asked: &Sweep, points: &[Point]) -> Result<String, String> {
    let at = |point: Option<&Point>| point.map_or(0.0, |point| f64::from(point.utilisation));
    // A single point has some room about it.
    let (first, last) = (at(points.first()) - 0.5, at(points.last()) + 0.5);
    let axes =
        [Axis { title: "utilisation, %", range: first..last }, Axis { title: "sets that pass, %", range: 0.0..102.0 }];
    let title = format!("{}: sets of {} tasks that pass", asked.name, asked.tasks);
    crate::plot::draw(&title, axes, SeriesLabelPosition::LowerLeft, |chart| {
        for (index, (test, colour)) in asked.tests.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let style = colour.stroke_width(2);
            let share = |point: &Point| 100.0 * point.tests[index].accepted as f64 / f64::from(asked.sets.max(1));
            let shares: Vec<(f64, f64)> = points.iter().map(|point| (at(Some(point)), share(point))).collect();
            line(chart, LineSeries::new(shares, style).point_size(3), test.name().into(), style)?;
        }
        Ok(())
    })
}
