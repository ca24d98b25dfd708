//! Cases for forges: what `--format junit` and `sarif` say is what the exit status says, and others can read it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};
use serde_json::Value;
use support::{Run, lacuna};

/// Read by the library that writes it for others.
fn junit(run: &Run) -> Report {
    Report::deserialize_from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
}

/// Must be SARIF for a reader with types for all of it.
fn sarif(run: &Run) -> Value {
    let _: serde_sarif::sarif::Sarif = serde_json::from_str(&run.out).unwrap();
    serde_json::from_str(&run.out).unwrap()
}

fn case<'a>(report: &'a Report, suite: &str, name: &str) -> &'a TestCase {
    let suite = report.test_suites.iter().find(|known| known.name.as_str() == suite).unwrap();
    suite.test_cases.iter().find(|case| case.name.as_str() == name).unwrap()
}

fn failed(status: &TestCaseStatus) -> bool {
    matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. })
}

fn changed(directory: &std::path::Path, name: &str, from: &str, to: &str) -> String {
    let text = &lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().source.text;
    assert!(text.contains(from));
    let path = directory.join("mine.ron");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn what_is_refuted_as_expected_passes_and_says_so() {
    let run = lacuna(&["check", "fork-bomb", "--kernel", "linux", "--format", "junit"]);
    let report = junit(&run);
    let case = case(&report, "model: fork-bomb under linux", "G6 quotas");
    assert!(matches!(case.status, TestCaseStatus::Success { .. }), "{}", run.out);
    assert!(case.system_out.as_ref().unwrap().as_str().starts_with("refuted: "), "{}", run.out);
    assert_eq!((run.code, report.failures, report.errors), (Some(0), 0, 0));
}

#[test]
fn what_is_refuted_unexpectedly_fails_with_its_story() {
    let directory = tempfile::tempdir().unwrap();
    let mine = changed(directory.path(), "fork-bomb", "Fails([G6])", "Holds");
    let run = lacuna(&["check", &mine, "--kernel", "linux", "--format", "junit"]);
    let report = junit(&run);
    assert_eq!((run.code, report.failures), (Some(1), 1), "{}", run.out);
    let TestCaseStatus::NonSuccess { kind, ty, message, description, .. } =
        &case(&report, "model: fork-bomb under linux", "G6 quotas").status
    else {
        panic!("{}", run.out)
    };
    assert_eq!((*kind, ty.as_ref().unwrap().as_str()), (NonSuccessKind::Failure, "refuted"));
    let json = lacuna(&["check", &mine, "--kernel", "linux", "--format", "json"]);
    let row = json.row("guarantees", "G6");
    assert_eq!(message.as_ref().unwrap().as_str(), row["violation"].as_str().unwrap());
    let last = row["trace"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
    assert!(description.as_ref().unwrap().as_str().trim_end().ends_with(last), "{}", run.out);

    let sarif = sarif(&lacuna(&["check", &mine, "--kernel", "linux", "--format", "sarif"]));
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    let errors: Vec<&Value> = results.iter().filter(|result| result["level"] == "error").collect();
    assert_eq!(errors.len(), 1);
    assert_eq!((&errors[0]["ruleId"], &errors[0]["kind"]), (&Value::from("G6"), &Value::from("fail")));
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
    }
}

#[test]
fn what_the_scenario_wants_refuted_and_is_not_fails() {
    let directory = tempfile::tempdir().unwrap();
    let mine = changed(directory.path(), "fork-bomb", "\"ideal\": Holds", "\"ideal\": Fails([G6])");
    let run = lacuna(&["check", &mine, "--kernel", "ideal", "--format", "junit"]);
    let report = junit(&run);
    assert_eq!((run.code, report.failures), (Some(1), 1), "{}", run.out);
    assert!(failed(&case(&report, "model: fork-bomb under ideal", "G6 quotas").status));
    assert!(run.out.contains("the scenario expects it refuted"), "{}", run.out);
}

#[test]
fn what_was_cut_off_is_an_error_and_no_failure() {
    let run = lacuna(&["check", "double-fork", "--kernel", "ideal", "--max-states", "5", "--format", "junit"]);
    let report = junit(&run);
    assert_eq!((run.code, report.failures), (Some(4), 0), "{}", run.out);
    assert!(report.errors > 0);
    let what_passed = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert_eq!(what_passed.filter(|case| matches!(case.status, TestCaseStatus::Success { .. })).count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn attacks_are_cases_and_what_is_accepted_does_not_fail() {
    let plain = lacuna(&["probe", "G8", "--format", "junit"]);
    let report = junit(&plain);
    assert_eq!(plain.code == Some(1), report.failures > 0, "{}", plain.out);
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let out: Vec<&str> = cases().filter(|case| failed(&case.status)).map(|case| case.name.as_str()).collect();
    assert!(!out.is_empty(), "locks behind passed descriptors are put back nowhere: {}", plain.out);
    let accepted = lacuna(&["probe", "G8", "--accept", &out.join(","), "--format", "junit"]);
    let again = junit(&accepted);
    assert_eq!((again.failures, again.tests), (0, report.tests), "{}", accepted.out);
    assert!(accepted.out.contains("known and accepted: "));

    let findings = sarif(&lacuna(&["probe", "G8", "--accept", &out.join(","), "--format", "sarif"]));
    let results = findings["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), report.tests);
    let suppressed = results.iter().filter(|result| result["suppressions"][0]["kind"] == "external");
    assert_eq!(suppressed.count(), out.len());
}

#[test]
fn what_has_no_cases_says_so() {
    for form in ["junit", "sarif"] {
        let run = lacuna(&["scenarios", "--format", form]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
        assert!(run.err.contains("`gap`, `check`, `run` and `probe`"), "{}", run.err);
    }
}
