//! Two runs side by side: a row a step, what only one of them does in its own column.

use lacuna_model::trace::TwoRuns;

use crate::print::line;

/// Width of a column.
const WIDTH: usize = 56;

/// Words in lines of at most so many characters, but for a word that is longer.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|last| last.chars().count() + 1 + word.chars().count() <= WIDTH) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Prints them.
pub fn side_by_side(runs: &TwoRuns, indent: &str) {
    let row = |number: &str, left: &str, right: &str| {
        let (left, right) = (wrapped(left), wrapped(right));
        for at in 0..left.len().max(right.len()).max(1) {
            let (left, right) = (left.get(at).map_or("", String::as_str), right.get(at).map_or("", String::as_str));
            let number = if at == 0 { number } else { "" };
            line(format_args!("{}", format!("{indent}{number:>3} {left:<WIDTH$}  {right}").trim_end()));
        }
    };
    row("", "one run", "the other");
    for (number, [left, right]) in (1..).zip(&runs.steps) {
        let text =
            |event: &Option<lacuna_model::trace::Event>| event.as_ref().map_or("-".into(), |event| event.text.clone());
        row(&format!("{number}."), &text(left), &text(right));
    }
    let [left, right] = &runs.sees;
    if left != right {
        let sees =
            |what: &String| if what.is_empty() { "-".to_owned() } else { format!("`{}` sees {what}", runs.observer) };
        row("", &sees(left), &sees(right));
    }
}
