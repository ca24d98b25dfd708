//! What a host answered some other time: a document that `gap`, `run` or `probe` printed there with `--format json`.
//!
//! It was carried here, so it is input like any other: bounded, and refused with what is wrong with it. Of keys that are not known
//! nothing is asked; what a later version means by those that are is not guessed.

use std::collections::BTreeMap;
use std::io::Read;

use lacuna_model::evidence::HostOutcome;
use serde_json::Value;

use crate::exit::Failure;
use crate::print::VERSION;

/// The largest document that is read: some hundred times what `gap` prints.
const MAX_BYTES: u64 = 64 << 20;

/// Every outcome.
const OUTCOMES: [HostOutcome; 7] = [
    HostOutcome::Enforced,
    HostOutcome::Partial,
    HostOutcome::AcceptedNotEnforced,
    HostOutcome::NotEnforced,
    HostOutcome::SurfaceAbsent,
    HostOutcome::Inconclusive,
    HostOutcome::NotTestableHere,
];

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The file that it was read from.
    pub file: String,
    /// The host, in a line.
    pub host: String,
    /// Whose policy was attacked, if it says.
    pub scenario: Option<String>,
    /// Of each guarantee what was measured and what the model of the plan says; none from `run` and `probe`.
    pub guarantees: BTreeMap<String, [String; 2]>,
    /// What each probe came to, in its order.
    pub probes: Vec<Probed>,
}

/// What a probe came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Its name; one that this version does not know is as good.
    pub id: String,
    /// Which guarantee it attacks.
    pub guarantee: String,
    /// The outcome.
    pub outcome: HostOutcome,
    /// What was seen.
    pub evidence: String,
}

impl Results {
    /// Reads a document.
    ///
    /// # Errors
    /// Wrong input, if it cannot be read, or is none of ours, or of another version.
    pub fn read(file: &str) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::input(format!("cannot use `{file}`: {why}"));
        let mut text = String::new();
        let read = std::fs::File::open(file).and_then(|opened| {
            if !opened.metadata()?.is_file() {
                return Err(std::io::Error::other("it is no regular file"));
            }
            opened.take(MAX_BYTES + 1).read_to_string(&mut text)
        });
        read.map_err(|error| wrong(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(wrong(format!("it has more than {MAX_BYTES} bytes")));
        }
        Self::parse(file, &text).map_err(wrong)
    }

    fn parse(file: &str, text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let ours = "expected what `lacuna gap`, `run` or `probe` prints with `--format json`";
        let version = document.get("version").ok_or_else(|| format!("it has no `version`: {ours}"))?;
        if version.as_u64() != Some(VERSION.into()) {
            return Err(format!("it is of version {version}, and this program reads version {VERSION}"));
        }
        let list = |key: &str| document.get(key).and_then(Value::as_array);
        let (Some(host), Some(rows)) = (document.get("host"), list("rows")) else {
            return Err(format!("it has no `host` and `rows`: {ours}"));
        };
        // Only `gap` has both: its rows are guarantees.
        let (guarantees, probes) = match list("probes") {
            Some(probes) => (rows.as_slice(), probes.as_slice()),
            None => (&[][..], rows.as_slice()),
        };
        let probes = probes.iter().map(probed).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<&str> = probes.iter().map(|probe| probe.id.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("it has two rows `{}`", twice[0]));
        }
        let guarantees =
            guarantees.iter().map(|row| Ok((field(row, "id")?, [field(row, "measured")?, field(row, "plan")?])));
        Ok(Self {
            file: file.into(),
            host: describe(host)?,
            scenario: document.get("scenario").and_then(Value::as_str).map(Into::into),
            guarantees: guarantees.collect::<Result<_, String>>()?,
            probes,
        })
    }

    /// The probe of this name.
    pub fn probe(&self, id: &str) -> Option<&Probed> {
        self.probes.iter().find(|probe| probe.id == id)
    }
}

fn field(row: &Value, key: &str) -> Result<String, String> {
    let text = row.get(key).and_then(Value::as_str);
    text.map(Into::into).ok_or_else(|| format!("a row has no text `{key}`: {row}"))
}

fn probed(row: &Value) -> Result<Probed, String> {
    let (id, outcome) = (field(row, "id")?, field(row, "outcome")?);
    let known = OUTCOMES.into_iter().find(|known| known.name() == outcome);
    let outcome = known.ok_or_else(|| format!("`{id}` has the outcome `{outcome}`, which is none"))?;
    Ok(Probed { id, guarantee: field(row, "guarantee")?, outcome, evidence: field(row, "evidence")? })
}

/// `Linux 6.12.1 x86_64, uid 0; Landlock 6`.
fn describe(host: &Value) -> Result<String, String> {
    let text = |key| host.get(key).and_then(Value::as_str);
    let number = |key| host.get(key).and_then(Value::as_u64);
    match (text("os"), text("release"), text("arch"), number("uid"), number("landlock_abi")) {
        (Some(os), Some(release), Some(arch), Some(uid), Some(landlock)) => {
            Ok(format!("{os} {release} {arch}, uid {uid}; Landlock {landlock}"))
        }
        _ => Err(format!("its `host` is none of ours: {host}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn host() -> Value {
        json!({ "os": "linux", "release": "6.1", "arch": "x86_64", "uid": 0, "landlock_abi": 2 })
    }

    fn row(id: &str, outcome: &str) -> Value {
        json!({ "id": id, "guarantee": "G7", "outcome": outcome, "evidence": "0/3" })
    }

    fn says(document: &Value) -> String {
        Results::parse("a.json", &document.to_string()).unwrap_err()
    }

    #[test]
    fn a_document_of_either_kind() {
        let probe = json!({ "version": 1, "host": host(), "rows": [row("G7.a", "enforced")], "more": true });
        let read = Results::parse("a.json", &probe.to_string()).unwrap();
        assert_eq!((read.host.as_str(), read.scenario.as_deref()), ("linux 6.1 x86_64, uid 0; Landlock 2", None));
        assert_eq!(read.probe("G7.a").map(|probe| probe.outcome), Some(HostOutcome::Enforced));
        assert!(read.guarantees.is_empty());
        let rows = json!([{ "id": "G7", "measured": "partial", "plan": "proved" }]);
        let gap =
            json!({ "version": 1, "scenario": "s", "host": host(), "rows": rows, "probes": [row("G7.b", "partial")] });
        let read = Results::parse("a.json", &gap.to_string()).unwrap();
        assert_eq!(read.guarantees["G7"], ["partial".to_owned(), "proved".to_owned()]);
        assert_eq!((read.probes.len(), read.scenario.as_deref()), (1, Some("s")));
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        let whole = json!({ "version": 1, "host": host(), "rows": [row("G7.a", "enforced")] });
        let with = |key: &str, value: Value| {
            let mut document = whole.clone();
            document[key] = value;
            document
        };
        assert!(Results::parse("a.json", "{").unwrap_err().starts_with("it is no JSON: "));
        assert!(says(&json!([])).starts_with("it has no `version`"));
        assert_eq!(says(&with("version", json!(2))), "it is of version 2, and this program reads version 1");
        assert!(says(&with("rows", json!(3))).starts_with("it has no `host` and `rows`"));
        assert!(says(&with("host", json!({}))).starts_with("its `host` is none of ours"));
        assert!(says(&with("rows", json!([row("G7.a", "fine")]))).contains("`fine`, which is none"));
        assert!(says(&with("rows", json!([{ "id": 7 }]))).starts_with("a row has no text `id`"));
        assert_eq!(says(&with("rows", json!([row("a", "partial"), row("a", "partial")]))), "it has two rows `a`");
    }
}
