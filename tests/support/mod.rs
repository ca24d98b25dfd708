//! Running the program as a user does.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::process::{Command, Output};

/// What a run printed, and how it ended.
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}\n{}", self.out, self.err))
    }

    /// The row of a list whose `id` or `name` is this.
    pub fn row(&self, list: &str, key: &str) -> serde_json::Value {
        let json = self.json();
        let rows = json[list].as_array().unwrap_or_else(|| panic!("no list `{list}` in {json:#}"));
        let found = rows.iter().find(|row| row["id"] == key || row["name"] == key);
        found.unwrap_or_else(|| panic!("no `{key}` in {json:#}")).clone()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_lacuna")
}

pub fn lacuna(arguments: &[&str]) -> Run {
    Command::new(program()).args(arguments).output().unwrap().into()
}

/// A file of ours, gone with the value.
pub fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    (directory, path.to_str().unwrap().to_owned())
}
