//! The format as data: one table of records, fields and choices. The validator, its "expected …" and the reference
//! page are all made from it.

mod instruction;
mod process;
mod scenario;
mod sweep;

pub(crate) use process::TASK_SET;
pub(crate) use scenario::SCENARIO;
pub(crate) use sweep::SWEEP;

use lacuna_model::guarantee::{GuaranteeId, OF_PAIRS, TIMED, safety};
use lacuna_model::profile::Profile;

use crate::diagnostic::quote;

/// What a name names. Each space has its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Scenario,
    Domain,
    Object,
    JobGroup,
    Buffer,
    Lock,
    Mode,
    Pool,
    Process,
    Context,
    SchedulingContext,
    Handle,
    Profile,
    Task,
    User,
}

impl Space {
    /// "a domain".
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Domain => "domain",
            Self::Object => "object",
            Self::JobGroup => "job group",
            Self::Buffer => "buffer",
            Self::Lock => "lock",
            Self::Mode => "mode",
            Self::Pool => "pool",
            Self::Process => "process",
            Self::Context => "execution context",
            Self::SchedulingContext => "scheduling context",
            Self::Handle => "handle",
            Self::Profile => "profile",
            Self::Task => "task",
            Self::User => "user",
        }
    }
}

/// Longest name, in characters.
pub(crate) const MAX_NAME: usize = 64;

/// May it stand in a name? Names are printed everywhere and typed by people.
pub(crate) fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// With its article.
pub(crate) fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Prose.
    Text,
    /// A new name.
    Declares(Space),
    /// A name that is declared elsewhere.
    Refers(Space),
    /// A time.
    Duration,
    /// A time above zero.
    PositiveDuration,
    /// An amount of memory.
    Size,
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// The number of a guarantee.
    Guarantee,
    /// One of some variants.
    OneOf(&'static Choice),
    /// Any number of these.
    List(&'static Kind),
    /// Two of these, in brackets; and what they are together.
    Pair(&'static Kind, &'static str),
    /// Names, each with one of these.
    Map(&'static Kind, &'static Kind),
    /// Named fields.
    Record(&'static Record),
}

impl Kind {
    /// What is expected in its place, for a message.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text => "a text in quotes".into(),
            Self::Declares(space) => format!("a name for {}, in quotes", article(space.noun())),
            Self::Refers(space) => format!("the name of {}, in quotes", article(space.noun())),
            Self::Duration => "a duration such as `\"10ms\"`, in `min`, `s`, `ms`, `us` or `ns`".into(),
            Self::PositiveDuration => {
                "a duration above zero such as `\"10ms\"`, in `min`, `s`, `ms`, `us` or `ns`".into()
            }
            Self::Size => "a size such as `\"512MiB\"`, in `GiB`, `MiB`, `KiB` or `B`".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Guarantee => format!("a guarantee: {}", list_of(expectable().map(GuaranteeId::name))),
            Self::OneOf(choice) => {
                let short = choice.variants.len() <= 8;
                if short { format!("one of {}", choice.names()) } else { article(choice.noun) }
            }
            Self::List(item) => format!("a list `[…]` of {}", item.plural()),
            Self::Pair(item, _) => {
                let of = item.expected();
                format!("a pair `(…, …)`, each {of}")
            }
            Self::Map(key, _) => format!("a map `{{\"name\": …}}` by {}", key.noun()),
            Self::Record(record) => format!("{} `({}: …)`", record.noun, record.fields[0].name),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Declares(space) | Self::Refers(space) => space.noun(),
            Self::OneOf(choice) => choice.noun,
            Self::Guarantee => "guarantee",
            Self::Text => "text",
            Self::Duration | Self::PositiveDuration => "duration",
            Self::Size => "size",
            Self::Integer { .. } => "whole number",
            Self::List(_) => "list",
            Self::Pair(_, noun) => noun,
            Self::Map(..) => "map",
            Self::Record(_) => "record",
        }
    }

    fn plural(&self) -> String {
        match self.noun() {
            "process" => "processes".into(),
            "execution context" => "contexts".into(),
            noun => format!("{noun}s"),
        }
    }

    /// In a few words, for a table.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Declares(Space::Scenario | Space::Task) => "name".into(),
            Self::Declares(space) => format!("new name of {}", article(space.noun())),
            Self::Refers(Space::Profile) => format!("name of a {}", link("Profile")),
            Self::Refers(space) => format!("name of {}", article(space.noun())),
            Self::Guarantee => link("Guarantee"),
            Self::PositiveDuration => "duration above zero".into(),
            Self::Integer { min, max } => format!("{min} to {max}"),
            Self::List(item) => format!("list: {}", item.label()),
            Self::Pair(item, _) => format!("pair: {}", item.label()),
            Self::Map(key, value) => format!("map: {} → {}", key.label(), value.label()),
            Self::Record(record) => link(record.title),
            Self::OneOf(choice) => link(choice.title),
            Self::Text | Self::Duration | Self::Size => self.noun().into(),
        }
    }
}

/// A link to a heading of the page.
fn link(title: &str) -> String {
    format!("[{}](#{})", title.to_lowercase(), title.to_lowercase().replace(' ', "-"))
}

/// "`a`, `b` or `c`".
pub(crate) fn list_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<_> = names.into_iter().map(quote).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} or {last}", names.join(", ")),
        None => "nothing".into(),
    }
}

/// The profiles' names.
pub(crate) fn profiles() -> impl Iterator<Item = &'static str> {
    Profile::NAMED.iter().map(|named| named.name)
}

/// Named fields.
#[derive(Debug)]
pub(crate) struct Record {
    /// Heading on the page.
    pub(crate) title: &'static str,
    /// With its article.
    pub(crate) noun: &'static str,
    /// The name that may stand before the bracket.
    pub(crate) tag: Option<&'static str>,
    /// What it is.
    pub(crate) about: &'static str,
    /// Its fields; at least one.
    pub(crate) fields: &'static [Field],
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Always.
    Required,
    /// Unless this other field is.
    Unless(&'static str),
    /// Never; and what its absence means.
    Absent(&'static str),
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    pub(crate) about: &'static str,
}

/// Variants to choose from.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Heading on the page.
    pub(crate) title: &'static str,
    /// One of them.
    pub(crate) noun: &'static str,
    pub(crate) variants: &'static [Variant],
}

impl Choice {
    pub(crate) fn names(&self) -> String {
        list_of(self.variants.iter().map(|variant| variant.name))
    }
}

/// One of several.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// How it may be written.
    pub(crate) forms: &'static [Form],
    pub(crate) example: &'static str,
    pub(crate) about: &'static str,
}

/// A way of writing a variant.
#[derive(Debug)]
pub(crate) enum Form {
    /// `Exit`
    Bare,
    /// `Send("log")`
    One(&'static Kind),
    /// `Wait(process: …)`
    Fields(&'static Record),
}

const fn field(name: &'static str, kind: Kind, need: Need, about: &'static str) -> Field {
    Field { name, kind, need, about }
}

const fn variant(name: &'static str, forms: &'static [Form], example: &'static str, about: &'static str) -> Variant {
    Variant { name, forms, example, about }
}

/// A variant with nothing but its name.
const fn bare(name: &'static str, about: &'static str) -> Variant {
    Variant { name, forms: &[Form::Bare], example: name, about }
}

/// The guarantees that a profile can be expected to fail: those that `check` decides. Those about time it decides where the scenario
/// has a tick.
pub(crate) fn expectable() -> impl Iterator<Item = GuaranteeId> + Clone {
    safety().iter().map(|guarantee| guarantee.id()).chain(OF_PAIRS.iter().copied()).chain(TIMED.iter().copied())
}
