//! How times are distributed, as a picture: for each series the share of its samples in each class of times. Classes are of equal width on a
//! logarithmic scale, four an octave, so that a median and a tail a thousand times as long are both seen.

use plotters::prelude::*;

use crate::plot::{Axis, COLOURS, line};

/// Draws it as SVG.
///
/// # Errors
/// What the drawing library says.
pub fn draw(title: &str, series: &[(String, Vec<u64>)]) -> Result<String, String> {
    let classes = |times: &[u64]| times.iter().map(|ns| class(*ns)).collect::<Vec<_>>();
    let all: Vec<u32> = series.iter().flat_map(|(_, times)| classes(times)).collect();
    let (first, last) = (all.iter().min().copied().unwrap_or(0), all.iter().max().copied().unwrap_or(0) + 1);
    let shares: Vec<Vec<(u32, f64)>> = series.iter().map(|(_, times)| shares(times)).collect();
    let highest = shares.iter().flatten().map(|(_, share)| *share).fold(1.0, f64::max);
    let axes = [
        Axis { title: "microseconds, as a power of ten", range: place(first)..place(last) },
        Axis { title: "samples, %", range: 0.0..highest * 1.1 },
    ];
    crate::plot::draw(title, axes, SeriesLabelPosition::UpperRight, |chart| {
        for (((name, times), shares), colour) in series.iter().zip(&shares).zip(COLOURS.iter().cycle()) {
            let style = colour.stroke_width(2);
            let most = times.iter().max().copied().unwrap_or(0).div_ceil(1_000);
            line(
                chart,
                LineSeries::new(steps(shares), style),
                format!("{name}, n={}, max {most} us", times.len()),
                style,
            )?;
        }
        Ok(())
    })
}

/// The class of a time: four times its logarithm to base 2, rounded down.
fn class(ns: u64) -> u32 {
    let ns = ns.max(1);
    let octave = ns.ilog2();
    // Where in the octave: 2^(1/4), 2^(1/2) and 2^(3/4) in thousandths.
    let within = (u128::from(ns) * 1_000) >> octave;
    octave * 4 + [1_190, 1_415, 1_682].iter().filter(|edge| within >= **edge).count() as u32
}

/// The place of the lower edge of a class on the axis.
fn place(class: u32) -> f64 {
    f64::from(class) / 4.0 * std::f64::consts::LOG10_2 - 3.0
}

/// The classes that have samples, in order, and their share in per cent.
fn shares(times: &[u64]) -> Vec<(u32, f64)> {
    let mut classes: Vec<u32> = times.iter().map(|ns| class(*ns)).collect();
    classes.sort_unstable();
    classes.chunk_by(|a, b| a == b).map(|same| (same[0], 100.0 * same.len() as f64 / times.len() as f64)).collect()
}

/// The outline of the columns.
fn steps(shares: &[(u32, f64)]) -> Vec<(f64, f64)> {
    let column = |(class, share): &(u32, f64)| {
        [(place(*class), 0.0), (place(*class), *share), (place(class + 1), *share), (place(class + 1), 0.0)]
    };
    shares.iter().flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_four_an_octave() {
        assert_eq!([0, 1, 2, 4, 1_024, 2_047].map(class), [0, 0, 4, 8, 40, 43]);
        // 1024 times 2^(1/4) is 1217.7.
        assert_eq!([1_218, 1_219, 1_449, 1_722].map(class), [40, 41, 42, 42]);
        assert_eq!(class(1_723), 43);
        assert_eq!(class(u64::MAX), 255);
    }

    #[test]
    fn shares_are_of_all_samples() {
        assert_eq!(shares(&[1, 1, 1, 1_024]), [(0, 75.0), (40, 25.0)]);
    }
}
