//! Simulates four tasks for so many seconds (10 without an argument) and prints what was counted, as JSON. With a second
//! argument, draws the run into that file (SVG); with a third, writes a trace for <https://ui.perfetto.dev> into that.

use std::fs::{self, File};
use std::io::BufWriter;

use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::system::{
    Context, DomainId, EndsWithin, Instruction, KernelBounds, Process, SchedulingContext, SchedulingContextId, System,
    Task,
};
use lacuna_model::units::Nanos;
use lacuna_sim::export::{gantt, perfetto};
use lacuna_sim::policy::FixedPriority;
use lacuna_sim::resolver::Seeded;
use lacuna_sim::simulation::{Options, simulate};
use lacuna_sim::timeline::Timeline;

const MS: u64 = 1_000_000;

/// Execution time and period in milliseconds; a set that is often tested, of no known source.
const TASKS: [(&str, u64, u64); 4] = [("sensor", 1, 4), ("control", 1, 5), ("plan", 3, 9), ("log", 3, 18)];

fn four_tasks() -> System {
    let schedule =
        |priority, name: &str| SchedulingContext { name: name.into(), priority, ..SchedulingContext::default() };
    let context = |(index, (name, wcet, period)): (u8, (&str, u64, u64))| Context {
        name: name.into(),
        schedule: Some(SchedulingContextId(index)),
        program: vec![Instruction::Compute { bcet: Nanos(wcet * MS), wcet: Nanos(wcet * MS) }],
        task: Some(Task {
            period: Nanos(period * MS),
            deadline: Nanos(period * MS),
            offset: Nanos(0),
            jitter: Nanos(0),
        }),
    };
    System {
        name: "four tasks".into(),
        about: String::new(),
        domains: vec!["all".into()],
        flows: None,
        users: vec![],
        objects: vec![],
        job_groups: vec![],
        buffers: vec![],
        locks: vec![],
        modes: vec![],
        handles: vec![],
        processes: vec![Process {
            name: "control".into(),
            domain: DomainId(0),
            group: None,
            contexts: (0..).zip(TASKS).map(context).collect(),
        }],
        scheduling_contexts: [4, 3, 2, 1]
            .into_iter()
            .zip(TASKS)
            .map(|(priority, task)| schedule(priority, task.0))
            .collect(),
        major_frame: None,
        refill: Nanos(0),
        kernel_bounds: KernelBounds::default(),
        ends_within: EndsWithin::default(),
        tick: None,
        process_table: 1,
        expect: vec![],
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let system = four_tasks();
    let objects = Objects::new(&system, &Profile::ideal())?;
    let policy = FixedPriority::new(&system.scheduling_contexts);
    let run = simulate(&objects, policy, &mut Seeded::new(1), &Options::new(Nanos(seconds * 1000 * MS)))?;
    let timeline = Timeline::new(&objects, &run.log);
    if let Some(file) = arguments.next() {
        fs::write(file, gantt::draw(&timeline, &system.name, None))?;
    }
    if let Some(file) = arguments.next() {
        perfetto::write(&timeline, BufWriter::new(File::create(file)?))?;
    }
    println!("{}", serde_json::to_string_pretty(&run.summary)?);
    Ok(())
}
