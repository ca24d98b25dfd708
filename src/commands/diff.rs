//! `lacuna diff`: what changed between two documents of hosts, or of one host at two times.

use serde_json::json;

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::print::{document, line};
use crate::results::Results;

/// A row that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    id: String,
    /// What it was, if it was there.
    from: Option<String>,
    /// What it is, if it is there.
    to: Option<String>,
    /// What was seen where it is.
    evidence: Option<String>,
}

/// Compares them: 0 if all rows are the same, 1 if not.
///
/// # Errors
/// Wrong input, if one is no document of a host, or they are of two scenarios.
pub fn run(before: &str, after: &str, format: Format) -> Result<Exit, Failure> {
    let (before, after) = (Results::read(before)?, Results::read(after)?);
    if let (Some(one), Some(other)) = (&before.scenario, &after.scenario)
        && one != other
    {
        return Err(Failure::input(format!(
            "`{}` is of `{one}` and `{}` of `{other}`: under another policy nothing is comparable",
            before.file, after.file
        )));
    }
    let changes = changes(&before, &after);
    let of = |wanted: fn(&Change) -> bool| changes.iter().filter(move |change| wanted(change)).collect::<Vec<_>>();
    let appeared = of(|change| change.from.is_none());
    let vanished = of(|change| change.to.is_none());
    let changed = of(|change| change.from.is_some() && change.to.is_some());
    match format {
        Format::Json => {
            let one = |of: &Change| json!({ "id": of.id, "from": of.from, "to": of.to, "evidence": of.evidence });
            let all = |some: &[&Change]| some.iter().map(|of| one(of)).collect::<Vec<_>>();
            let side = |of: &Results| json!({ "file": of.file, "host": of.host, "scenario": of.scenario });
            document(json!({
                "before": side(&before),
                "after": side(&after),
                "appeared": all(&appeared),
                "vanished": all(&vanished),
                "changed": all(&changed),
            }));
        }
        Format::Text => {
            line(format_args!("before   {}   {}", before.host, before.file));
            line(format_args!("after    {}   {}", after.host, after.file));
            for (what, rows) in [("APPEARED", &appeared), ("VANISHED", &vanished), ("CHANGED", &changed)] {
                if !rows.is_empty() {
                    line(format_args!("\n{what} ({})", rows.len()));
                }
                for row in rows {
                    let sides = [&row.from, &row.to].into_iter().flatten();
                    line(format_args!("  {:<28}{}", row.id, sides.cloned().collect::<Vec<_>>().join(" -> ")));
                    if let Some(evidence) = &row.evidence {
                        line(format_args!("  {:<28}{evidence}", ""));
                    }
                }
            }
            if changes.is_empty() {
                line(format_args!("\nno row differs"));
            }
        }
    }
    Ok(if changes.is_empty() { Exit::AsExpected } else { Exit::NotAsExpected })
}

/// Rows that differ: the guarantees, where both have some, then the probes, each in the order of the later document, and then those
/// that vanished.
fn changes(before: &Results, after: &Results) -> Vec<Change> {
    let mut changes = Vec::new();
    if !before.guarantees.is_empty() && !after.guarantees.is_empty() {
        let told = |of: &Results, id: &str| {
            of.guarantees.get(id).map(|[measured, plan]| format!("{measured} (the model of the plan: {plan})"))
        };
        let ids: std::collections::BTreeSet<&String> =
            before.guarantees.keys().chain(after.guarantees.keys()).collect();
        changes.extend(ids.into_iter().map(|id| Change {
            id: id.clone(),
            from: told(before, id),
            to: told(after, id),
            evidence: None,
        }));
    }
    let told = |of: &Results, id: &str| of.probe(id).map(|probe| probe.outcome.name().to_owned());
    let vanished = before.probes.iter().filter(|probe| after.probe(&probe.id).is_none());
    changes.extend(after.probes.iter().chain(vanished).map(|probe| Change {
        id: probe.id.clone(),
        from: told(before, &probe.id),
        to: told(after, &probe.id),
        evidence: after.probe(&probe.id).map(|probe| probe.evidence.clone()),
    }));
    changes.retain(|change| change.from != change.to);
    changes
}
