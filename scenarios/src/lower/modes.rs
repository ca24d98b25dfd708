//! Modes: which processes' tasks arrive in each, who may change to it, and what may follow it.

use lacuna_model::system::{Mode, ModeId, Process, ProcessId};

use super::Lower;
use crate::diagnostic::{Mistake, quote};
use crate::schema::Space;
use crate::shape::{Fields, Item};
use crate::tree::Word;

impl Lower<'_, '_> {
    pub(super) fn modes(&mut self, processes: &[Process]) -> Vec<Mode> {
        self.root.map("modes").iter().map(|(word, item)| self.mode(word, item, processes)).collect()
    }

    fn mode(&mut self, word: &Word, item: &Item, processes: &[Process]) -> Mode {
        let list = |name: &str| item.record().map_or(&[][..], |fields: &Fields| fields.list(name));
        let mut named = Vec::new();
        for item in list("processes") {
            let Some(id) = self.id(Space::Process, Some(item)).map(ProcessId) else { continue };
            if named.contains(&id) {
                self.error(&item.span, "this process is here twice", "every process once");
                continue;
            }
            named.push(id);
            let tasks = processes.get(id.index()).into_iter().flat_map(|process| &process.contexts);
            let tasks: Vec<_> = tasks.filter_map(|context| Some((context, context.task?))).collect();
            if tasks.is_empty() {
                let mistake =
                    Mistake::new(&item.span, format!("{} has no task", quote(item.text().unwrap_or_default())));
                let mistake = mistake.expected("a process with a `task` on one of its contexts");
                self.report
                    .push(mistake.help("a mode says which tasks arrive; every other context runs in all of them"));
            }
            if let Some((context, task)) = tasks.iter().find(|(_, task)| task.deadline > task.period) {
                let (name, deadline, period) = (quote(&context.name), task.deadline, task.period);
                let message =
                    format!("the task {name} of this process has a deadline, {deadline}, beyond its period, {period}");
                let mistake = Mistake::new(&item.span, message)
                    .expected("deadlines of at most the period in a process of a mode");
                self.report.push(mistake);
            }
        }
        let mut next = Vec::new();
        for item in list("next") {
            let Some(id) = self.id(Space::Mode, Some(item)).map(ModeId) else { continue };
            if next.contains(&id) {
                self.error(&item.span, "this mode is here twice", "every mode once");
            } else {
                next.push(id);
            }
        }
        Mode { name: word.text.clone(), processes: named, by: self.domain_list(list("by")), next }
    }
}
