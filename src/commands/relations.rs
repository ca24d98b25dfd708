//! `lacuna relations`: who is related to whom, and what comes of it; read off the declarations, nothing is explored.

use std::io::Write;
use std::path::Path;

use lacuna_model::objects::{Declared, Objects};
use lacuna_model::relations::chains::{By, Chain, Chains, chains};
use lacuna_model::relations::changes::{Change, changes};
use lacuna_model::relations::circles::{Circles, circles};
use lacuna_model::relations::graph::{Graph, Kind, name};
use lacuna_model::relations::sight::{Inversion, inversions};
use lacuna_model::units::Nanos;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::load::load;
use crate::print::{document, line};

/// What is known of a system's relations.
struct Found {
    graph: Graph,
    circles: Circles,
    chains: Chains,
    changes: Vec<Change>,
    inversions: Vec<Inversion>,
}

/// Runs it.
///
/// # Errors
/// If the scenario or the profile is wrong, or the graph cannot be written.
pub fn run(scenario: &str, kernel: &str, dot: Option<&Path>, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let profile = super::check::profile(kernel)?;
    let objects = Objects::new(&loaded.scenario.system, &profile).map_err(Failure::input)?;
    let found = Found {
        graph: Graph::of(&objects),
        circles: circles(&objects),
        chains: chains(&objects),
        changes: changes(&objects),
        inversions: inversions(&objects),
    };
    if let Some(file) = dot {
        super::simulate::write(file, |file| file.write_all(found.graph.dot(&objects).as_bytes()))?;
    }
    match format {
        Format::Json => document(json_of(&objects, &found)),
        Format::Text => print(&objects, &found),
    }
    Ok(Exit::AsExpected)
}

fn json_of(objects: &Objects, found: &Found) -> Value {
    let who = |of: Declared| objects.declared_name(of);
    let ties: Vec<Value> = found
        .graph
        .ties()
        .map(|(from, tie, to)| {
            json!({ "kind": tie.kind().name(), "from": name(objects, from), "relation": tie.words(), "to": name(objects, to) })
        })
        .collect();
    let circles: Vec<Value> = found
        .circles
        .circles
        .iter()
        .map(|circle| {
            let broken = circle.broken.as_ref().map(|broken| broken.sentence(objects));
            let contexts: Vec<String> = circle.waits.iter().map(|(of, _)| who(*of)).collect();
            json!({ "contexts": contexts, "says": circle.sentence(objects), "broken": broken })
        })
        .collect();
    let chains: Vec<Value> = found
        .chains
        .chains
        .iter()
        .map(|chain| {
            let links: Vec<Value> = chain
                .links
                .iter()
                .map(|link| json!({ "context": who(link.of), "computing_ns": link.computing, "then": link.then.map(|by| passes(objects, by)) }))
                .collect();
            let smallest = chain.smallest_deadline(objects);
            json!({
                "links": links,
                "total_ns": chain.total,
                "deadline_ns": smallest.map(|(_, deadline)| deadline),
                "deadline_of": smallest.map(|(of, _)| who(of)),
                "due": chain.due.iter().map(|due| json!({ "context": who(due.of), "after_ns": due.after, "deadline_ns": due.deadline })).collect::<Vec<_>>(),
                "late": chain.late().map(|due| who(due.of)),
            })
        })
        .collect();
    let changes: Vec<Value> = found
        .changes
        .iter()
        .map(|change| {
            let modes = &objects.system().modes;
            json!({
                "from": modes[change.from.index()].name,
                "to": modes[change.to.index()].name,
                "gone": change.gone.iter().map(|of| who(*of)).collect::<Vec<_>>(),
                "come": change.come.iter().map(|of| who(*of)).collect::<Vec<_>>(),
                "breaks": change.broken.iter().map(|broken| broken.sentence(objects)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let inversions: Vec<Value> = found
        .inversions
        .iter()
        .map(|one| {
            json!({
                "waiter": who(one.waiter),
                "giver": who(one.giver),
                "between": one.between.iter().map(|(of, _)| who(*of)).collect::<Vec<_>>(),
                "seen_by": if one.is_of_blocking() { "blocking edges" } else { "full relation graph" },
                "says": one.sentence(objects),
            })
        })
        .collect();
    json!({
        "scenario": objects.system().name,
        "kernel": objects.profile().name,
        "relations": ties,
        "circles": circles,
        "circles_complete": found.circles.complete,
        "no_circle_closes": found.circles.none_closes(),
        "chains": chains,
        "feedback": found.chains.feedback.iter().map(|among| among.iter().map(|of| who(*of)).collect::<Vec<_>>()).collect::<Vec<_>>(),
        "changes": changes,
        "inversions": inversions,
    })
}

fn passes(objects: &Objects, by: By) -> String {
    match by {
        By::Message(buffer) => format!("`{}`", objects.system().buffers[buffer.index()].name),
        By::Creation => "creation".into(),
        By::End => "end".into(),
    }
}

fn print(objects: &Objects, found: &Found) {
    let system = objects.system();
    line(format_args!("{}   {}", system.name, system.about));
    let ties: Vec<_> = found.graph.ties().collect();
    let count = |kind: Kind| ties.iter().filter(|(_, tie, _)| tie.kind() == kind).count();
    let counts: Vec<String> = Kind::ALL.iter().map(|kind| format!("{} {}", count(*kind), kind.name())).collect();
    line(format_args!(
        "under {}; read off the declarations, nothing is explored: what is not here cannot happen, what is here may\n",
        objects.profile().name
    ));
    line(format_args!("RELATIONS ({})", counts.join(", ")));
    for (from, tie, to) in &ties {
        let (from, kind, to) = (name(objects, *from), tie.kind().name(), name(objects, *to));
        line(format_args!("  {kind:<11} {from} {} {to}", tie.words()));
    }
    circles_of(objects, &found.circles);
    chains_of(objects, &found.chains);
    if !found.changes.is_empty() {
        line(format_args!("\nCHANGES OF MODE"));
    }
    for change in &found.changes {
        let names = |of: &[Declared]| match of {
            [] => "nobody".into(),
            of => of.iter().map(|of| objects.declared_name(*of)).collect::<Vec<_>>().join(", "),
        };
        let (from, to) = (&system.modes[change.from.index()].name, &system.modes[change.to.index()].name);
        line(format_args!("  {from} to {to}: {} gone, {} come", names(&change.gone), names(&change.come)));
        change.broken.iter().for_each(|broken| line(format_args!("    {}", broken.sentence(objects))));
    }
    if !found.inversions.is_empty() {
        line(format_args!("\nSOMEBODY IN BETWEEN, what a scheduler gains that sees the relation"));
    }
    found.inversions.iter().for_each(|one| line(format_args!("  {}", one.sentence(objects))));
}

fn circles_of(objects: &Objects, found: &Circles) {
    if found.circles.is_empty() && found.complete {
        line(format_args!("\nCIRCLES: nobody can come to wait in a circle"));
        return;
    }
    let open = found.circles.iter().filter(|circle| circle.broken.is_none()).count();
    let cut = if found.complete { "" } else { ", and more that are not listed" };
    line(format_args!("\nCIRCLES ({}{cut}; of {open} it is not known that they never close)", found.circles.len()));
    for circle in &found.circles {
        line(format_args!("  {}", circle.sentence(objects)));
        let says = circle.broken.as_ref().map_or_else(
            || format!("may close: `lacuna check {} --guarantee G21` decides", objects.system().name),
            |broken| broken.sentence(objects),
        );
        line(format_args!("    {says}"));
    }
}

fn chains_of(objects: &Objects, found: &Chains) {
    let who = |of: Declared| objects.declared_name(of);
    if !found.chains.is_empty() {
        line(format_args!("\nCHAINS from a release to the last that goes on because of it, the critical path first"));
    }
    for chain in &found.chains {
        let links: Vec<String> = chain
            .links
            .iter()
            .map(|link| {
                let then = link.then.map_or(String::new(), |by| format!(" -> {}", passes(objects, by)));
                format!("{} {}{then}", who(link.of), link.computing)
            })
            .collect();
        line(format_args!("  {}", links.join(" -> ")));
        line(format_args!("    {}", against(objects, chain)));
    }
    for among in &found.feedback {
        let names: Vec<String> = among.iter().map(|of| who(*of)).collect();
        line(format_args!("  messages come round among {}: followed once", names.join(", ")));
    }
}

/// What a chain is against the deadlines on it.
fn against(objects: &Objects, chain: &Chain) -> String {
    let total = chain.total.map_or("without end".into(), |total| total.to_string());
    let who = |of: Declared| objects.declared_name(of);
    if let Some(due) = chain.late() {
        let by = Nanos(due.after.0.saturating_sub(due.deadline.0));
        return format!(
            "{total}; {} is due after {} and done after {}: {by} too late",
            who(due.of),
            due.deadline,
            due.after
        );
    }
    match chain.smallest_deadline(objects) {
        Some((of, deadline)) => {
            let done = chain.due.iter().find(|due| due.of == of);
            let done = done.map_or(String::new(), |due| format!(", whose job is done after {}", due.after));
            format!("{total}; the smallest deadline on it is {deadline}, of {}{done}", who(of))
        }
        None => total,
    }
}
