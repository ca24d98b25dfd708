//! Uses: who creates whom, and who may hold which handle.
//!
//! Both are known only when every program has been read. A process may hold a handle that is a buffer's, that its own
//! program opened before, that another of its contexts opens, that a spawn of it passes, or that a process which forks
//! it may hold.

use std::collections::{BTreeMap, BTreeSet};

use lacuna_model::system::{GroupId, HandleId, ObjectId, ProcessId, System};
use petgraph::graphmap::DiGraphMap;
use petgraph::visit::Dfs;

use super::Lower;
use super::names::Table;
use super::program::Place;
use crate::diagnostic::{Mistake, Report, quote};
use crate::schema::Space;
use crate::shape::{Fields, Item, Payload, Shape};
use crate::tree::{Span, Word};

/// The handles: the buffers, then what programs open, in the order of the text.
pub(super) fn declare(root: &Fields, buffers: &Table, report: &mut Report<'_>) -> Table {
    let mut opened: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut broken: Vec<Span> = Vec::new();
    let mut words: Vec<Word> = root.map("buffers").iter().map(|(word, _)| word.clone()).collect();
    for (process, (_, item)) in root.map("processes").iter().enumerate() {
        let contexts = item.record().map(|fields| fields.map("contexts")).unwrap_or_default();
        for (context, (_, item)) in contexts.iter().enumerate() {
            let Some(program) = item.record().and_then(|fields| fields.get("program")) else { continue };
            for_each_open(program, &mut |item| {
                let Some(name) = item.text() else {
                    broken.push(item.span.clone());
                    return;
                };
                if buffers.get(name).is_some() {
                    let message = format!("{} is a buffer, and so a handle already", quote(name));
                    report.push(Mistake::new(&item.span, message).expected("another name"));
                } else if let Some(opener) = opened.get(name) {
                    if *opener != (process, context) {
                        let message = format!("{} is opened by another execution context too", quote(name));
                        report.push(Mistake::new(&item.span, message).expected("a name of its own"));
                    }
                } else {
                    opened.insert(name.to_owned(), (process, context));
                    words.push(Word { span: item.span.clone(), text: name.to_owned() });
                }
            });
        }
    }
    let mut table = Table::declare(Space::Handle, words, report);
    broken.iter().for_each(|span| table.is_broken_at(report.written(span)));
    table
}

/// Visits the names of what a program opens, and whatever could not be read and may have been such a name.
fn for_each_open(program: &Item, visit: &mut impl FnMut(&Item)) {
    if matches!(program.shape, Shape::Hole) {
        visit(program);
    }
    for item in program.list() {
        match item.chosen() {
            None => visit(item),
            Some(("Open", Payload::One(argument))) => visit(argument),
            Some(("Forever", Payload::One(body))) => for_each_open(body, visit),
            Some(("Choose", Payload::One(branches))) => {
                branches.list().iter().for_each(|branch| for_each_open(branch, visit));
            }
            Some(("Loop", Payload::Fields(fields))) => {
                if let Some(body) = fields.get("do") {
                    for_each_open(body, visit);
                }
            }
            _ => {}
        }
    }
}

/// What programs do with processes and handles, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Uses {
    steps: usize,
    /// For each opened handle: by whom, in which context, at which step first.
    opened: BTreeMap<HandleId, (ProcessId, usize, usize)>,
    used: Vec<Use>,
    /// Creator and created.
    created: BTreeSet<(ProcessId, ProcessId)>,
    /// Who may create processes that could not be read.
    unclear: BTreeSet<ProcessId>,
    forked: BTreeSet<(ProcessId, ProcessId)>,
    passed: BTreeSet<(ProcessId, HandleId)>,
    waited: Vec<(ProcessId, ProcessId, Span)>,
    killed: Vec<(GroupId, Span)>,
    /// Objects whose rights are given up.
    dropped: BTreeSet<ObjectId>,
}

#[derive(Debug)]
struct Use {
    process: ProcessId,
    context: usize,
    handle: HandleId,
    step: usize,
    span: Span,
}

impl Uses {
    pub(super) fn opens(&mut self, place: Place, handle: HandleId) {
        self.steps += 1;
        self.opened.entry(handle).or_insert((place.process, place.context, self.steps));
    }

    pub(super) fn uses(&mut self, place: Place, handle: HandleId, span: &Span) {
        self.steps += 1;
        let Place { process, context, .. } = place;
        self.used.push(Use { process, context, handle, step: self.steps, span: span.clone() });
    }

    pub(super) fn spawns(&mut self, place: Place, child: ProcessId, pass: &[HandleId]) {
        self.created.insert((place.process, child));
        self.passed.extend(pass.iter().map(|handle| (child, *handle)));
    }

    pub(super) fn forks(&mut self, place: Place, child: ProcessId) {
        self.created.insert((place.process, child));
        self.forked.insert((place.process, child));
    }

    /// Some instruction of the process could not be read.
    pub(super) fn is_unclear(&mut self, place: Place) {
        self.unclear.insert(place.process);
    }

    pub(super) fn waits(&mut self, place: Place, child: ProcessId, span: &Span) {
        self.waited.push((place.process, child, span.clone()));
    }

    pub(super) fn kills(&mut self, group: GroupId, span: &Span) {
        self.killed.push((group, span.clone()));
    }

    /// Returns to how many objects rights are given up, this one among them.
    pub(super) fn drops(&mut self, object: ObjectId) -> usize {
        self.dropped.insert(object);
        self.dropped.len()
    }

    /// Is it created by no other process?
    pub(super) fn starts_with_the_system(&self, process: ProcessId) -> bool {
        !self.created.iter().any(|(creator, child)| *child == process && *creator != process)
    }

    /// Of `count` processes, those that nobody creates who starts with the system or is created in turn: a ring of
    /// processes that create each other.
    fn never_created(&self, count: u8) -> Vec<ProcessId> {
        let creations =
            DiGraphMap::<u8, ()>::from_edges(self.created.iter().map(|(creator, child)| (creator.0, child.0)));
        let mut reached = BTreeSet::new();
        for start in (0..count).filter(|id| self.starts_with_the_system(ProcessId(*id))) {
            reached.insert(start);
            if creations.contains_node(start) {
                let mut search = Dfs::new(&creations, start);
                while let Some(process) = search.next(&creations) {
                    reached.insert(process);
                }
            }
        }
        (0..count).filter(|id| !reached.contains(id)).map(ProcessId).collect()
    }

    /// Who may hold which handle by being given it: passed at a spawn, or held by a process that forks it.
    fn given(&self) -> BTreeSet<(ProcessId, HandleId)> {
        let mut held = self.passed.clone();
        held.extend(self.opened.iter().map(|(handle, (process, ..))| (*process, *handle)));
        let mut given = self.passed.clone();
        let mut pending: Vec<_> = held.iter().copied().collect();
        while let Some((holder, handle)) = pending.pop() {
            for (_, child) in self.forked.iter().filter(|(parent, _)| *parent == holder) {
                given.insert((*child, handle));
                if held.insert((*child, handle)) {
                    pending.push((*child, handle));
                }
            }
        }
        given
    }
}

impl Lower<'_, '_> {
    /// Everything about creation, handles, waits and kills that needs all programs.
    pub(super) fn check_creation(&mut self, system: &System) {
        let uses = std::mem::take(&mut self.uses);
        let buffers = system.buffers.len();
        let given = uses.given();
        for used in uses.used.iter().filter(|used| used.handle.index() >= buffers) {
            if uses.unclear.is_empty() && !given.contains(&(used.process, used.handle)) {
                self.check_use(used, uses.opened.get(&used.handle));
            }
        }
        for (process, child, span) in &uses.waited {
            if !uses.unclear.contains(process) && !uses.created.contains(&(*process, *child)) {
                let name = self.processes.word(child.0).map(|word| quote(&word.text)).unwrap_or_default();
                let message = format!("{name} is never a child of this process");
                self.error(span, message, "a process that this one creates by `Spawn` or `Fork`");
            }
        }
        let mut warned = BTreeSet::new();
        for (group, span) in &uses.killed {
            if warned.insert(group) && !system.processes.iter().any(|process| process.group == Some(*group)) {
                let message = "no process is created in this job group";
                self.report.push(Mistake::warning(span, message).expected("a process with this `group`"));
            }
        }
        self.uses = uses;
        let count = u8::try_from(system.processes.len()).unwrap_or(u8::MAX);
        if count > 0 && !(0..count).any(|id| self.uses.starts_with_the_system(ProcessId(id))) {
            let span = self.root.key("processes").unwrap_or(&self.root.head).clone();
            self.error(&span, "every process is created by another", "at least one that starts with the system");
            return;
        }
        for process in self.uses.never_created(count) {
            let Some(word) = self.processes.word(process.0) else { continue };
            let message = format!("{} never comes into being", quote(&word.text));
            let warning = Mistake::warning(&word.span, message);
            self.report.push(warning.help("only processes that never come into being themselves create it"));
        }
    }

    fn check_use(&mut self, used: &Use, opened: Option<&(ProcessId, usize, usize)>) {
        let name = self.handles.word(used.handle.0).map(|word| quote(&word.text)).unwrap_or_default();
        match opened {
            Some((process, context, step)) if *process == used.process => {
                if *context == used.context && *step > used.step {
                    self.error(&used.span, format!("{name} is used before it is opened"), "an `Open` before this");
                }
            }
            _ => {
                let message = format!("this process never gets {name}, which another one opens");
                let expected = "a handle that it opens, or that its creator passes";
                self.error(&used.span, message, expected);
            }
        }
    }
}
