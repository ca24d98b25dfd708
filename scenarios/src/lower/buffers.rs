//! Buffers, and what of a buffer's declaration contradicts the rest of it.

use lacuna_model::system::{Attachment, Buffer, BufferId, By, Effect, Fallback, Overflow, Pool, ProcessId, When};

use super::Lower;
use crate::diagnostic::Mistake;
use crate::schema::Space;
use crate::shape::{Fields, Item};
use crate::tree::Word;

/// Which variant a field chooses.
fn chosen(fields: &Fields, name: &str) -> Option<&'static str> {
    fields.get(name)?.chosen().map(|(name, _)| name)
}

fn byte(fields: &Fields, name: &str) -> Option<u8> {
    fields.integer(name).and_then(|value| u8::try_from(value).ok())
}

impl Lower<'_, '_> {
    pub(super) fn buffer(&mut self, word: &Word, item: &Item) -> Buffer {
        let named = Buffer { name: word.text.clone(), capacity: 1, ..Buffer::default() };
        let Some(fields) = item.record() else { return named };
        let pool = self.pool(fields);
        let buffer = Buffer {
            capacity: byte(fields, "capacity").unwrap_or(if pool.is_some() { u8::MAX } else { 1 }),
            pool,
            overflow: match chosen(fields, "overflow") {
                Some("Refuse") => Overflow::Refuse,
                Some("Coalesce") => Overflow::Coalesce,
                Some("DropNewest") => Overflow::DropNewest,
                Some("DropOldest") => Overflow::DropOldest,
                _ => Overflow::Block,
            },
            when: if chosen(fields, "when") == Some("Immediate") { When::Immediate } else { When::Deferred },
            by: if chosen(fields, "by") == Some("Automatic") { By::Automatic } else { By::Polled },
            effect: if chosen(fields, "effect") == Some("Terminate") { Effect::Terminate } else { Effect::Handle },
            send: self.domain_list(fields.list("send")),
            receive: self.domain_list(fields.list("receive")),
            named_by: self.domain_list(fields.list("named_by")),
            attachments: self.attachments(fields),
            demand: fields.duration("demand").unwrap_or_default(),
            deadline: fields.duration("deadline"),
            fallback: if chosen(fields, "fallback") == Some("Drop") { Fallback::Drop } else { Fallback::Keep },
            ..named
        };
        self.check_buffer(&buffer, fields);
        buffer
    }

    fn pool(&mut self, fields: &Fields) -> Option<Pool> {
        let id = self.id(Space::Pool, fields.get("pool"))?;
        let (_, item) = self.root.map("pools").get(usize::from(id))?;
        Some(Pool { id, limit: byte(item.record()?, "limit")? })
    }

    fn attachments(&mut self, fields: &Fields) -> Vec<Attachment> {
        let mut attachments: Vec<Attachment> = Vec::new();
        for item in fields.list("attachments") {
            let Some(fields) = item.record() else { continue };
            let Some(process) = fields.get("process") else { continue };
            let Some(id) = self.id(Space::Process, Some(process)).map(ProcessId) else { continue };
            if attachments.iter().any(|attachment| attachment.process == id) {
                self.error(&process.span, "this process is here twice", "every process once");
            } else {
                let backlog = fields.duration("backlog").unwrap_or_default();
                attachments.push(Attachment { process: id, backlog });
            }
        }
        attachments
    }

    /// The id of a buffer that names whom it is attached to next.
    pub(super) fn buffer_with_successors(&mut self, item: &Item) -> Option<BufferId> {
        let buffer = self.buffer_id(item)?;
        let (_, declared) = self.root.map("buffers").get(buffer.index())?;
        let fields = declared.record()?;
        if chosen(fields, "by") == Some("Automatic") || fields.list("attachments").len() < 2 {
            let message = "this buffer has no successors, and so nothing is acknowledged or taken over";
            let mistake = Mistake::new(&item.span, message).expected("a polled buffer with two `attachments` or more");
            self.report.push(mistake);
        }
        Some(buffer)
    }

    fn check_buffer(&mut self, buffer: &Buffer, fields: &Fields) {
        if buffer.by == By::Automatic
            && fields.list("attachments").is_empty()
            && let Some(item) = fields.get("by")
        {
            let mistake =
                Mistake::new(&item.span, "nobody is there for whom a message could be processed automatically");
            self.report.push(mistake.expected("`attachments`, at least one").help("or `by: Polled`"));
        }
        if let (By::Polled, Effect::Terminate, Some(key)) = (buffer.by, buffer.effect, fields.key("effect")) {
            let mistake = Mistake::new(key, "an effect is that of a message that is processed automatically");
            self.report.push(mistake.expected("no `effect`, or `by: Automatic`"));
        }
        if let (0, Some(item)) = (buffer.capacity, fields.get("capacity")) {
            let holds = matches!(buffer.overflow, Overflow::Coalesce | Overflow::DropOldest);
            if let (true, Some(rule)) = (holds, fields.get("overflow")) {
                let message = "a buffer with capacity 0 holds no message to merge with or to drop";
                self.error(&rule.span, message, "`Block`, `Refuse` or `DropNewest`");
            }
            if buffer.by == By::Automatic {
                let message = "with capacity 0 sender and receiver meet, and this receiver never asks";
                self.error(&item.span, message, "at least 1");
            }
        }
    }
}
