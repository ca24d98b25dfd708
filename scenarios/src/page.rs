//! The reference page of the format, FORMAT.md, and the description of a single field: both are printed from the
//! [schema](crate::schema).

use std::fmt::Write;

use lacuna_model::profile::Profile;
use lacuna_model::system::{MAX_HANDLES, MAX_NESTING, MAX_PROGRAM};

use crate::library::library;
use crate::lower::MAX_OF_A_KIND;
use crate::read::MAX_DEPTH;
use crate::schema::expectable;
use crate::schema::{Choice, Form, Kind, MAX_NAME, Need, Record, SCENARIO, SWEEP, Variant, list_of};
use crate::source::MAX_SIZE;

/// The scenario of the library that the page shows.
const EXAMPLE: &str = "fork-bomb";

/// Everything that has a heading, in the order in which it is first met.
struct Tables {
    records: Vec<&'static Record>,
    choices: Vec<&'static Choice>,
}

impl Tables {
    fn all() -> Self {
        let mut tables = Self { records: Vec::new(), choices: Vec::new() };
        tables.record(&SCENARIO);
        tables.record(&SWEEP);
        tables
    }

    fn record(&mut self, record: &'static Record) {
        if !self.records.iter().any(|known| known.title == record.title) {
            self.records.push(record);
            record.fields.iter().for_each(|field| self.kind(&field.kind));
        }
    }

    fn choice(&mut self, choice: &'static Choice) {
        if !self.choices.iter().any(|known| known.title == choice.title) {
            self.choices.push(choice);
            for form in choice.variants.iter().flat_map(|variant| variant.forms) {
                match form {
                    Form::Bare => {}
                    Form::One(kind) => self.kind(kind),
                    Form::Fields(record) => self.record(record),
                }
            }
        }
    }

    fn kind(&mut self, kind: &'static Kind) {
        match kind {
            Kind::List(item) | Kind::Pair(item, _) => self.kind(item),
            Kind::Map(key, value) => {
                self.kind(key);
                self.kind(value);
            }
            Kind::Record(record) => self.record(record),
            Kind::OneOf(choice) => self.choice(choice),
            _ => {}
        }
    }

    /// Is it the arguments of an instruction, which have no heading of their own?
    fn is_arguments(&self, record: &Record) -> bool {
        let forms = self.choices.iter().flat_map(|choice| choice.variants).flat_map(|variant| variant.forms);
        forms.into_iter().any(|form| matches!(form, Form::Fields(arguments) if std::ptr::eq(*arguments, record)))
    }
}

/// Of a record, every field with what it may be, whether it may be left out, and what it says.
fn record(page: &mut String, record: &Record) {
    let _ = writeln!(page, "\n## {}\n\n{}\n\n| field | value | without it | |", record.title, record.about);
    page.push_str("|---|---|---|---|\n");
    for field in record.fields {
        let need = match field.need {
            Need::Required => "**required**".into(),
            Need::Unless(other) => format!("**required**, unless there are `{other}`"),
            Need::Absent(meaning) => meaning.into(),
        };
        let _ = writeln!(page, "| `{}` | {} | {need} | {} |", field.name, field.kind.label(), field.about);
    }
}

/// Of a choice, every variant.
fn choice(page: &mut String, choice: &Choice) {
    let bare = |variant: &Variant| variant.forms.iter().all(|form| matches!(form, Form::Bare));
    if choice.variants.iter().all(bare) {
        let _ = writeln!(page, "\n## {}\n\n| written | |\n|---|---|", choice.title);
        for variant in choice.variants {
            let _ = writeln!(page, "| `{}` | {} |", variant.name, variant.about);
        }
        return;
    }
    let _ = writeln!(page, "\n## {}\n\n| written | | arguments |\n|---|---|---|", choice.title);
    for variant in choice.variants {
        let mut arguments = Vec::new();
        for form in variant.forms {
            match form {
                Form::Bare => {}
                Form::One(kind) => arguments.push(kind.label()),
                Form::Fields(record) => {
                    for field in record.fields {
                        let need = match field.need {
                            Need::Absent(meaning) => format!(", without it {meaning}"),
                            _ => String::new(),
                        };
                        let (name, label) = (field.name, field.kind.label());
                        arguments.push(format!("`{name}`: {label}, {}{need}", field.about));
                    }
                }
            }
        }
        let _ = writeln!(page, "| `{}` | {} | {} |", variant.example, variant.about, arguments.join("; "));
    }
}

/// The reference page in Markdown.
pub fn reference() -> String {
    let tables = Tables::all();
    let mut page = String::from(
        "<!-- Generated from the schema by `UPDATE=1 cargo test -p lacuna-scenarios --test page`; do not edit. -->\n\
         # The scenario format\n\n\
         A scenario says what the processes of a system do, who may do what, and what is expected. It is RON (`.ron`), \
         JSON (`.json`), or, for a pure task set, CSV (`.csv`).\n\n",
    );
    let _ = writeln!(
        page,
        "- **Names** are texts of letters, digits, `-`, `_` and `.`, of at most {MAX_NAME} characters. Each kind has its own \
         names; a buffer is also a handle of its name.\n\
         - **Durations** are texts with a unit: `\"1.5ms\"`; `min`, `s`, `ms`, `us`, `ns`. **Sizes** too: `\"512MiB\"`; \
         `GiB`, `MiB`, `KiB`, `B`. Nothing is rounded: what is finer than a nanosecond or a byte is a mistake.\n\
         - **Repeated** fields, keys and names are mistakes; the last never wins in silence.\n\
         - A file has at most {MAX_SIZE} bytes and {MAX_DEPTH} nested brackets; a system at most {MAX_OF_A_KIND} of \
         everything, but {MAX_HANDLES} handles; a program at most {MAX_NESTING} nested lists and, with its counted \
         loops written out, {MAX_PROGRAM} instructions.\n\
         - In **JSON**, records and maps are objects; a bare name is a text, `\"Exit\"`; a tagged value is an object of \
         one key, `{{\"Spawn\": {{\"process\": \"builder\"}}}}`, `{{\"Send\": \"log\"}}`.\n\
         - In **RON**, `Some(…)` around an optional value may be left out, and comments are `// …` or `/* … */`.\n\
         - In **CSV**, the first row names the columns, which are the fields of a [task of a task \
         set](#task-of-a-task-set), in any order; `wcet` and `period` must be there. An empty cell is as good as a \
         missing column. Lines that begin with `#` are comments. The scenario is named after the file.\n\n\
         The scenarios of the library ({}) are examples; this is `{EXAMPLE}`:",
        list_of(library().iter().map(|entry| entry.name)).replace(" or ", " and ")
    );
    if let Some(entry) = library().iter().find(|entry| entry.name == EXAMPLE) {
        let lines = entry.source.text.lines().skip_while(|line| line.starts_with("//"));
        let _ = writeln!(page, "\n```ron\n{}\n```", lines.collect::<Vec<_>>().join("\n"));
    }
    for table in tables.records.iter().filter(|table| !tables.is_arguments(table)) {
        record(&mut page, table);
    }
    for table in &tables.choices {
        choice(&mut page, table);
    }
    page.push_str("\n## Guarantee\n\n| written | |\n|---|---|\n");
    for id in expectable() {
        let _ = writeln!(page, "| `{}` | {}: {} |", id.name(), id.short(), id.statement());
    }
    page.push_str("\n## Profile\n\n| written | |\n|---|---|\n");
    for (name, about) in Profile::NAMED.iter().map(|named| (named.name, named.about)) {
        let _ = writeln!(page, "| `\"{name}\"` | {about} |");
    }
    page
}

/// What the format says of a field, an instruction or any other word of it: a line for each place where it may stand.
pub fn describe(word: &str) -> Option<String> {
    let tables = Tables::all();
    let mut lines = Vec::new();
    for record in &tables.records {
        for field in record.fields.iter().filter(|field| field.name == word) {
            let need = match field.need {
                Need::Required => "required".into(),
                Need::Unless(other) => format!("required unless there are `{other}`"),
                Need::Absent(meaning) => format!("without it: {meaning}"),
            };
            let (noun, expected) = (record.noun, field.kind.expected());
            lines.push(format!("{word}, of {noun}: {}. It is {expected}; {need}.", field.about));
        }
    }
    for choice in &tables.choices {
        for variant in choice.variants.iter().filter(|variant| variant.name == word) {
            lines.push(format!("{word}, {}: {}. Written `{}`.", choice.noun, variant.about, variant.example));
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Every word that [`describe`] knows, for suggestions.
pub fn words() -> Vec<&'static str> {
    let tables = Tables::all();
    let fields = tables.records.iter().flat_map(|record| record.fields).map(|field| field.name);
    let variants = tables.choices.iter().flat_map(|choice| choice.variants).map(|variant| variant.name);
    let mut words: Vec<_> = fields.chain(variants).collect();
    words.sort_unstable();
    words.dedup();
    words
}
