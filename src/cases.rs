//! Evidence as a list of cases, for what a forge reads: `JUnit` XML for its page of tests, SARIF for its page of findings.
//!
//! A case is one question with one answer: an attack on this host, or a guarantee of the model under one kernel. What has failed
//! is what makes the exit status 1; what is undecided makes it 4. What could not be asked here is *skipped*, never *passed*.

use lacuna_hosted::probe::Row;
use lacuna_model::evidence::{HostOutcome, ModelVerdict};
use lacuna_model::guarantee::GuaranteeId;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use crate::accepted::Accepted;
use crate::exit::{Exit, Failure};
use crate::print;

/// How cases are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// The XML that testing tools agree on (the schema of Jenkins' plugin for `JUnit`).
    Junit,
    /// SARIF 2.1.0, of OASIS.
    Sarif,
}

/// What a case came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// As it should be.
    Passed,
    /// Not so.
    Failed,
    /// Not so, and known and accepted by name.
    Accepted,
    /// It could not be asked here, or had nothing to say.
    Skipped,
    /// It was asked, and nobody knows.
    Undecided,
}

impl Answer {
    /// Of what a host did, where nothing is accepted.
    pub fn of(outcome: HostOutcome) -> Self {
        match outcome {
            HostOutcome::Enforced => Self::Passed,
            HostOutcome::Inconclusive => Self::Undecided,
            outcome if outcome.got_out() => Self::Failed,
            _ => Self::Skipped,
        }
    }
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it is about; cases with the same are listed together.
    pub suite: String,
    /// Its name, the same in every run.
    pub name: String,
    /// The guarantee that it asks.
    pub guarantee: GuaranteeId,
    /// What it came to.
    pub answer: Answer,
    /// The same in a word.
    pub outcome: &'static str,
    /// And in a sentence.
    pub message: String,
    /// What else a reader wants: the control, a line that does it again, a fix, the story.
    pub detail: String,
}

impl Case {
    /// Of an attack on this host.
    pub fn of_probe(row: &Row, accepted: &Accepted) -> Self {
        let answer = match Answer::of(row.outcome) {
            Answer::Failed if !accepted.fails(row) => Answer::Accepted,
            answer => answer,
        };
        let fix = row.fix.map_or(String::new(), |fix| format!("\nfix: {fix}"));
        Self {
            suite: format!("host: {} {}", row.guarantee, row.guarantee.short()),
            name: row.id.into(),
            guarantee: row.guarantee,
            answer,
            outcome: row.outcome.name(),
            message: row.evidence.clone(),
            detail: format!("control: {}\nagain: {}{fix}", row.control, row.again),
        }
    }

    /// Of what a search says of a guarantee under a kernel, and how that compares with what the scenario expects.
    pub fn of_model(scenario: &str, kernel: &str, id: GuaranteeId, verdict: &ModelVerdict, expected: Exit) -> Self {
        let answer = match (verdict, expected) {
            (_, Exit::Unknown | Exit::Interrupted) => Answer::Undecided,
            (_, Exit::NotAsExpected) => Answer::Failed,
            (ModelVerdict::Vacuous | ModelVerdict::Assumed { .. }, _) => Answer::Skipped,
            _ => Answer::Passed,
        };
        let (message, detail) = match verdict {
            ModelVerdict::Refuted { violation, trace, .. } => {
                let story = (1..).zip(&trace.events).map(|(number, event)| format!("{number}. {}", event.text));
                (violation.clone(), story.collect::<Vec<_>>().join("\n"))
            }
            ModelVerdict::Unknown { limit } => (limit.clone(), String::new()),
            ModelVerdict::Vacuous => ("nothing that it speaks of ever happens".into(), String::new()),
            ModelVerdict::Assumed { .. } => ("assumed, and measured on hosts".into(), String::new()),
            ModelVerdict::ProvedToDepth { depth } => {
                (format!("holds with at most {depth} steps of the adversary"), String::new())
            }
            ModelVerdict::ProvedToTable { entries, .. } => {
                (format!("holds with a process table of {entries} entries, which was full"), String::new())
            }
            ModelVerdict::Proved => ("holds in every interleaving".into(), String::new()),
        };
        let unexpected = answer == Answer::Failed && !matches!(verdict, ModelVerdict::Refuted { .. });
        Self {
            suite: format!("model: {scenario} under {kernel}"),
            name: format!("{id} {}", id.short()),
            guarantee: id,
            answer,
            outcome: verdict.name(),
            message: if unexpected { format!("the scenario expects it refuted: {message}") } else { message },
            detail,
        }
    }
}

/// Prints them.
///
/// # Errors
/// If a document cannot be made of them.
pub fn print(notation: Notation, scenario: &str, cases: &[Case]) -> Result<(), Failure> {
    match notation {
        Notation::Junit => print::line(format_args!("{}", junit(cases)?.trim_end())),
        Notation::Sarif => print::line(format_args!("{:#}", sarif(scenario, cases))),
    }
    Ok(())
}

fn junit(cases: &[Case]) -> Result<String, Failure> {
    let mut report = Report::new("lacuna");
    let mut suites: Vec<TestSuite> = Vec::new();
    for case in cases {
        let Case { suite, name, answer, outcome, message, detail, .. } = case;
        let not = |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(*outcome).set_message(message.as_str()).set_description(detail.as_str());
            status
        };
        let skipped = |why: String| {
            let mut status = TestCaseStatus::skipped();
            status.set_type(*outcome).set_message(why).set_description(detail.as_str());
            status
        };
        let status = match answer {
            Answer::Passed => TestCaseStatus::success(),
            Answer::Failed => not(NonSuccessKind::Failure),
            Answer::Undecided => not(NonSuccessKind::Error),
            Answer::Accepted => skipped(format!("known and accepted: {message}")),
            Answer::Skipped => skipped(message.clone()),
        };
        let mut test = TestCase::new(name.as_str(), status);
        test.set_classname(suite.as_str());
        if *answer == Answer::Passed {
            test.set_system_out(format!("{outcome}: {message}\n{detail}"));
        }
        let at = suites.iter().position(|known| known.name.as_str() == suite).unwrap_or_else(|| {
            suites.push(TestSuite::new(suite.as_str()));
            suites.len() - 1
        });
        suites[at].add_test_case(test);
    }
    report.add_test_suites(suites);
    report.to_string().map_err(Failure::host)
}

/// A rule is a guarantee; a result is a case of it. Of a passed one the kind says so, and its level is none (sections 3.27.9 and 3.27.10).
fn sarif(scenario: &str, cases: &[Case]) -> Value {
    let mut ids: Vec<GuaranteeId> = cases.iter().map(|case| case.guarantee).collect();
    ids.sort_unstable();
    ids.dedup();
    let rules: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "id": id.name(),
                "name": id.short(),
                "shortDescription": { "text": id.short() },
                "fullDescription": { "text": id.statement() },
            })
        })
        .collect();
    let results: Vec<Value> = cases
        .iter()
        .map(|case| {
            let (kind, level) = match case.answer {
                Answer::Passed => ("pass", "none"),
                Answer::Failed | Answer::Accepted => ("fail", "error"),
                Answer::Skipped => ("notApplicable", "none"),
                Answer::Undecided => ("open", "none"),
            };
            let text = match case.detail.as_str() {
                "" => format!("{}: {}: {}", case.name, case.outcome, case.message),
                detail => format!("{}: {}: {}\n{detail}", case.name, case.outcome, case.message),
            };
            let mut result = json!({
                "ruleId": case.guarantee.name(),
                "ruleIndex": ids.binary_search(&case.guarantee).ok(),
                "kind": kind,
                "level": level,
                "message": { "text": text },
                // Forges show a finding at a place, and know it again by its fingerprint: the place is the scenario.
                "locations": [{
                    "physicalLocation": { "artifactLocation": { "uri": uri(scenario) }, "region": { "startLine": 1 } },
                    "logicalLocations": [{ "fullyQualifiedName": format!("{}::{}", case.suite, case.name) }],
                }],
                "partialFingerprints": { "case/v1": format!("{}::{}", case.suite, case.name) },
            });
            if case.answer == Answer::Accepted {
                result["suppressions"] = json!([{ "kind": "external", "justification": "accepted by name" }]);
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "lacuna", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}

/// A scenario of the library has no file of its own where it is used.
fn uri(scenario: &str) -> String {
    let is_file = scenario.contains(std::path::is_separator) || scenario.contains('.');
    if !is_file {
        return format!("{scenario}.ron");
    }
    // Of RFC 3986, what a path may hold as it is.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let each =
        scenario.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    each.collect()
}
