//! Lowering: from the shaped tree to the [`System`], with every check that needs more than one value.
//!
//! It never stops early: what is wrong is reported, left out, and the rest goes on. The system is of use only if
//! nothing was reported.

mod buffers;
mod frame;
mod handles;
mod modes;
mod names;
mod objects;
mod processes;
mod program;
mod sweep;
mod tasks;

pub use names::MAX_OF_A_KIND;
pub(crate) use sweep::sweep;

use lacuna_model::guarantee::{OF_PAIRS, TIMED};
use lacuna_model::system::{
    Budget, BufferId, DomainId, EndsWithin, Expectation, KernelBounds, Order, RefillsFrom, SchedulingContext, Server,
    System,
};
use lacuna_model::units::Nanos;

use self::handles::Uses;
use self::names::Table;
use crate::diagnostic::{Mistake, Report, quote};
use crate::schema::{self, Space};
use crate::shape::{Fields, Item, Payload, Shape};
use crate::tree::{Span, Word};

/// The system that a file says.
pub(crate) fn system(root: &Fields, report: &mut Report<'_>) -> System {
    if root.key("tasks").is_some() {
        let tasks = tasks::system(root, report);
        let mut lower = Lower::new(root, report);
        let (expect, kernel_bounds, tick) = (lower.expect(), lower.kernel_bounds(), lower.tick());
        return System { expect, kernel_bounds, tick, ..tasks };
    }
    Lower::new(root, report).system()
}

struct Lower<'l, 's> {
    root: &'l Fields,
    report: &'l mut Report<'s>,
    domains: Table,
    objects: Table,
    groups: Table,
    buffers: Table,
    locks: Table,
    modes: Table,
    pools: Table,
    handles: Table,
    processes: Table,
    scheduling: Table,
    /// Filled as programs are lowered, checked when all are.
    uses: Uses,
}

/// The keys of a map, as declarations.
fn keys<'f>(root: &'f Fields, field: &str) -> impl Iterator<Item = Word> + 'f {
    root.map(field).iter().map(|(word, _)| word.clone())
}

/// The scenario's `name`.
fn name(root: &Fields) -> String {
    root.get("name").and_then(Item::text).unwrap_or_default().to_owned()
}

/// The scenario's `about`, free of control characters.
fn about(root: &Fields, report: &mut Report<'_>) -> String {
    let Some((item, text)) = root.get("about").and_then(|item| Some((item, item.text()?))) else {
        return String::new();
    };
    if text.trim().is_empty() {
        report.push(Mistake::new(&item.span, "`about` is empty").expected("a few words"));
    } else if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n') {
        let message = format!("`about` holds the control character {}", quote(c.encode_utf8(&mut [0; 4])));
        report.push(Mistake::new(&item.span, message).expected("plain text"));
    }
    text.to_owned()
}

fn order((name, payload): (&'static str, &Payload)) -> Order {
    let quantum = match payload {
        Payload::Fields(fields) => fields.duration("quantum"),
        _ => None,
    };
    match name {
        "Deadline" => Order::Deadline,
        "Laxity" => Order::Laxity { quantum: quantum.unwrap_or_default() },
        _ => Order::Readiness,
    }
}

impl<'l, 's> Lower<'l, 's> {
    fn new(root: &'l Fields, report: &'l mut Report<'s>) -> Self {
        let mut table = |space, field: &str| {
            let mut table = Table::declare(space, keys(root, field), report);
            if root.get(field).is_some_and(|item| matches!(item.shape, Shape::Hole)) {
                table.set_incomplete();
            }
            table
        };
        let objects = table(Space::Object, "objects");
        let groups = table(Space::JobGroup, "job_groups");
        let buffers = table(Space::Buffer, "buffers");
        let locks = table(Space::Lock, "locks");
        let modes = table(Space::Mode, "modes");
        let pools = table(Space::Pool, "pools");
        let processes = table(Space::Process, "processes");
        let scheduling = table(Space::SchedulingContext, "scheduling_contexts");
        let named = root
            .list("domains")
            .iter()
            .filter_map(|item| item.text().map(|text| Word { span: item.span.clone(), text: text.to_owned() }));
        let mut domains = Table::declare(Space::Domain, named, report);
        if !root.get("domains").is_some_and(|item| matches!(item.shape, Shape::List(_))) {
            domains.set_incomplete();
        }
        for item in root.list("domains").iter().filter(|item| item.text().is_none()) {
            domains.is_broken_at(report.written(&item.span));
        }
        let handles = handles::declare(root, &buffers, report);
        Self {
            root,
            report,
            domains,
            objects,
            groups,
            buffers,
            locks,
            modes,
            pools,
            handles,
            processes,
            scheduling,
            uses: Uses::default(),
        }
    }

    fn error(&mut self, span: &Span, message: impl Into<String>, expected: impl Into<String>) {
        self.report.push(Mistake::new(span, message).expected(expected));
    }

    /// The id of a referred name.
    fn id(&mut self, space: Space, item: Option<&Item>) -> Option<u8> {
        let item = item?;
        let table = match space {
            Space::Domain => &self.domains,
            Space::Object => &self.objects,
            Space::JobGroup => &self.groups,
            Space::Buffer => &self.buffers,
            Space::Lock => &self.locks,
            Space::Mode => &self.modes,
            Space::Pool => &self.pools,
            Space::Handle => &self.handles,
            Space::Process => &self.processes,
            Space::SchedulingContext => &self.scheduling,
            Space::Scenario | Space::Context | Space::Profile | Space::Task | Space::User => return None,
        };
        table.resolve(space, item.text()?, &item.span, self.report)
    }

    fn system(mut self) -> System {
        let root = self.root;
        let name = name(root);
        let about = about(root, self.report);
        let objects = root.map("objects").iter().map(|(word, item)| self.object(word, item)).collect();
        let job_groups: Vec<_> =
            root.map("job_groups").iter().map(|(word, item)| objects::job_group(word, item)).collect();
        let buffers = root.map("buffers").iter().map(|(word, item)| self.buffer(word, item)).collect();
        let locks = root.map("locks").iter().map(|(word, item)| objects::lock(word, item)).collect();
        let scheduling_contexts: Vec<_> =
            root.map("scheduling_contexts").iter().map(|(word, item)| self.scheduling_context(word, item)).collect();
        self.check_orders(&scheduling_contexts);
        let processes = self.processes();
        let major_frame = self.major_frame(&processes);
        let modes = self.modes(&processes);
        let system = System {
            name,
            about,
            domains: self.domains.texts().map(str::to_owned).collect(),
            flows: self.flows(),
            users: self.users(),
            objects,
            job_groups,
            buffers,
            locks,
            handles: self.handles.texts().map(str::to_owned).collect(),
            processes,
            scheduling_contexts,
            major_frame,
            modes,
            refill: root.duration("refill").unwrap_or_default(),
            kernel_bounds: self.kernel_bounds(),
            ends_within: self.ends_within(),
            tick: self.tick(),
            process_table: 0,
            expect: self.expect(),
        };
        self.check_creation(&system);
        self.check_ceilings(&system);
        let process_table = self.process_table(&system);
        System { process_table, ..system }
    }

    fn scheduling_context(&mut self, word: &Word, item: &Item) -> SchedulingContext {
        let fields = item.record();
        let budget = fields.and_then(|fields| self.budget(fields));
        let priority = fields.and_then(|fields| fields.integer("priority")).and_then(|p| u32::try_from(p).ok());
        let order = fields.and_then(|fields| fields.get("order")?.chosen()).map_or(Order::Readiness, order);
        let threshold = fields.and_then(|fields| tasks::threshold(fields, priority, self.report));
        let inversion = fields.and_then(|fields| fields.duration("inversion"));
        SchedulingContext {
            name: word.text.clone(),
            priority: priority.unwrap_or(0),
            order,
            threshold,
            budget,
            inversion,
        }
    }

    fn budget(&mut self, fields: &Fields) -> Option<Budget> {
        match (fields.key("budget"), fields.key("period")) {
            (Some(_), Some(_)) => {
                let (amount, period) = (fields.duration("budget")?, fields.duration("period")?);
                if amount > period {
                    let span = fields.get("budget").map_or(&fields.head, |item| &item.span).clone();
                    self.error(&span, format!("the budget is larger than its period, {period}"), "at most the period");
                }
                Some(Budget { amount, period, server: self.server(fields, amount) })
            }
            (Some(key), None) => {
                self.error(key, "there is a `budget` and no `period`", "both or none");
                None
            }
            (None, Some(key)) => {
                self.error(key, "there is a `period` and no `budget`", "both or none");
                None
            }
            (None, None) => {
                if let Some(key) = fields.key("server") {
                    self.error(key, "there is a `server` and no `budget`", "a `budget` and a `period` that it serves");
                }
                None
            }
        }
    }

    fn server(&mut self, fields: &Fields, amount: Nanos) -> Server {
        let Some((item, (name, payload))) = fields.get("server").and_then(|item| Some((item, item.chosen()?))) else {
            return Server::default();
        };
        let by_deadline = fields.get("order").and_then(Item::chosen).map(order) == Some(Order::Deadline);
        let server = match name {
            "Polling" => Server::Polling,
            "Sporadic" => Server::Sporadic,
            "ConstantBandwidth" => Server::ConstantBandwidth,
            "HardConstantBandwidth" => Server::HardConstantBandwidth,
            "Mcs" => self.mcs(payload, amount),
            _ => Server::Deferrable,
        };
        if server.has_a_deadline() && !by_deadline {
            let mistake = Mistake::new(&item.span, format!("a {} server is ordered by its deadline", server.name()));
            let mistake = mistake.expected("`order: Deadline` beside it");
            self.report.push(mistake.help("a `Sporadic` server is the like of it under fixed priorities"));
        }
        server
    }

    fn mcs(&mut self, payload: &Payload, amount: Nanos) -> Server {
        let fields = match payload {
            Payload::Fields(fields) => Some(fields),
            _ => None,
        };
        let minimum = fields.and_then(|fields| fields.duration("minimum")).unwrap_or_default();
        if let Some(item) = fields.and_then(|fields| fields.get("minimum")).filter(|_| minimum > amount) {
            let message = format!("the minimum is more than the budget, {amount}");
            self.error(&item.span, message, "at most the budget: seL4 refuses less budget than that");
        }
        let from = match fields.and_then(|fields| fields.get("from")?.chosen()) {
            Some(("WakeUp", _)) => RefillsFrom::WakeUp,
            _ => RefillsFrom::Dispatch,
        };
        let refills =
            fields.and_then(|fields| fields.integer("refills")).and_then(|refills| u8::try_from(refills).ok());
        Server::Mcs { refills: refills.unwrap_or(2), minimum, from }
    }

    /// Those of one priority have one order.
    fn check_orders(&mut self, scheduling_contexts: &[SchedulingContext]) {
        let written = self.root.map("scheduling_contexts");
        for (index, (scheduling, (word, item))) in scheduling_contexts.iter().zip(written).enumerate() {
            let Some(fields) = item.record().filter(|fields| fields.integer("priority").is_some()) else { continue };
            let other = scheduling_contexts[..index]
                .iter()
                .find(|other| other.priority == scheduling.priority && other.order != scheduling.order);
            if let Some(other) = other {
                let span = fields.get("order").map_or(&word.span, |item| &item.span).clone();
                let message = format!("{} has the same priority, and another `order`", quote(&other.name));
                self.error(&span, message, "one order for all of one priority");
            }
        }
    }

    /// Which domain may flow to which.
    fn flows(&mut self) -> Option<Vec<(DomainId, DomainId)>> {
        self.root.get("flows")?;
        let mut flows = Vec::new();
        for item in self.root.list("flows") {
            let [from, to] = item.list() else { continue };
            let (from, to) = (self.id(Space::Domain, Some(from)), self.id(Space::Domain, Some(to)));
            let (Some(from), Some(to)) = (from.map(DomainId), to.map(DomainId)) else { continue };
            if from == to {
                self.error(&item.span, "every domain may flow to itself", "two domains");
            } else if flows.contains(&(from, to)) {
                self.error(&item.span, "this flow is here twice", "every flow once");
            } else {
                flows.push((from, to));
            }
        }
        Some(flows)
    }

    /// The user of each domain: of those that no user has, its own.
    fn users(&mut self) -> Vec<u8> {
        let users = self.root.map("users");
        if users.is_empty() {
            return Vec::new();
        }
        // A user goes by the number of the first of its domains.
        let mut owned: Vec<u8> = (0..=u8::MAX).take(self.domains.texts().count()).collect();
        let mut known = Vec::new();
        for (_, item) in users {
            let mut first = None;
            for item in item.list() {
                let Some(domain) = self.id(Space::Domain, Some(item)) else { continue };
                if known.contains(&domain) {
                    self.error(&item.span, "this domain has a user already", "one user for each domain");
                } else {
                    known.push(domain);
                    owned[usize::from(domain)] = *first.get_or_insert(domain);
                }
            }
        }
        owned
    }

    fn kernel_bounds(&mut self) -> KernelBounds {
        let bound = |name| self.root.record("kernel_bounds").and_then(|fields| fields.duration(name));
        KernelBounds {
            spawn: bound("spawn").unwrap_or(Nanos(0)),
            kill_group: bound("kill_group").unwrap_or(Nanos(0)),
            kill_process: bound("kill_process").unwrap_or(Nanos(0)),
            reattach: bound("reattach").unwrap_or(Nanos(0)),
            lock_down: bound("lock_down").unwrap_or(Nanos(0)),
            flush: bound("flush").unwrap_or(Nanos(0)),
        }
    }

    fn ends_within(&self) -> EndsWithin {
        let within = |name| self.root.record("ends_within").and_then(|fields| fields.duration(name));
        EndsWithin { kill_group: within("kill_group"), lock_down: within("lock_down") }
    }

    /// The tick, once every duration of the file has been found to be a multiple of it.
    fn tick(&mut self) -> Option<Nanos> {
        let tick = self.root.duration("tick")?;
        let mut off = Vec::new();
        self.root.for_each_duration(&mut |span, duration| {
            if !duration.0.is_multiple_of(tick.0.max(1)) {
                off.push((span.clone(), duration));
            }
        });
        for (span, duration) in off {
            let message = format!("{duration} is no multiple of the tick, {tick}");
            let mistake = Mistake::new(&span, message).expected(format!("a multiple of {tick}"));
            self.report.push(mistake.help("or a finer `tick`"));
        }
        Some(tick)
    }

    fn expect(&mut self) -> Vec<(String, Expectation)> {
        let mut expect = Vec::new();
        for (profile, item) in self.root.map("expect") {
            if !schema::profiles().any(|known| known == profile.text) {
                let mistake = Mistake::new(&profile.span, format!("no profile is called {}", quote(&profile.text)));
                let mistake = mistake.expected(schema::list_of(schema::profiles()));
                self.report.push(mistake.nearest(&profile.text, schema::profiles()));
            }
            match item.chosen() {
                Some(("Holds", _)) => expect.push((profile.text.clone(), Expectation::Holds)),
                Some((_, Payload::One(list))) => {
                    let mut ids = Vec::new();
                    for item in list.list() {
                        let Shape::Guarantee(id) = item.shape else { continue };
                        if TIMED.contains(&id) && self.root.key("tick").is_none() {
                            let message = format!("{id} is decided in time, and the scenario has no `tick`");
                            self.error(&item.span, message, "a `tick` beside `expect`, or another guarantee");
                        } else if OF_PAIRS.contains(&id) && self.root.key("flows").is_none() {
                            let message = format!("{id} speaks of declared flows, and the scenario has no `flows`");
                            self.error(&item.span, message, "`flows` beside `expect`, or another guarantee");
                        } else if ids.contains(&id) {
                            self.error(&item.span, "this guarantee is here twice", "every guarantee once");
                        } else {
                            ids.push(id);
                        }
                    }
                    if matches!(&list.shape, Shape::List(items) if items.is_empty()) {
                        self.error(&list.span, "nothing is expected to fail", "`Holds`, or at least one guarantee");
                    }
                    expect.push((profile.text.clone(), Expectation::Fails(ids)));
                }
                _ => {}
            }
        }
        expect
    }

    /// The id of the buffer of an item.
    fn buffer_id(&mut self, item: &Item) -> Option<BufferId> {
        self.id(Space::Buffer, Some(item)).map(BufferId)
    }
}
