//! Objects and the policy on them, job groups.

use lacuna_model::system::{
    DomainId, Instruction, JobGroup, Lock, LockId, MAX_DROPPED, Object, ObjectClass, ObjectId, Right, System,
};

use super::Lower;
use crate::diagnostic::quote;
use crate::schema::{self, Space};
use crate::shape::{Item, Shape};
use crate::tree::{Span, Word};

impl Lower<'_, '_> {
    pub(super) fn object(&mut self, word: &Word, item: &Item) -> Object {
        let class = item.record().and_then(|fields| fields.get("class")?.chosen()).map(|(name, _)| match name {
            "File" => ObjectClass::File,
            "Directory" => ObjectClass::Directory,
            "Ipc" => ObjectClass::Ipc,
            "PrivilegedProgram" => ObjectClass::PrivilegedProgram,
            _ => ObjectClass::Network,
        });
        let mut allow = Vec::new();
        for (domain, rights) in item.record().map(|fields| fields.map("allow")).unwrap_or_default() {
            let id = self.domains.resolve(Space::Domain, &domain.text, &domain.span, self.report);
            let mut granted = Vec::new();
            for item in rights.list() {
                let Some(right) = right(item) else { continue };
                if let Some(class) = class {
                    self.check_right(&item.span, right, class);
                }
                if granted.contains(&right) {
                    self.error(&item.span, "this right is here twice", "every right once");
                } else {
                    granted.push(right);
                }
            }
            if let Some(id) = id {
                allow.push((DomainId(id), granted));
            }
        }
        let output = item.record().and_then(|fields| fields.get("output")?.chosen());
        let output = output.is_some_and(|(written, _)| written == "true");
        Object { name: word.text.clone(), class: class.unwrap_or(ObjectClass::File), allow, output }
    }

    pub(super) fn check_right(&mut self, span: &Span, right: Right, class: ObjectClass) {
        if !class.rights().contains(&right) {
            let message = format!("`{right:?}` makes no sense for a {}", class.name());
            let expected = class.rights().iter().map(|right| format!("{right:?}")).collect::<Vec<_>>();
            self.error(span, message, schema::list_of(expected.iter().map(String::as_str)));
        }
    }

    /// The objects that a program gives up its rights to.
    pub(super) fn dropped(&mut self, list: &Item) -> Vec<ObjectId> {
        if matches!(&list.shape, Shape::List(items) if items.is_empty()) {
            self.error(&list.span, "this list is empty", "at least one object");
        }
        let mut objects = Vec::new();
        for item in list.list() {
            let Some(object) = self.id(Space::Object, Some(item)).map(ObjectId) else { continue };
            if objects.contains(&object) {
                self.error(&item.span, "this object is here twice", "every object once");
                continue;
            }
            objects.push(object);
            if self.uses.drops(object) > MAX_DROPPED {
                let message = "this object is one too many that rights to are given up";
                self.error(&item.span, message, format!("at most {MAX_DROPPED}"));
            }
        }
        objects
    }

    pub(super) fn domain_list(&mut self, items: &[Item]) -> Vec<DomainId> {
        let mut ids = Vec::new();
        for item in items {
            let Some(id) = self.id(Space::Domain, Some(item)) else { continue };
            if ids.contains(&DomainId(id)) {
                self.error(&item.span, "this domain is here twice", "every domain once");
            } else {
                ids.push(DomainId(id));
            }
        }
        ids
    }

    /// A ceiling is no lower than anybody who takes the lock.
    pub(super) fn check_ceilings(&mut self, system: &System) {
        for (id, (_, item)) in (0..=u8::MAX).zip(self.root.map("locks")) {
            let Some(ceiling) = item.record().and_then(|fields| fields.get("ceiling")) else { continue };
            let Shape::Integer(value) = ceiling.shape else { continue };
            let contexts = system.processes.iter().flat_map(|process| &process.contexts);
            let takers = contexts.filter(|context| takes(&context.program, LockId(id)));
            let most = takers.filter_map(|context| Some((context.schedule?.index(), &context.name)));
            let most = most.filter_map(|(by, name)| Some((system.scheduling_contexts.get(by)?.priority, name))).max();
            if let Some((priority, name)) = most.filter(|(priority, _)| u64::from(*priority) > value) {
                let message =
                    format!("the ceiling is lower than the priority of {}, which takes the lock", quote(name));
                self.error(&ceiling.span, message, format!("at least {priority}"));
            }
        }
    }
}

/// Does a program take the lock?
fn takes(program: &[Instruction], lock: LockId) -> bool {
    program.iter().any(|instruction| match instruction {
        Instruction::Lock(taken) => *taken == lock,
        Instruction::Loop { body, .. } => takes(body, lock),
        Instruction::Choose(arms) => arms.iter().any(|arm| takes(arm, lock)),
        _ => false,
    })
}

pub(super) fn right(item: &Item) -> Option<Right> {
    Some(match item.chosen()?.0 {
        "Read" => Right::Read,
        "Write" => Right::Write,
        "Create" => Right::Create,
        _ => Right::Execute,
    })
}

pub(super) fn lock(word: &Word, item: &Item) -> Lock {
    let ceiling = item.record().and_then(|fields| fields.integer("ceiling"));
    Lock { name: word.text.clone(), ceiling: ceiling.and_then(|ceiling| u32::try_from(ceiling).ok()) }
}

pub(super) fn job_group(word: &Word, item: &Item) -> JobGroup {
    let fields = item.record();
    JobGroup {
        name: word.text.clone(),
        processes: fields.and_then(|fields| fields.integer("processes")).and_then(|limit| u32::try_from(limit).ok()),
        memory: fields.and_then(|fields| fields.get("memory")?.size()),
    }
}
