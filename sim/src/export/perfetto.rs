//! A run for a trace viewer: the JSON object form of the *Trace Event Format* (Google, 2016,
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>), which <https://ui.perfetto.dev> and
//! `chrome://tracing` open.
//!
//! One track for each context, grouped by process: a complete event (`X`) for each interval in which it has the core, an
//! instant (`i`) for each arrival, deadline, miss, end of a job, and for what it did (creations, kills, attempts); a
//! counter (`C`) for each budget. `ts` and `dur` are microseconds with three decimals, so that nanoseconds are exact.
//!
//! # Invariants
//! - Slices are those of the [`Timeline`]: disjoint, positive, and together the time executed.
//! - Names are written by a JSON serialiser; none can break out of its string.

use std::fmt;
use std::io::{self, Write};

use lacuna_model::units::Nanos;
use serde_json::json;

use crate::timeline::{JobEnd, Row, Timeline};

/// Microseconds with three decimals.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Writes events, one a line.
struct Events<W> {
    out: W,
    first: bool,
}

/// The process and the thread of a track, as the format calls them.
#[derive(Clone, Copy)]
struct Track {
    pid: usize,
    tid: usize,
}

impl<W: Write> Events<W> {
    fn begin(&mut self, ph: &str, name: &str, track: Track) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        let name = serde_json::to_string(name)?;
        let Track { pid, tid } = track;
        write!(self.out, "{comma}\n{{\"ph\":\"{ph}\",\"name\":{name},\"pid\":{pid},\"tid\":{tid}")
    }

    fn end(&mut self, args: &serde_json::Value) -> io::Result<()> {
        write!(self.out, ",\"args\":{args}}}")
    }

    fn metadata(&mut self, name: &str, track: Track, args: &serde_json::Value) -> io::Result<()> {
        self.begin("M", name, track)?;
        self.end(args)
    }

    fn slice(&mut self, name: &str, track: Track, from: Nanos, to: Nanos, args: &serde_json::Value) -> io::Result<()> {
        self.begin("X", name, track)?;
        write!(self.out, ",\"cat\":\"run\",\"ts\":{},\"dur\":{}", Micros(from.0), Micros(to.0 - from.0))?;
        self.end(args)
    }

    fn instant(&mut self, cat: &str, name: &str, track: Track, at: Nanos, args: &serde_json::Value) -> io::Result<()> {
        self.begin("i", name, track)?;
        write!(self.out, ",\"cat\":\"{cat}\",\"s\":\"t\",\"ts\":{}", Micros(at.0))?;
        self.end(args)
    }

    fn counter(&mut self, name: &str, track: Track, at: Nanos, left: Nanos) -> io::Result<()> {
        self.begin("C", name, track)?;
        write!(self.out, ",\"ts\":{}", Micros(at.0))?;
        self.end(&json!({ "left_ns": left.0 }))
    }
}

/// Writes the timeline.
///
/// # Errors
/// Those of `out`.
pub fn write(timeline: &Timeline, out: impl Write) -> io::Result<()> {
    let mut events = Events { out, first: true };
    write!(events.out, "{{\"displayTimeUnit\":\"ns\",")?;
    let other = json!({
        "source": "lacuna simulation; the time is simulated",
        "until_ns": timeline.until.0,
        "labels_cut": timeline.cut,
    });
    write!(events.out, "\"otherData\":{other},\"traceEvents\":[")?;
    let (mut pid, mut process) = (0, None);
    for (index, row) in timeline.rows.iter().enumerate() {
        if process != Some(&row.process) {
            process = Some(&row.process);
            pid += 1;
            let track = Track { pid, tid: 0 };
            events.metadata("process_name", track, &json!({ "name": row.process }))?;
            events.metadata("process_sort_index", track, &json!({ "sort_index": pid }))?;
        }
        let track = Track { pid, tid: index + 1 };
        events.metadata("thread_name", track, &json!({ "name": row.context }))?;
        events.metadata("thread_sort_index", track, &json!({ "sort_index": index }))?;
        write_row(&mut events, row, track, timeline.until)?;
    }
    let track = Track { pid: pid + 1, tid: 0 };
    if !timeline.budgets.is_empty() {
        events.metadata("process_name", track, &json!({ "name": "budgets" }))?;
    }
    for budget in &timeline.budgets {
        for (at, left) in &budget.points {
            events.counter(&format!("budget of {}", budget.name), track, *at, *left)?;
        }
    }
    events.out.write_all(b"\n]}\n")?;
    events.out.flush()
}

fn write_row<W: Write>(events: &mut Events<W>, row: &Row, track: Track, until: Nanos) -> io::Result<()> {
    for slice in &row.slices {
        let job = slice.job.and_then(|job| row.jobs.get(job));
        let name = job.map_or_else(|| row.context.clone(), |job| format!("job {}", job.number));
        events.slice(&name, track, slice.from, slice.to, &json!({}))?;
    }
    for job in &row.jobs {
        let args = json!({ "job": job.number });
        events.instant("job", "arrival", track, job.arrival, &args)?;
        if let JobEnd::Done(at) = job.end {
            let args = json!({ "job": job.number, "response_ns": at.0 - job.arrival.0 });
            events.instant("job", "end", track, at, &args)?;
        }
        let Some(deadline) = job.deadline.filter(|deadline| *deadline <= until) else { continue };
        if job.missed(until) {
            events.instant("miss", "deadline missed", track, deadline, &args)?;
        } else if !matches!(job.end, JobEnd::Killed(_)) {
            events.instant("job", "deadline", track, deadline, &args)?;
        }
    }
    for mark in &row.marks {
        events.instant("step", mark.action, track, mark.at, &json!({ "text": mark.text }))?;
    }
    Ok(())
}
