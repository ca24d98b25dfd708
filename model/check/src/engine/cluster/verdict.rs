//! How a search ended, as words; and of several ends the one that counts.

use std::sync::Mutex;

use super::message::{read_text, text};
use crate::engine::search::End;
use crate::engine::system::Unrepresentable;
use crate::engine::words::Words;

/// Writes an end.
pub(super) fn put_end(words: &mut Vec<u64>, end: End) {
    let why = match end {
        End::Unrepresentable(Unrepresentable(why)) => text(why),
        _ => Vec::new(),
    };
    words.extend([rank(end), why.len() as u64]);
    words.extend(why);
}

/// Reads an end.
pub(super) fn read_end(words: &mut Words<'_>) -> Option<End> {
    let rank = words.word()?;
    let why = (0..words.count(1)?).map(|_| words.word()).collect::<Option<Vec<u64>>>()?;
    match rank {
        0 => Some(End::Complete),
        1 => Some(End::Interrupted),
        2 => Some(End::MaxStates),
        3 => Some(End::MaxMemory),
        4 => Some(End::Unrepresentable(Unrepresentable(kept(read_text(&why))))),
        _ => None,
    }
}

fn rank(end: End) -> u64 {
    match end {
        End::Complete => 0,
        End::Interrupted => 1,
        End::MaxStates => 2,
        End::MaxMemory => 3,
        End::Unrepresentable(_) => 4,
    }
}

/// The one that says more; of two alike the one whose text comes first, so that all agree.
pub(super) fn worst(one: Option<End>, other: Option<End>) -> Option<End> {
    let key = |end: &End| {
        let text = if let End::Unrepresentable(Unrepresentable(text)) = *end { text } else { "" };
        (rank(*end), std::cmp::Reverse(text))
    };
    one.into_iter().chain(other).max_by_key(key)
}

/// A text of another process that lives as long as this one; few are different, and each is kept once.
fn kept(text: String) -> &'static str {
    static KEPT: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let Ok(mut kept) = KEPT.lock() else { return "a text was lost" };
    if let Some(known) = kept.iter().find(|known| **known == text) {
        return known;
    }
    let text: &'static str = text.leak();
    kept.push(text);
    text
}
