//! The distribution of response times of a run, as a picture: for each task, how many of its jobs responded within a
//! time. Drawn with plotters; verdicts never come from here.

use lacuna_model::units::Nanos;
use lacuna_sim::timeline::{JobEnd, Row, Timeline};
use plotters::prelude::*;

use crate::plot::{Axis, COLOURS, line};

/// Draws it as SVG.
///
/// # Errors
/// What the drawing library says.
pub fn draw(timeline: &Timeline, title: &str) -> Result<String, String> {
    const MS: f64 = 1e6;
    let rows: Vec<(String, Vec<Nanos>)> = timeline
        .rows
        .iter()
        .map(|row| (row.context.clone(), responses(row)))
        .filter(|(_, times)| !times.is_empty())
        .collect();
    let longest = rows.iter().filter_map(|(_, times)| times.last()).max().copied().unwrap_or(Nanos(1));
    let span = longest.0 as f64 / MS * 1.05;
    let axes = [
        Axis { title: "time from arrival, ms", range: 0.0..span },
        Axis { title: "jobs that have ended, %", range: 0.0..100.0 },
    ];
    crate::plot::draw(&format!("{title}: response times"), axes, SeriesLabelPosition::LowerRight, |chart| {
        for ((name, times), colour) in rows.iter().zip(COLOURS.iter().cycle()) {
            let style = colour.stroke_width(2);
            let label = format!("{name}, {} jobs, at most {}", times.len(), times.last().copied().unwrap_or_default());
            line(chart, LineSeries::new(steps(times, span * MS), style), label, style)?;
        }
        Ok(())
    })
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
