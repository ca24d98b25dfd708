//! Objects and the policy on them, buffers, job groups.

use lacuna_model::system::{Buffer, DomainId, JobGroup, Object, ObjectClass, Overflow, Right};

use super::Lower;
use crate::schema::{self, Space};
use crate::shape::Item;
use crate::tree::{Span, Word};

impl Lower<'_, '_> {
    pub(super) fn object(&mut self, word: &Word, item: &Item) -> Object {
        let class = item.record().and_then(|fields| fields.get("class")?.chosen()).map(|(name, _)| match name {
            "File" => ObjectClass::File,
            "Directory" => ObjectClass::Directory,
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
        Object { name: word.text.clone(), class: class.unwrap_or(ObjectClass::File), allow }
    }

    pub(super) fn check_right(&mut self, span: &Span, right: Right, class: ObjectClass) {
        if !class.rights().contains(&right) {
            let class_name = format!("{class:?}").to_lowercase();
            let message = format!("`{right:?}` makes no sense for a {class_name}");
            let expected = class.rights().iter().map(|right| format!("{right:?}")).collect::<Vec<_>>();
            self.error(span, message, schema::list_of(expected.iter().map(String::as_str)));
        }
    }

    fn domain_list(&mut self, items: &[Item]) -> Vec<DomainId> {
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

    pub(super) fn buffer(&mut self, word: &Word, item: &Item) -> Buffer {
        let fields = item.record();
        let overflow = match fields.and_then(|fields| fields.get("overflow")?.chosen()) {
            Some(("Refuse", _)) => Overflow::Refuse,
            Some(("Coalesce", _)) => Overflow::Coalesce,
            _ => Overflow::Block,
        };
        Buffer {
            name: word.text.clone(),
            capacity: fields
                .and_then(|fields| fields.integer("capacity"))
                .and_then(|capacity| u8::try_from(capacity).ok())
                .unwrap_or(1),
            overflow,
            send: self.domain_list(fields.map(|fields| fields.list("send")).unwrap_or_default()),
            receive: self.domain_list(fields.map(|fields| fields.list("receive")).unwrap_or_default()),
        }
    }
}

pub(super) fn right(item: &Item) -> Option<Right> {
    Some(match item.chosen()?.0 {
        "Read" => Right::Read,
        "Write" => Right::Write,
        "Create" => Right::Create,
        _ => Right::Execute,
    })
}

pub(super) fn job_group(word: &Word, item: &Item) -> JobGroup {
    let fields = item.record();
    JobGroup {
        name: word.text.clone(),
        processes: fields.and_then(|fields| fields.integer("processes")).and_then(|limit| u32::try_from(limit).ok()),
        memory: fields.and_then(|fields| fields.get("memory")?.size()),
    }
}
