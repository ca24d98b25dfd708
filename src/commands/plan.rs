//! `lacuna plan`: the steps that would be taken on this host; nothing is run.

use lacuna_hosted::{Plan, SetUp};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::host;
use crate::load::load;
use crate::print::{document, line};

/// Runs it.
///
/// # Errors
/// If the scenario is wrong, or this host has no plan for it.
pub fn run(scenario: &str, set_up: Option<SetUp>, format: Format) -> Result<Exit, Failure> {
    let loaded = load(scenario)?;
    let system = &loaded.scenario.system;
    if host::confined(system).is_none() {
        return Err(Failure::input(format!("`{}` confines nothing: no process has a job group", system.name)));
    }
    let facts = host::facts()?;
    let set_up = host::set_up(set_up, &facts);
    // Nothing is bound, for nothing is run; each directory that the policy grants counts as bound to one of its own.
    let bound: Vec<_> = system.objects.iter().map(|object| (object.name.clone(), std::env::temp_dir())).collect();
    let plan = host::plan(set_up, &host::policy(system, &bound), &facts)?;
    match format {
        Format::Json => document(json!({
            "scenario": system.name,
            "host": facts,
            "setup": set_up,
            "steps": plan.steps(),
            "judge": plan.judge(),
            "unmet": plan.unmet(),
            "effective": plan.effective(),
        })),
        Format::Text => {
            line(format_args!("{}   {}", system.name, system.about));
            line(format_args!("host     {}", host::describe(&facts)));
            print(&plan);
        }
    }
    Ok(Exit::AsExpected)
}

fn print(plan: &Plan) {
    line(format_args!("plan     {}", summary(plan)));
    for (number, step) in (1..).zip(plan.steps()) {
        let serves: Vec<&str> = step.guarantees.iter().map(|id| id.name()).collect();
        line(format_args!("\n{number:>3}. {:<20}{:<10}{}", step.primitive.name(), serves.join(" "), step.about));
        for assumption in step.assumptions {
            line(format_args!("     assumes {assumption}"));
        }
    }
    if !plan.judge().is_empty() {
        let judge: Vec<&str> = plan.judge().iter().map(|id| id.name()).collect();
        line(format_args!("\nfor the judge alone: {}", judge.join(", ")));
    }
    if !plan.unmet().is_empty() {
        line(format_args!("\nUNMET ({})", plan.unmet().len()));
        for unmet in plan.unmet() {
            line(format_args!("  {:<4}{:<12}{}; {}", unmet.guarantee, unmet.part, unmet.why, unmet.remedy));
        }
    }
    line(format_args!("\neffective profile"));
    if let Value::Object(axes) = json!(plan.effective()) {
        for (axis, choice) in axes.iter().filter(|(axis, _)| *axis != "name") {
            line(format_args!("  {:<16}{}", axis.replace('_', " "), choice.as_str().unwrap_or_default()));
        }
    }
}

/// `tight, 21 steps, 1 unmet`.
pub fn summary(plan: &Plan) -> String {
    let set_up = json!(plan.set_up());
    format!("{}, {} steps, {} unmet", set_up.as_str().unwrap_or_default(), plan.steps().len(), plan.unmet().len())
}
