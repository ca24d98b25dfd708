//! The library: scenarios that come with the program, one file each.

use std::sync::LazyLock;

use lacuna_model::system::System;

use crate::diagnostic::Diagnostic;
use crate::source::Source;

macro_rules! library {
    ($($name:literal,)*) => {
        [$(($name, include_str!(concat!("../library/", $name, ".ron"))),)*]
    };
}

/// A scenario of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// Its text.
    pub source: Source,
}

impl Entry {
    /// The system it says.
    ///
    /// # Errors
    /// None, as a test holds; the type is that of [`Source::parse`].
    pub fn system(&self) -> Result<System, Vec<Diagnostic>> {
        self.source.parse().map(|scenario| scenario.system)
    }
}

/// All scenarios of the library; first the one that shows most.
pub fn library() -> &'static [Entry] {
    static LIBRARY: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        library![
            "ci-job",
            "parallel-spawn",
            "double-fork",
            "fork-bomb",
            "late-kill",
            "priority-inversion",
            "server-inversion",
            "deadline-order",
            "overrun",
            "partitions",
            "mode-change",
            "group-schedule",
            "signal-kinds",
            "stray-signal",
            "pid-reuse",
            "thread-credentials",
            "residue",
            "orphaned-lock",
            "regained-rights",
            "lost-wakeup",
            "shutdown",
            "telemetry",
            "driver-failover",
            "driver-failover-late",
            "covert-storage",
            "covert-timing",
            "flush-deadline",
            "report-up",
            "supervision-tree",
            "audio-pipeline",
            "sddf-echo",
            "minimal",
        ]
        .into_iter()
        .map(|(name, text)| Entry { name, source: Source::new(format!("{name}.ron"), text) })
        .collect()
    });
    &LIBRARY
}
