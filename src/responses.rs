//! The distribution of response times of a run, as a picture: for each task, how many of its jobs responded within a
//! time. Drawn with plotters; verdicts never come from here.

use lacuna_model::units::Nanos;
use lacuna_sim::timeline::{JobEnd, Row, Timeline};
use plotters::prelude::*;

/// Width and height, in pixels.
pub const SIZE: (u32, u32) = (960, 480);
/// A colour for each task, distinguishable in print and for most eyes (Okabe and Ito, 2008); then again from the first.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
];

/// Draws it as SVG.
///
/// # Errors
/// What the drawing library says.
pub fn draw(timeline: &Timeline, title: &str) -> Result<String, String> {
    let rows: Vec<(String, Vec<Nanos>)> = timeline
        .rows
        .iter()
        .map(|row| (row.context.clone(), responses(row)))
        .filter(|(_, times)| !times.is_empty())
        .collect();
    let longest = rows.iter().filter_map(|(_, times)| times.last()).max().copied().unwrap_or(Nanos(1));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&area, title, &rows, longest).map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

/// The response times of the jobs that ended, in ascending order.
fn responses(row: &Row) -> Vec<Nanos> {
    let mut times: Vec<Nanos> = row
        .jobs
        .iter()
        .filter_map(|job| match job.end {
            JobEnd::Done(at) => Some(Nanos(at.0.saturating_sub(job.arrival.0))),
            _ => None,
        })
        .collect();
    times.sort_unstable();
    times
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn paint(
    area: &Area<'_>,
    title: &str,
    rows: &[(String, Vec<Nanos>)],
    longest: Nanos,
) -> Result<(), Box<dyn std::error::Error>> {
    const MS: f64 = 1e6;
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    let span = longest.0 as f64 / MS * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{title}: response times"), ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..span, 0.0..100.0)
        .map_err(|error| error.to_string())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("time from arrival, ms")
        .y_desc("jobs that have ended, %")
        .draw()
        .map_err(|error| error.to_string())?;
    for ((name, times), colour) in rows.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(steps(times, span * MS), style))
            .map_err(|error| error.to_string())?
            .label(format!("{name}, {} jobs, at most {}", times.len(), times.last().copied().unwrap_or_default()))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    Ok(())
}

/// The stairs of the distribution: two points for each different time, in milliseconds and per cent.
fn steps(times: &[Nanos], until_ns: f64) -> Vec<(f64, f64)> {
    let percent = |count: usize| 100.0 * count as f64 / times.len() as f64;
    let mut points = vec![(0.0, 0.0)];
    let mut before = 0;
    for same in times.chunk_by(|a, b| a == b) {
        let at = same[0].0 as f64 / 1e6;
        points.push((at, percent(before)));
        before += same.len();
        points.push((at, percent(before)));
    }
    points.push((until_ns / 1e6, 100.0));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stairs_rise_where_jobs_end() {
        let times = [1, 1, 3, 4].map(|ms| Nanos(ms * 1_000_000));
        let expected =
            [(0.0, 0.0), (1.0, 0.0), (1.0, 50.0), (3.0, 50.0), (3.0, 75.0), (4.0, 75.0), (4.0, 100.0), (5.0, 100.0)];
        assert_eq!(steps(&times, 5e6), expected);
    }
}
