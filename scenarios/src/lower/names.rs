//! Names: what is declared, and what a reference means.

use std::collections::HashMap;

use lacuna_model::system::MAX_HANDLES;

use crate::diagnostic::{Mistake, Report, nearest, quote};
use crate::schema::{Space, article, is_name_character};
use crate::tree::{Span, Word};

/// How many of a kind there may be: ids are one byte, with a few to spare.
pub use lacuna_model::system::MAX_OF_A_KIND;

/// The names of one space, in order; their places are their ids.
#[derive(Debug, Default)]
pub(crate) struct Table {
    names: Vec<Word>,
    index: HashMap<String, u8>,
    /// Some declaration was unreadable, and says nothing of what it was to be: any unknown name may be its.
    incomplete: bool,
    /// Names that unreadable declarations may have been meant to be.
    broken: Vec<String>,
}

impl Table {
    /// Declares these; too many and repeated ones are mistakes.
    pub(crate) fn declare(space: Space, words: impl IntoIterator<Item = Word>, report: &mut Report<'_>) -> Self {
        let mut table = Self::default();
        let max = if space == Space::Handle { MAX_HANDLES } else { MAX_OF_A_KIND };
        for word in words {
            if let Some(first) = table.get(&word.text) {
                let first = table.names[usize::from(first)].span.start;
                let mistake = Mistake::new(&word.span, format!("{} is declared twice, first", quote(&word.text)));
                report.push(mistake.seen_at(first).expected("every name once"));
                continue;
            }
            match u8::try_from(table.names.len()) {
                Ok(id) if table.names.len() < max => {
                    table.index.insert(word.text.clone(), id);
                    table.names.push(word);
                }
                _ => {
                    let message = format!("this {} is one too many", space.noun());
                    report.push(Mistake::new(&word.span, message).expected(format!("at most {max}")));
                    table.incomplete = true;
                    break;
                }
            }
        }
        table
    }

    /// From now on unknown names of this space are not reported.
    pub(crate) fn set_incomplete(&mut self) {
        self.incomplete = true;
    }

    /// A declaration was unreadable: from now on an unknown name is not reported if it resembles what was written there.
    /// A number or the like says nothing of the name, which may then be any.
    pub(crate) fn is_broken_at(&mut self, written: &str) {
        let quoted: Vec<&str> = written.split('"').skip(1).step_by(2).collect();
        let is_name = |word: &&str| word.starts_with(char::is_alphabetic);
        let bare = written.split(|c| !is_name_character(c)).filter(is_name);
        let words: Vec<&str> = if quoted.is_empty() { bare.collect() } else { quoted };
        // Every reference is compared with each of them.
        if words.is_empty() || self.broken.len() + words.len() > MAX_OF_A_KIND {
            self.incomplete = true;
        } else {
            let could_stand = |word: &str| word.chars().filter(|c| is_name_character(*c)).collect();
            self.broken.extend(words.into_iter().map(could_stand));
        }
    }

    /// May this be the name of a declaration that was unreadable?
    fn may_be_broken(&self, name: &str) -> bool {
        self.incomplete
            || self.broken.iter().any(|broken| broken == name)
            || nearest(name, self.broken.iter().map(String::as_str)).is_some()
    }

    pub(crate) fn get(&self, name: &str) -> Option<u8> {
        self.index.get(name).copied()
    }

    pub(crate) fn word(&self, id: u8) -> Option<&Word> {
        self.names.get(usize::from(id))
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|word| word.text.as_str())
    }

    /// The id of a name, or a mistake.
    pub(crate) fn resolve(&self, space: Space, name: &str, span: &Span, report: &mut Report<'_>) -> Option<u8> {
        let found = self.get(name);
        if found.is_none() && !report.is_full() && !self.may_be_broken(name) {
            let mistake = Mistake::new(span, format!("no {} is called {}", space.noun(), quote(name)));
            let expected = match self.names.len() {
                0 => format!("the name of {}, of which none is declared", article(space.noun())),
                1..=8 => crate::schema::list_of(self.texts()),
                _ => format!("the name of {}", article(space.noun())),
            };
            report.push(mistake.expected(expected).nearest(name, self.texts()));
        }
        found
    }
}
