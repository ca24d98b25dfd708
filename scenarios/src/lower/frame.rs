//! The major frame: windows in order, within the frame, none over another, each somebody's.

use lacuna_model::system::{DomainId, MajorFrame, Process, SchedulingContextId, Window};
use lacuna_model::units::Nanos;

use super::Lower;
use crate::diagnostic::{Mistake, quote};
use crate::schema::Space;
use crate::shape::{Fields, Shape};
use crate::tree::Span;

impl Lower<'_, '_> {
    /// The major frame, once the processes are known: a window may be a domain's.
    pub(super) fn major_frame(&mut self, processes: &[Process]) -> Option<MajorFrame> {
        let fields = self.root.record("major_frame")?;
        // Without a length that can be read, the windows are looked at all the same.
        let length = fields.duration("length").unwrap_or(Nanos(u64::MAX));
        if let Some(item) = fields.get("windows")
            && matches!(&item.shape, Shape::List(items) if items.is_empty())
        {
            self.error(&item.span, "the major frame has no window", "at least one");
        }
        let flush = self.kernel_bounds().flush;
        let (mut windows, mut until) = (Vec::new(), Nanos(0));
        for item in fields.list("windows") {
            let Some(fields) = item.record() else { continue };
            let Some(duration) = fields.duration("duration") else { continue };
            let offset = match fields.get("offset") {
                Some(written) => match written.duration() {
                    Some(offset) => offset,
                    None => continue,
                },
                None => until,
            };
            let at = |field: &str| fields.get(field).map_or_else(|| fields.head.clone(), |item| item.span.clone());
            if offset < until {
                let message = format!("the window begins before the one before it ends, at {until}");
                self.error(&at("offset"), message, format!("at least {until}, and windows in their order"));
            }
            let end = offset.0.checked_add(duration.0).map(Nanos);
            if end.is_none_or(|end| end > length) {
                let end = end.map_or_else(|| "too late".into(), |end| format!("at {end}"));
                let message = format!("the window ends {end}, beyond the major frame, which is {length} long");
                self.report
                    .push(Mistake::new(&at("duration"), message).expected(format!("an end of at most {length}")));
            }
            if duration <= flush {
                let message =
                    format!("the window is {duration} long, and flushing the core at its beginning takes {flush}");
                self.report
                    .push(Mistake::new(&at("duration"), message).expected(format!("a window longer than {flush}")));
            }
            until = end.unwrap_or(length).max(until);
            let scheduling_contexts = self.owners(fields, processes);
            windows.push(Window { offset, duration, scheduling_contexts });
        }
        Some(MajorFrame { length, windows })
    }

    /// Whose a window is.
    fn owners(&mut self, fields: &Fields, processes: &[Process]) -> Vec<SchedulingContextId> {
        if let (Some(key), Some(_)) = (fields.key("domain"), fields.key("scheduling_contexts")) {
            self.error(key, "the window has a `domain` and `scheduling_contexts`", "one of both");
        }
        let mut owners = Vec::new();
        if let Some(item) = fields.get("scheduling_contexts") {
            for item in item.list() {
                let Some(id) = self.id(Space::SchedulingContext, Some(item)).map(SchedulingContextId) else { continue };
                if owners.contains(&id) {
                    self.error(&item.span, "this scheduling context is here twice", "every one once");
                } else {
                    owners.push(id);
                }
            }
            if matches!(&item.shape, Shape::List(items) if items.is_empty()) {
                self.error(&item.span, "the window is nobody's", "at least one scheduling context");
            }
        } else if let Some(item) = fields.get("domain")
            && let Some(domain) = self.id(Space::Domain, Some(item)).map(DomainId)
        {
            owners = self.schedules_of(domain, &item.span, processes);
        }
        owners
    }

    /// What the contexts of a domain are scheduled by.
    fn schedules_of(&mut self, domain: DomainId, span: &Span, processes: &[Process]) -> Vec<SchedulingContextId> {
        let mut schedules = Vec::new();
        let of_domain = processes.iter().filter(|process| process.domain == domain);
        for context in of_domain.flat_map(|process| &process.contexts) {
            match context.schedule {
                Some(id) if schedules.contains(&id) => {}
                Some(id) => schedules.push(id),
                None => {
                    let message = format!("{} is of this domain, and has no scheduling context", quote(&context.name));
                    let mistake = Mistake::new(span, message).expected("a domain all of whose contexts have one");
                    self.report.push(mistake.help("it would never have a window; give it a `schedule`"));
                }
            }
        }
        if !processes.iter().any(|process| process.domain == domain) {
            self.error(span, "no process is of this domain", "a domain that has processes");
        }
        schedules
    }
}
