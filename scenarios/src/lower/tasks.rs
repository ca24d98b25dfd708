//! Tasks: release patterns, and pure task sets written out as a system.

use lacuna_model::system::{
    Context, DomainId, EndsWithin, Instruction, KernelBounds, Process, SchedulingContext, SchedulingContextId, System,
    Task,
};
use lacuna_model::units::Nanos;

use super::names::Table;
use super::{about, name};
use crate::diagnostic::{Mistake, Report};
use crate::schema::Space;
use crate::shape::Fields;
use crate::tree::Word;

/// The fields of a scenario that describe the system which a task set stands for.
const REPLACED: [&str; 14] = [
    "domains",
    "flows",
    "users",
    "objects",
    "job_groups",
    "buffers",
    "pools",
    "locks",
    "modes",
    "processes",
    "scheduling_contexts",
    "major_frame",
    "refill",
    "process_table",
];

/// When the jobs of a task are released.
pub(super) fn release(fields: &Fields, report: &mut Report<'_>) -> Option<Task> {
    let period = fields.duration("period");
    let jitter = fields.duration("jitter").unwrap_or_default();
    if let (Some(period), Some(item)) = (period, fields.get("jitter"))
        && jitter > period
    {
        let message = format!("the jitter is larger than the period, {period}");
        report.push(Mistake::new(&item.span, message).expected("at most the period"));
    }
    let period = period?;
    Some(Task {
        period,
        deadline: fields.duration("deadline").unwrap_or(period),
        offset: fields.duration("offset").unwrap_or_default(),
        jitter,
    })
}

/// The execution-time interval, once checked.
pub(super) fn interval(fields: &Fields, report: &mut Report<'_>) -> Option<(Nanos, Nanos)> {
    let wcet = fields.duration("wcet")?;
    let bcet = match fields.get("bcet") {
        Some(item) => item.duration()?,
        None => wcet,
    };
    if bcet > wcet
        && let Some(item) = fields.get("bcet")
    {
        let message = format!("the `bcet` is larger than the `wcet`, {wcet}");
        report.push(Mistake::new(&item.span, message).expected("at most the `wcet`"));
    }
    Some((bcet, wcet))
}

/// The preemption threshold, once checked against the priority.
pub(super) fn threshold(fields: &Fields, priority: Option<u32>, report: &mut Report<'_>) -> Option<u32> {
    let threshold = fields.integer("threshold").and_then(|value| u32::try_from(value).ok())?;
    if let (Some(item), Some(priority)) = (fields.get("threshold"), priority)
        && threshold < priority
    {
        let message = format!("the threshold is lower than the priority, {priority}");
        report.push(Mistake::new(&item.span, message).expected("at least the priority"));
    }
    Some(threshold)
}

/// The system of a pure task set, without bounds and expectations.
pub(super) fn system(root: &Fields, report: &mut Report<'_>) -> System {
    for name in REPLACED {
        if let Some(key) = root.key(name) {
            let mistake = Mistake::new(key, format!("a task set has no `{name}`"));
            report.push(mistake.help("leave it out, or write processes in place of `tasks`"));
        }
    }
    let name = name(root);
    let about = about(root, report);
    let items = root.list("tasks");
    if let Some(item) = root.get("tasks")
        && matches!(&item.shape, crate::shape::Shape::List(items) if items.is_empty())
    {
        report.push(Mistake::new(&item.span, "there is no task").expected("at least one"));
    }
    let words = items.iter().enumerate().map(|(index, item)| {
        let name = item.record().and_then(|fields| fields.get("name"));
        match name.and_then(|name| Some((name, name.text()?))) {
            Some((name, text)) => Word { span: name.span.clone(), text: text.to_owned() },
            None => Word { span: item.span.clone(), text: format!("t{}", index + 1) },
        }
    });
    let words: Vec<Word> = words.collect();
    Table::declare(Space::Task, words.iter().cloned(), report);

    let mut tasks = Vec::new();
    for (word, item) in words.into_iter().zip(items) {
        let Some(fields) = item.record() else { continue };
        let (interval, release) = (interval(fields, report), release(fields, report));
        if let (Some(interval), Some(release)) = (interval, release) {
            tasks.push((word.text, interval, release, fields));
        }
    }
    let periods: Vec<Nanos> = tasks.iter().map(|(_, _, release, _)| release.period).collect();
    let priorities = explicit_priorities(root, report).unwrap_or_else(|| rate_monotonic(&periods));
    let mut contexts = Vec::new();
    let mut scheduling_contexts = Vec::new();
    for (index, ((name, (bcet, wcet), release, fields), priority)) in
        (0..=u8::MAX).zip(tasks.into_iter().zip(priorities))
    {
        let threshold = threshold(fields, Some(priority), report);
        scheduling_contexts.push(SchedulingContext {
            name: name.clone(),
            priority,
            threshold,
            inversion: fields.duration("inversion"),
            ..SchedulingContext::default()
        });
        contexts.push(Context {
            name,
            schedule: Some(SchedulingContextId(index)),
            program: vec![Instruction::Compute { bcet, wcet }],
            task: Some(release),
        });
    }
    System {
        name,
        about,
        domains: vec!["tasks".into()],
        flows: None,
        users: Vec::new(),
        objects: Vec::new(),
        job_groups: Vec::new(),
        buffers: Vec::new(),
        locks: Vec::new(),
        modes: Vec::new(),
        handles: Vec::new(),
        processes: vec![Process { name: "tasks".into(), domain: DomainId(0), group: None, contexts }],
        scheduling_contexts,
        major_frame: None,
        refill: Nanos(0),
        kernel_bounds: KernelBounds::default(),
        ends_within: EndsWithin::default(),
        tick: None,
        process_table: 3,
        expect: Vec::new(),
    }
}

/// The priorities as written, if they are; one that is missing is a mistake.
fn explicit_priorities(root: &Fields, report: &mut Report<'_>) -> Option<Vec<u32>> {
    let records = || root.list("tasks").iter().filter_map(|item| item.record());
    if records().all(|fields| fields.key("priority").is_none()) {
        return None;
    }
    for fields in records().filter(|fields| fields.key("priority").is_none()) {
        let mistake = Mistake::new(&fields.head, "this task has no `priority`, and others have one");
        report.push(mistake.expected("priorities for all tasks or for none"));
    }
    let priority = |fields: &Fields| fields.integer("priority").and_then(|value| u32::try_from(value).ok());
    Some(records().map(|fields| priority(fields).unwrap_or(0)).collect())
}

/// The shorter the period the more urgent, then the earlier in the file.
fn rate_monotonic(periods: &[Nanos]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..periods.len()).collect();
    order.sort_by_key(|&task| periods[task]);
    let mut priorities = vec![0; periods.len()];
    for (priority, &task) in (1..).zip(order.iter().rev()) {
        priorities[task] = priority;
    }
    priorities
}
