//! `lacuna explain`: what a name means: a guarantee, a profile, an axis, a check of the kernel's, or a word of a scenario.

mod guarantee;

use std::sync::atomic::AtomicBool;

use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::Precondition;
use lacuna_model::profile::{Axis, Named, Profile};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::print::{document, line};

/// Runs it; without a topic, lists them.
///
/// # Errors
/// If nothing has that name.
pub fn run(topic: Option<&str>, interrupt: &AtomicBool, format: Format) -> Result<Exit, Failure> {
    let Some(topic) = topic else {
        topics(format);
        return Ok(Exit::AsExpected);
    };
    if let Ok(id) = topic.parse::<GuaranteeId>() {
        return guarantee::run(id, interrupt, format);
    }
    if let Some(named) = Profile::NAMED.iter().find(|named| named.name == topic) {
        profile(named, format);
    } else if let Some(found) = Axis::ALL.iter().find(|axis| axis.name == topic) {
        axis(found, format);
    } else if let Some(check) = Precondition::ALL.iter().find(|check| check.name() == topic) {
        precondition(*check, format);
    } else if let Some(text) = lacuna_scenarios::describe(topic) {
        match format {
            Format::Json => {
                document(json!({ "topic": topic, "kind": "word", "says": text.lines().collect::<Vec<_>>() }))
            }
            Format::Text => line(format_args!("{text}")),
        }
    } else {
        return Err(unknown(topic));
    }
    Ok(Exit::AsExpected)
}

/// Everything that can be explained, by what it is.
fn known() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("guarantees", GuaranteeId::ALL.iter().map(|id| id.name()).collect()),
        ("profiles", Profile::NAMED.iter().map(|named| named.name).collect()),
        ("axes", Axis::ALL.iter().map(|axis| axis.name).collect()),
        ("checks of the kernel's", Precondition::ALL.iter().map(|check| check.name()).collect()),
        ("words of a scenario", lacuna_scenarios::words()),
    ]
}

fn topics(format: Format) {
    match format {
        Format::Json => {
            let kinds = known().into_iter().map(|(kind, names)| (kind.to_owned(), json!(names)));
            document(Value::Object(kinds.collect()));
        }
        Format::Text => {
            for (kind, names) in known() {
                line(format_args!("{kind}: {}", names.join(", ")));
            }
        }
    }
}

fn unknown(topic: &str) -> Failure {
    let names = known().into_iter().flat_map(|(_, names)| names);
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &topic.to_lowercase());
    let hint = match names.map(|name| (distance(name), name)).min() {
        Some((distance, name)) if distance <= 2 => format!("did you mean `{name}`?"),
        _ => "`lacuna explain` lists what there is".into(),
    };
    Failure::input(format!("nothing is called `{topic}`: {hint}"))
}

fn profile(named: &Named, format: Format) {
    let profile = named.profile();
    let rows =
        profile.choices().into_iter().zip(named.sources).map(|((axis, choice), (_, source))| (axis, choice, *source));
    match format {
        Format::Json => {
            let choices: Vec<Value> = rows
                .map(|(axis, choice, source)| json!({ "axis": axis, "choice": choice, "source": source }))
                .collect();
            document(json!({ "topic": named.name, "kind": "profile", "about": named.about, "choices": choices }));
        }
        Format::Text => {
            line(format_args!("{}   {}", named.name, named.about));
            for (axis, choice, source) in rows {
                line(format_args!("  {axis:<18}{choice:<24}{source}"));
            }
        }
    }
}

fn axis(axis: &Axis, format: Format) {
    let variants = axis.with_each_choice(&Profile::ideal());
    let choices: Vec<&str> = variants.iter().map(|one| axis.choice_of(one)).collect();
    let made_by = |choice: &str| -> Vec<&str> {
        let named = Profile::NAMED.iter().filter(|named| axis.choice_of(&named.profile()) == choice);
        named.map(|named| named.name).collect()
    };
    match format {
        Format::Json => {
            let rows: Vec<Value> =
                choices.iter().map(|choice| json!({ "choice": choice, "profiles": made_by(choice) })).collect();
            let below: Vec<Value> =
                axis.below().iter().map(|(weak, strong)| json!({ "weaker": weak, "stronger": strong })).collect();
            document(json!({ "topic": axis.name, "kind": "axis", "choices": rows, "below": below }));
        }
        Format::Text => {
            line(format_args!("{}: what a kernel chooses one of", axis.name));
            for choice in choices {
                let profiles = made_by(choice).join(", ");
                line(format_args!(
                    "  {choice:<24}{}",
                    if profiles.is_empty() { "no named profile" } else { &profiles }
                ));
            }
            for (weak, strong) in axis.below() {
                line(format_args!("  {weak} < {strong}: what is safe under the first is safe under the second"));
            }
            if axis.below().is_empty() {
                line(format_args!("  nothing is claimed of one choice against another"));
            }
        }
    }
}

fn precondition(check: Precondition, format: Format) {
    match format {
        Format::Json => {
            document(json!({ "topic": check.name(), "kind": "check", "says": check.statement() }));
        }
        Format::Text => line(format_args!("{}, a check of the kernel's: {}", check.name(), check.statement())),
    }
}
