//! Processes, their execution contexts, and the process table that they need.

use lacuna_model::system::{
    Context, DomainId, GroupId, MAX_PROCESS_TABLE, Process, ProcessId, SchedulingContextId, System, Task,
};

use super::names::MAX_OF_A_KIND;
use super::{Lower, program, tasks};
use crate::schema::Space;
use crate::shape::{Fields, Shape};

impl Lower<'_, '_> {
    pub(super) fn processes(&mut self) -> Vec<Process> {
        let root = self.root;
        if let Some(item) = root.get("processes")
            && matches!(item.shape, Shape::Map(_))
            && root.map("processes").is_empty()
        {
            self.error(&item.span, "there is no process", "at least one");
        }
        let mut processes = Vec::new();
        // A table that was cut short has reported it; the ids of the others stay those of the table.
        for (id, (word, item)) in (0..=u8::MAX).zip(root.map("processes")).take(MAX_OF_A_KIND) {
            let fields = item.record();
            let domain = self.id(Space::Domain, fields.and_then(|fields| fields.get("domain")));
            let group = self.id(Space::JobGroup, fields.and_then(|fields| fields.get("group")));
            let contexts = self.contexts(ProcessId(id), fields);
            processes.push(Process {
                name: word.text.clone(),
                domain: DomainId(domain.unwrap_or(0)),
                group: group.map(GroupId),
                contexts,
            });
        }
        processes
    }

    fn contexts(&mut self, process: ProcessId, fields: Option<&Fields>) -> Vec<Context> {
        let Some(fields) = fields else { return Vec::new() };
        let declared = fields.map("contexts");
        if let Some(item) = fields.get("contexts")
            && matches!(item.shape, Shape::Map(_))
            && declared.is_empty()
        {
            self.error(&item.span, "the process has no execution context", "at least one");
        }
        if let Some((word, _)) = declared.get(MAX_OF_A_KIND) {
            let message = "this execution context is one too many";
            self.error(&word.span, message, format!("at most {MAX_OF_A_KIND} a process"));
        }
        let mut contexts = Vec::new();
        for (index, (word, item)) in declared.iter().enumerate().take(MAX_OF_A_KIND) {
            let fields = item.record();
            let schedule = self.id(Space::SchedulingContext, fields.and_then(|fields| fields.get("schedule")));
            let task = fields.and_then(|fields| self.task(fields));
            let kind = if fields.is_some_and(|fields| fields.key("task").is_some()) {
                program::Runs::OncePerJob
            } else {
                program::Runs::Once
            };
            let program = match fields.and_then(|fields| fields.get("program")) {
                Some(item) => self.program(process, index, item, kind),
                None => Vec::new(),
            };
            contexts.push(Context {
                name: word.text.clone(),
                schedule: schedule.map(SchedulingContextId),
                program,
                task,
            });
        }
        contexts
    }

    fn task(&mut self, context: &Fields) -> Option<Task> {
        let fields = context.record("task")?;
        tasks::release(fields, self.report)
    }

    pub(super) fn process_table(&mut self, system: &System) -> u8 {
        let starting = (0..=u8::MAX)
            .zip(&system.processes)
            .filter(|(id, _)| self.uses.starts_with_the_system(ProcessId(*id)))
            .count();
        if let Some(item) = self.root.get("process_table") {
            let entries = self.root.integer("process_table").and_then(|entries| u8::try_from(entries).ok());
            if let Some(entries) = entries
                && usize::from(entries) < starting
            {
                let message = format!("{starting} processes start with the system");
                self.error(&item.span, message, "an entry for each of them");
            }
            return entries.unwrap_or(1);
        }
        let limits = system.job_groups.iter().map(|group| u64::from(group.processes.unwrap_or(0)));
        let wanted = limits.sum::<u64>() + system.processes.len() as u64 + 2;
        if starting > MAX_PROCESS_TABLE {
            let span = self.root.key("processes").unwrap_or(&self.root.head).clone();
            let message = format!("{starting} processes start with the system");
            self.error(&span, message, format!("at most {MAX_PROCESS_TABLE}"));
        }
        u8::try_from(wanted.min(MAX_PROCESS_TABLE as u64)).unwrap_or(u8::MAX)
    }
}
