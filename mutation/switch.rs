//! Which mutant is active, by the variable `MUTANT`; and, by `MUTANT_COVER`, a file that is told of each that is reached.
#![allow(missing_docs, clippy::all)]
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ACTIVE: LazyLock<u32> =
    LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(u32::MAX));
static COVER: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MUTANT_COVER").ok());
static REACHED: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];

#[inline]
pub fn m(number: u32) -> bool {
    if let Some(file) = &*COVER
        && !REACHED[number as usize].swap(true, Ordering::Relaxed)
    {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{number}").unwrap();
    }
    *ACTIVE == number
}
