//! Reads a task set from CSV with a header, into the tree of a scenario with `tasks`. The scenario is named after the
//! file. Columns may be in any order; an empty cell is a missing one; lines that begin with `#` are comments.
//!
//! Source: RFC 4180.

use super::Cursor;
use crate::diagnostic::{Mistake, Report, quote};
use crate::schema::{MAX_NAME, TASK_SET, is_name_character, list_of};
use crate::tree::{Node, Span, Value, Word};

/// The tree of a text, if there is a row to make it of. Mistakes of the table are reported, and what they are about is
/// left out.
pub(crate) fn read(name: &str, text: &str, report: &mut Report<'_>) -> Result<Option<Node>, Mistake> {
    let mut cursor = Cursor::new(text);
    let columns = || TASK_SET.fields.iter().map(|field| field.name);
    let header = match row(&mut cursor)? {
        Some(header) => header,
        None => {
            let end = text.len()..text.len();
            return Err(
                Mistake::new(&end, "the table is empty").expected(format!("a header of {}", list_of(columns())))
            );
        }
    };
    for (index, cell) in header.iter().enumerate() {
        if report.is_full() {
            break;
        }
        if !columns().any(|known| known == cell.text) {
            let mistake = Mistake::new(&cell.span, format!("no column is called {}", quote(&cell.text)));
            report.push(mistake.expected(list_of(columns())).nearest(&cell.text, columns()));
        } else if let Some(first) = header[..index].iter().find(|other| other.text == cell.text) {
            let mistake = Mistake::new(&cell.span, format!("the column {} is here twice, first", quote(&cell.text)));
            report.push(mistake.seen_at(first.span.start).expected("every column once"));
        }
    }
    let mut complete = true;
    for needed in ["wcet", "period"] {
        if !header.iter().any(|cell| cell.text == needed) {
            let line = header.first().map_or(0, |cell| cell.span.start);
            let mistake = Mistake::new(&(line..line), format!("there is no column `{needed}`"));
            report.push(mistake.expected("at least `wcet` and `period`"));
            complete = false;
        }
    }
    let mut tasks = Vec::new();
    while let Some(cells) = row(&mut cursor)? {
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        let span = first.span.start..last.span.end;
        if cells.len() != header.len() {
            let place = cells.get(header.len()).unwrap_or(last).span.clone();
            let message = format!("this row has {} cells", cells.len());
            report.push(Mistake::new(&place, message).expected(format!("{}, as the header", header.len())));
        } else if complete {
            tasks.push(task(&header, cells, span));
        }
    }
    if tasks.is_empty() {
        if report.has_errors() {
            return Ok(None);
        }
        let end = text.len()..text.len();
        return Err(Mistake::new(&end, "the table has no rows").expected("one for each task"));
    }
    let field =
        |name: &str, span: Span, value| (Word { span: span.clone(), text: name.to_owned() }, Node { span, value });
    let about = format!("A task set of {}.", tasks.len());
    let fields = vec![
        field("name", 0..0, Value::Text(scenario_name(name))),
        field("about", 0..0, Value::Text(about)),
        field("tasks", 0..text.len(), Value::List(tasks)),
    ];
    Ok(Some(Node { span: 0..text.len(), value: Value::Record { tag: None, fields } }))
}

/// The name of a scenario from that of its file: without folders and extension, and with `-` for what no name holds.
fn scenario_name(file: &str) -> String {
    let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let name: String = stem.chars().map(|c| if is_name_character(c) { c } else { '-' }).take(MAX_NAME).collect();
    if name.is_empty() { "tasks".into() } else { name }
}

fn task(header: &[Word], cells: Vec<Word>, span: Span) -> Node {
    let mut fields: Vec<(Word, Node)> = Vec::new();
    for (column, cell) in header.iter().zip(cells) {
        let known = TASK_SET.fields.iter().any(|field| field.name == column.text);
        let repeated = fields.iter().any(|(name, _)| name.text == column.text);
        if known && !repeated && !cell.text.is_empty() {
            let name = Word { span: cell.span.clone(), text: column.text.clone() };
            fields.push((name, Node { span: cell.span, value: Value::Text(cell.text) }));
        }
    }
    Node { span, value: Value::Record { tag: None, fields } }
}

/// The cells of the next row that is not blank, each without the blanks around it.
fn row(cursor: &mut Cursor<'_>) -> Result<Option<Vec<Word>>, Mistake> {
    loop {
        cursor.eat_while(char::is_whitespace);
        match cursor.peek() {
            None => return Ok(None),
            Some('#') => _ = cursor.eat_while(|c| c != '\n'),
            Some(_) => break,
        }
    }
    let mut cells = Vec::new();
    loop {
        cells.push(cell(cursor)?);
        if !cursor.eat(",") {
            return Ok(Some(cells));
        }
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n' && c != '\r'
}

/// The next cell; the cursor is left at a comma, a line's end or the text's.
fn cell(cursor: &mut Cursor<'_>) -> Result<Word, Mistake> {
    cursor.eat_while(is_blank);
    let start = cursor.at;
    if !cursor.eat("\"") {
        let text = cursor.eat_while(|c| !matches!(c, ',' | '\n' | '\r')).trim_end().to_owned();
        return Ok(Word { span: start..start + text.len(), text });
    }
    let mut text = String::new();
    loop {
        text.push_str(cursor.eat_while(|c| c != '"'));
        if cursor.eat("\"\"") {
            text.push('"');
        } else if cursor.eat("\"") {
            break;
        } else {
            return Err(Mistake::new(&(start..start + 1), "this cell never ends").expected("a closing `\"`"));
        }
    }
    let span = start..cursor.at;
    cursor.eat_while(is_blank);
    match cursor.peek() {
        None | Some(',' | '\n' | '\r') => Ok(Word { span, text: text.trim().to_owned() }),
        Some(_) => Err(cursor.unexpected("`,` or the end of the line after a cell in quotes")),
    }
}
