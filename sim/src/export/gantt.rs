//! A run as a picture: a Gantt chart in SVG, a row for each context, as realtime textbooks draw it (G. C. Buttazzo, *Hard
//! Real-Time Computing Systems*): bars while it has the core, ↑ where a job arrives, ↓ where it is due; what runs after
//! its deadline, and each miss, in red; the course of each budget below.
//!
//! # Invariants
//! - The picture is bounded: at most [`MAX_ROWS`] rows and [`MAX_BARS`] bars. A longer run is cut to a window, and the
//!   picture says so; a window chosen here shows the first miss, if there is one.
//! - Names are escaped; the picture has no script and loads nothing.
//! - It is readable on light and on dark ground: it brings its own ground, and follows the reader's preference.

use std::fmt::Write;

use lacuna_model::units::Nanos;

use crate::timeline::{BudgetCourse, JobEnd, Row, Timeline};

/// At most so many contexts are drawn.
pub const MAX_ROWS: usize = 40;
/// At most so many bars are drawn.
pub const MAX_BARS: usize = 2000;
/// A window chosen here has about so many bars.
const READABLE_BARS: usize = 90;

/// An interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From here.
    pub from: Nanos,
    /// To there.
    pub to: Nanos,
}

const WIDTH: f64 = 1200.0;
const TOP: f64 = 52.0;
const ROW: f64 = 46.0;
const BAR: f64 = 22.0;
const BUDGET: f64 = 40.0;
const RIGHT: f64 = 28.0;
const LONGEST_NAME: usize = 28;

const STYLE: &str = "\
.ground{fill:#fff}.name,.tick,.note,.title{font-family:system-ui,sans-serif;fill:#1b1f24}.title{font-size:15px;font-weight:600}\
.name{font-size:13px}.tick,.note{font-size:11px;fill:#57606a}.grid{stroke:#d8dee4;stroke-width:1}.base{stroke:#8c959f;stroke-width:1}\
.run{fill:#3b7dd8}.late{fill:#d1242f}.arrival{stroke:#1b1f24;stroke-width:1.3}.due{stroke:#9a6700;stroke-width:1.3}\
.miss{stroke:#d1242f;stroke-width:2.2}.arrivalhead{fill:#1b1f24}.duehead{fill:#9a6700}.misshead{fill:#d1242f}\
.mark{fill:#8250df}.budget{fill:#2da44e;fill-opacity:.25;stroke:#2da44e;stroke-width:1.2}\
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.name,.title{fill:#e6edf3}.tick,.note{fill:#9198a1}.grid{stroke:#262c34}\
.base{stroke:#6e7681}.run{fill:#4c8fe8}.late{fill:#f85149}.arrival{stroke:#e6edf3}.arrivalhead{fill:#e6edf3}.due{stroke:#d9a441}\
.duehead{fill:#d9a441}.miss{stroke:#f85149}.misshead{fill:#f85149}.mark{fill:#bc8cff}}";

/// Draws a timeline, or the window of it that is asked for.
pub fn draw(timeline: &Timeline, title: &str, window: Option<Window>) -> String {
    let window = clip(timeline, window.unwrap_or_else(|| choose(timeline)));
    let rows = &timeline.rows[..timeline.rows.len().min(MAX_ROWS)];
    let longest = rows.iter().map(|row| label(row).chars().count()).chain([10]).max().unwrap_or(10);
    let left = 24.0 + 7.3 * longest as f64;
    let bottom = TOP + ROW * rows.len() as f64 + BUDGET * timeline.budgets.len() as f64;
    let height = bottom + 62.0;
    let mut picture = Picture { svg: String::new(), window, left, scale: WIDTH - RIGHT - left };
    let title = escape(title);
    picture.push(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n<text class=\"title\" x=\"16\" y=\"26\">{title}</text>\n",
    ));
    picture.axis(bottom);
    let mut top = TOP;
    for row in rows {
        picture.row(row, top, timeline.until);
        top += ROW;
    }
    for budget in &timeline.budgets {
        picture.budget(budget, top);
        top += BUDGET;
    }
    picture.legend(bottom + 48.0, timeline);
    picture.note(timeline, rows.len());
    picture.push(format_args!("</svg>\n"));
    picture.svg
}

/// The window to draw if none is asked for: all, if that is readable; otherwise the beginning; if the first miss is later,
/// what leads to it.
fn choose(timeline: &Timeline) -> Window {
    let mut ends: Vec<Nanos> = timeline.rows.iter().flat_map(|row| &row.slices).map(|slice| slice.to).collect();
    ends.sort_unstable();
    let length = ends.get(READABLE_BARS).map_or(timeline.until, |end| *end).min(timeline.until);
    let jobs = timeline.rows.iter().flat_map(|row| &row.jobs);
    let misses = jobs.filter(|job| job.missed(timeline.until)).filter_map(|job| job.deadline);
    let window = match misses.min() {
        Some(miss) if miss > length => {
            let to = Nanos(miss.0.saturating_add(length.0 / 4)).min(timeline.until);
            Window { from: Nanos(to.0.saturating_sub(length.0)), to }
        }
        _ => Window { from: Nanos(0), to: length },
    };
    // Borders at ticks: round numbers.
    let tick = tick(Nanos(window.to.0 - window.from.0));
    let to = window.to.0.div_ceil(tick).saturating_mul(tick);
    Window { from: Nanos(window.from.0 / tick * tick), to: Nanos(to) }
}

/// The part of the window of which something is known, and which has at most [`MAX_BARS`] bars.
fn clip(timeline: &Timeline, window: Window) -> Window {
    let to = window.to.min(timeline.until);
    let from = window.from.min(to);
    let slices = timeline.rows.iter().flat_map(|row| &row.slices);
    let mut starts: Vec<Nanos> =
        slices.filter(|slice| slice.to > from && slice.from < to).map(|slice| slice.from).collect();
    starts.sort_unstable();
    Window { from, to: starts.get(MAX_BARS).map_or(to, |start| to.min(*start).max(from)) }
}

/// The name at a row, shortened.
fn label(row: &Row) -> String {
    let name = row.name();
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// Text for XML; what XML cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The distance between ticks: 1, 2 or 5 times a power of ten, such that there are at most 12.
fn tick(length: Nanos) -> u64 {
    let mut power = 1u64;
    loop {
        for step in [1, 2, 5] {
            let tick = power.saturating_mul(step);
            if length.0 / tick <= 12 {
                return tick;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The picture under way.
struct Picture {
    svg: String,
    window: Window,
    left: f64,
    scale: f64,
}

impl Picture {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.svg.write_fmt(text);
    }

    fn shows(&self, at: Nanos) -> bool {
        self.window.from <= at && at <= self.window.to
    }

    /// Where a time is, in user units; times outside are at the border.
    fn x(&self, at: Nanos) -> f64 {
        let length = (self.window.to.0 - self.window.from.0).max(1);
        let into = at.clamp(self.window.from, self.window.to).0 - self.window.from.0;
        self.left + self.scale * (into as f64 / length as f64)
    }

    fn axis(&mut self, bottom: f64) {
        let tick = tick(Nanos(self.window.to.0 - self.window.from.0));
        let (unit, scale) = [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1000), ("ns", 1)]
            .into_iter()
            .find(|(_, scale)| tick.is_multiple_of(*scale))
            .unwrap_or(("ns", 1));
        let first = self.window.from.0.div_ceil(tick);
        for index in first..=self.window.to.0 / tick {
            let x = self.x(Nanos(index * tick));
            let (top, value) = (TOP - 6.0, index * tick / scale);
            self.push(format_args!(
                "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{}\" \
                 text-anchor=\"middle\">{value}</text>\n",
                bottom + 16.0
            ));
        }
        self.push(format_args!(
            "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"end\">time, {unit}</text>\n",
            self.left - 12.0,
            bottom + 16.0
        ));
    }

    fn row(&mut self, row: &Row, top: f64, until: Nanos) {
        let base = top + ROW - 8.0;
        let (left, right) = (self.left, WIDTH - RIGHT);
        self.push(format_args!(
            "<g><title>{}</title><text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <path class=\"base\" d=\"M{left:.1} {base}H{right:.1}\"/>\n",
            escape(&row.name()),
            left - 12.0,
            base - 6.0,
            escape(&label(row)),
        ));
        for slice in &row.slices {
            if slice.to <= self.window.from || slice.from >= self.window.to {
                continue;
            }
            let due = slice.job.and_then(|job| row.jobs[job].deadline).unwrap_or(slice.to).clamp(slice.from, slice.to);
            self.bar("run", slice.from, due, base);
            self.bar("late", due, slice.to, base);
        }
        // Misses last, over whatever falls together with them.
        for job in &row.jobs {
            if self.shows(job.arrival) {
                self.arrow("arrival", job.arrival, base, Points::Up);
            }
        }
        let mut deadlines = Vec::new();
        for job in &row.jobs {
            if let Some(deadline) = job.deadline.filter(|deadline| self.shows(*deadline)) {
                let killed = matches!(job.end, JobEnd::Killed(_));
                deadlines.extend((job.missed(until) || !killed).then_some((job.missed(until), deadline)));
            }
        }
        deadlines.sort_unstable();
        for (missed, deadline) in deadlines {
            self.arrow(if missed { "miss" } else { "due" }, deadline, base, Points::Down);
        }
        for mark in row.marks.iter().take(MAX_BARS) {
            if self.shows(mark.at) {
                let x = self.x(mark.at);
                self.push(format_args!(
                    "<path class=\"mark\" d=\"M{x:.1} {}l4 4l-4 4l-4 -4z\"><title>{}</title></path>\n",
                    base - 4.0,
                    escape(&mark.text)
                ));
            }
        }
        self.push(format_args!("</g>\n"));
    }

    fn bar(&mut self, class: &str, from: Nanos, to: Nanos, base: f64) {
        if from < to && from < self.window.to && to > self.window.from {
            let x = self.x(from);
            let width = (self.x(to) - x).max(0.6);
            self.push(format_args!(
                "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{:.1}\" width=\"{width:.2}\" height=\"{BAR}\"/>\n",
                base - BAR
            ));
        }
    }

    /// Arrivals point up at their top, deadlines down at the base; where both fall together, both heads are seen.
    fn arrow(&mut self, class: &str, at: Nanos, base: f64, points: Points) {
        let (x, top) = (self.x(at), base - BAR - 10.0);
        let head = match points {
            Points::Up => format!("M{x:.1} {}l-3.5 7h7z", top - 1.0),
            Points::Down => format!("M{x:.1} {}l-3.5 -7h7z", base + 1.0),
        };
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{x:.1} {base}V{top}\"/><path class=\"{class}head\" d=\"{head}\"/>\n"
        ));
    }

    fn budget(&mut self, budget: &BudgetCourse, top: f64) {
        let base = top + BUDGET - 8.0;
        let name = escape(&budget.name);
        self.push(format_args!(
            "<text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">budget {name}</text>\n",
            self.left - 12.0,
            base - 6.0
        ));
        // The points within the window, and the course at its borders.
        let from = budget.points.partition_point(|(at, _)| *at < self.window.from).saturating_sub(1);
        let to = budget.points.partition_point(|(at, _)| *at <= self.window.to).saturating_add(1);
        let mut path = format!("M{:.1} {base}", self.x(self.window.from));
        for (at, left) in budget.points.iter().take(to).skip(from).take(4 * MAX_BARS) {
            let height = (BUDGET - 14.0) * (left.0 as f64 / budget.amount.0.max(1) as f64);
            let _ = write!(path, "L{:.1} {:.1}", self.x(*at), base - height);
        }
        let _ = write!(path, "V{base}");
        self.push(format_args!("<path class=\"budget\" d=\"{path}Z\"/>\n"));
    }

    fn legend(&mut self, y: f64, timeline: &Timeline) {
        let mut x = self.left;
        let any_miss = timeline.rows.iter().any(|row| row.jobs.iter().any(|job| job.missed(timeline.until)));
        let any_job = timeline.rows.iter().any(|row| !row.jobs.is_empty());
        let any_mark = timeline.rows.iter().any(|row| !row.marks.is_empty());
        let entries = [
            (true, "run", format!("M0 {}h14v10h-14z", y - 9.0), "has the core"),
            (any_job, "arrivalhead", format!("M7 {}l-3.5 7h7z", y - 8.0), "arrival"),
            (any_job, "duehead", format!("M7 {}l-3.5 -7h7z", y - 1.0), "deadline"),
            (any_miss, "misshead", format!("M7 {}l-3.5 -7h7z", y - 1.0), "deadline missed"),
            (any_miss, "late", format!("M0 {}h14v10h-14z", y - 9.0), "runs after its deadline"),
            (any_mark, "mark", format!("M7 {}l4 4l-4 4l-4 -4z", y - 8.0), "another step"),
        ];
        for (_, class, path, text) in entries.iter().filter(|(shown, ..)| *shown) {
            self.push(format_args!(
                "<path class=\"{class}\" transform=\"translate({x:.1} 0)\" d=\"{path}\"/>\
                 <text class=\"note\" x=\"{:.1}\" y=\"{y}\">{text}</text>\n",
                x + 20.0
            ));
            x += 44.0 + 6.2 * text.len() as f64;
        }
    }

    /// What is not shown.
    fn note(&mut self, timeline: &Timeline, rows: usize) {
        let mut parts = Vec::new();
        let Window { from, to } = self.window;
        if from > Nanos(0) {
            parts.push(format!("cut to the time from {from} to {to}, of {}", timeline.until));
        } else if to < timeline.until {
            parts.push(format!("cut to the first {to} of {}", timeline.until));
        }
        if timeline.cut > 0 {
            parts.push(format!("the log ends at {}, {} steps more are not kept", timeline.until, timeline.cut));
        }
        if rows < timeline.rows.len() {
            parts.push(format!("{rows} of {} contexts", timeline.rows.len()));
        }
        let x = WIDTH - RIGHT;
        self.push(format_args!(
            "<text class=\"note\" x=\"{x}\" y=\"26\" text-anchor=\"end\">{}</text>\n",
            parts.join("; ")
        ));
    }
}

/// Where the head of an arrow is.
#[derive(Clone, Copy)]
enum Points {
    Up,
    Down,
}
