//! Separation (G22): the system beside each that differs from it in the domains and the job groups of its processes, as long as the scheduler
//! is told the same of both; and every decision of the system beside those of each that differs from it in how one context is scheduled.

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Action, Codec, ContextSlot, Objects, Outcome, Refusal, Step};
use lacuna_model::relation::{Label, Offer, Relation};
use lacuna_model::sched::{FixedPriority, SchedStep};
use lacuna_model::system::{DomainId, GroupId, SchedulingContext, SchedulingContextId, System};
use lacuna_model::time::{Lattice, TimeStep};
use lacuna_model::trace::{Event, Observer, Trace};
use lacuna_model::units::Nanos;

use super::clocks::{Most, Situation};
use super::form::{Form, too_wide};
use super::ways::{MOST_LABELS, MOST_TAKEN, is_by_time};
use super::{ended_early, within};
use crate::engine::{Edge, Limits, Marks, Sighting, TransitionSystem, Unrepresentable, explore};
use crate::kernel::{CUT, TABLE_FULL, triggered, violated};

const ID: GuaranteeId = GuaranteeId::G22;
/// So many ways to label the processes are compared.
const MOST_LABELLINGS: u128 = 1024;

/// What is said of it, and after how many pairs.
pub(super) fn check(objects: &Objects, lattice: &Lattice, limits: &Limits<'_>) -> (ModelVerdict, u64) {
    let (relabelled, beyond) = relabelled(objects.system());
    let moved = relabelled.into_iter();
    // Some have no semantics: a group would have more members from the start than it may.
    let moved: Vec<(String, Objects)> =
        moved.filter_map(|(how, system)| Some((how, objects.with_system(&system).ok()?))).collect();
    if moved.is_empty() {
        return (ModelVerdict::Vacuous, 0);
    }
    let rescheduled = rescheduled(objects.system());
    let rescheduled = rescheduled.filter_map(|(how, system)| Some((how, objects.with_system(&system).ok()?))).collect();
    let side = |objects| Side::new(objects, lattice);
    // The system beside itself is where its decisions are looked at.
    let sides = std::iter::once(("as it is".into(), side(objects)));
    let sides: Vec<(String, Side<'_>)> =
        sides.chain(moved.iter().map(|(how, objects)| (how.clone(), side(objects)))).collect();
    let words = sides.iter().map(|(_, side)| side.words).max().unwrap_or(0);
    let separated = Separated { sides, rescheduled, words, beyond };
    macro_rules! widths {
        ($($words:literal)*) => {
            match 1 + 2 * words {
                $(needed if needed <= $words => separated.search::<$words>(limits),)*
                needed => (too_wide(needed), 0),
            }
        };
    }
    widths!(8 24 64)
}

/// The systems whose processes are labelled otherwise, by domains and groups, those with the fewest changes first; and how many there are, if that is more than are
/// asked: then they are those with one change.
fn relabelled(system: &System) -> (Vec<(String, System)>, Option<u128>) {
    let domains = (0u8..).map(DomainId).take(system.domains.len());
    let groups = (0u8..).map(GroupId).take(system.job_groups.len()).map(Some).chain([None]);
    let labels: Vec<_> = domains.flat_map(|domain| groups.clone().map(move |group| (domain, group))).collect();
    let exponent = u32::try_from(system.processes.len()).unwrap_or(u32::MAX);
    let all = (labels.len() as u128).saturating_pow(exponent);
    // Each of them as a list of changes.
    let mut found: Vec<Vec<Change>> = vec![Vec::new()];
    for (index, process) in system.processes.iter().enumerate() {
        let mut longer = Vec::new();
        for changes in found.iter().filter(|changes| all <= MOST_LABELLINGS || changes.is_empty()) {
            for (domain, group) in &labels {
                let domain = (*domain != process.domain).then_some(Change::Domain(index, *domain));
                let group = (*group != process.group).then_some(Change::Group(index, *group));
                let more: Vec<Change> = domain.into_iter().chain(group).collect();
                if all <= MOST_LABELLINGS || more.len() == 1 {
                    longer.push([changes.as_slice(), &more].concat());
                }
            }
        }
        if all <= MOST_LABELLINGS {
            found = longer;
        } else {
            found.extend(longer);
        }
    }
    found.retain(|changes| !changes.is_empty());
    found.sort_by_key(Vec::len);
    let systems = found.iter().map(|changes| {
        let mut other = system.clone();
        changes.iter().for_each(|change| change.make(&mut other));
        let how: Vec<String> = changes.iter().map(|change| change.told(system)).collect();
        (format!("with {}", how.join(", ")), other)
    });
    (systems.collect(), (all > MOST_LABELLINGS).then_some(all))
}

/// What is another label of a process.
#[derive(Debug, Clone, Copy)]
enum Change {
    Domain(usize, DomainId),
    Group(usize, Option<GroupId>),
}

impl Change {
    fn make(self, system: &mut System) {
        match self {
            Self::Domain(process, domain) => system.processes[process].domain = domain,
            Self::Group(process, group) => system.processes[process].group = group,
        }
    }

    fn told(self, system: &System) -> String {
        let (process, place) = match self {
            Self::Domain(process, domain) => (process, format!("domain `{}`", system.domains[domain.index()])),
            Self::Group(process, None) => (process, "no job group".to_owned()),
            Self::Group(process, Some(group)) => {
                (process, format!("job group `{}`", system.job_groups[group.index()].name))
            }
        };
        format!("`{}` in {place}", system.processes[process].name)
    }
}

/// The systems in which one context is scheduled as another, on its own budget.
fn rescheduled(system: &System) -> impl Iterator<Item = (String, System)> {
    let contexts = (0..system.processes.len())
        .flat_map(|process| (0..system.processes[process].contexts.len()).map(move |context| (process, context)));
    contexts.flat_map(move |(process, context)| {
        let own = system.processes[process].contexts[context].schedule;
        let others = (0u8..).map(SchedulingContextId).take(system.scheduling_contexts.len());
        others.filter(move |other| Some(*other) != own).filter_map(move |other| {
            let mut changed = system.clone();
            let added = SchedulingContextId(u8::try_from(system.scheduling_contexts.len()).ok()?);
            let budget = own.and_then(|own| system.scheduling_contexts[own.index()].budget);
            let as_other = &system.scheduling_contexts[other.index()];
            changed.scheduling_contexts.push(SchedulingContext { budget, ..as_other.clone() });
            for window in changed.major_frame.iter_mut().flat_map(|frame| &mut frame.windows) {
                if window.scheduling_contexts.contains(&other) {
                    window.scheduling_contexts.push(added);
                }
            }
            let declared = &mut changed.processes[process].contexts[context];
            declared.schedule = Some(added);
            Some((format!("with `{}` scheduled as `{}`", declared.name, as_other.name), changed))
        })
    })
}

/// A system in time.
struct Side<'s> {
    relation: Relation<'s, FixedPriority, Lattice>,
    lattice: &'s Lattice,
    codec: Codec,
    initial: Situation<FixedPriority>,
    words: usize,
}

impl<'s> Side<'s> {
    fn new(objects: &'s Objects, lattice: &'s Lattice) -> Self {
        let relation = Relation::new(objects, FixedPriority::of(objects), lattice.clone());
        let initial = Situation::bare(relation.initial());
        let codec = Codec::new(objects);
        let (_, words) = Form { relation: &relation, lattice, codec: &codec, most: Most::default() }.size(&initial);
        Self { relation, lattice, codec, initial, words }
    }

    fn form(&self) -> Form<'_, 's, FixedPriority> {
        Form { relation: &self.relation, lattice: self.lattice, codec: &self.codec, most: Most::default() }
    }

    fn pack(&self, run: &Situation<FixedPriority>, words: &mut [u64]) -> bool {
        self.form().pack(run, words)
    }

    fn unpack(&self, words: &[u64]) -> Situation<FixedPriority> {
        self.form().unpack(words, self.initial.clone())
    }

    /// What may be taken next. What time brings has one order.
    fn labels(&self, run: &Situation<FixedPriority>) -> Vec<Label> {
        let offers = self.relation.offers(&run.state);
        let together = if offers.first().is_some_and(is_by_time) { 1 } else { offers.len() };
        let mut labels = Vec::new();
        offers[..together].iter().for_each(|offer| self.relation.for_each_label(*offer, |label| labels.push(label)));
        labels
    }

    /// A refill that is due: the scheduler's own affair, and no pick.
    fn refill(&self, run: &Situation<FixedPriority>) -> Option<Label> {
        let offers = self.relation.offers(&run.state);
        let refill = |offer: &Offer| matches!(offer, Offer::Sched(SchedStep::Replenish(_)));
        offers.into_iter().find(refill).and_then(|offer| match offer {
            Offer::Sched(step) => Some(Label::Sched(step)),
            Offer::Object(_) | Offer::Time(_) => None,
        })
    }
}

/// All that is compared.
struct Separated<'s> {
    /// First the system itself; and those whose processes are labelled otherwise, in words.
    sides: Vec<(String, Side<'s>)>,
    rescheduled: Vec<(String, Objects)>,
    /// Of one run.
    words: usize,
    /// How many there are beside the system, if only those with one change were asked.
    beyond: Option<u128>,
}

/// The system and one of those beside it, on the way through an instant.
#[derive(Clone)]
struct Walk {
    runs: [Situation<FixedPriority>; 2],
    labels: Vec<Label>,
    marks: Marks,
}

/// Where a way through an instant ends.
struct Reached {
    walk: Walk,
    passes: Option<Nanos>,
    /// What is wrong there.
    wrong: Option<String>,
    /// Is it gone on from there?
    follows: bool,
}

impl Separated<'_> {
    fn search<const W: usize>(&self, limits: &Limits<'_>) -> (ModelVerdict, u64) {
        let packed = Packed::<W>(self);
        let found = explore(&packed, limits);
        let summary = &found.summary;
        let verdict = match summary.first(violated(ID).trailing_zeros()) {
            Some(first) => {
                let mut path = found.paths(&packed, &[(first.level, first.sighting.state)]).remove(0).steps;
                path.push(first.sighting);
                self.refuted(&packed, &path)
            }
            None => match ended_early(summary, limits) {
                Some(limit) => ModelVerdict::Unknown { limit: format!("of pairs of systems, {limit}") },
                None if summary.marks & triggered(ID) == 0 => ModelVerdict::Vacuous,
                None => match self.beyond {
                    Some(all) => ModelVerdict::Unknown {
                        limit: format!(
                            "its processes can be labelled in {all} ways, of which at most {MOST_LABELLINGS} are compared; nothing is wrong with those that \
                             differ in one label"
                        ),
                    },
                    None => within(self.objects(), summary.marks),
                },
            },
        };
        (verdict, summary.states)
    }

    fn objects(&self) -> &Objects {
        self.sides[0].1.relation.objects()
    }

    /// The system, and the one of that number.
    fn beside(&self, number: usize) -> [&Side<'_>; 2] {
        [&self.sides[0].1, &self.sides[number].1]
    }

    /// Goes every way through an instant that both can go.
    fn go(
        &self,
        number: usize,
        mut walk: Walk,
        taken: &mut u32,
        reach: &mut impl FnMut(Reached),
    ) -> Result<(), Unrepresentable> {
        let sides = self.beside(number);
        let ends = |walk, passes, wrong, follows| Reached { walk, passes, wrong, follows };
        loop {
            if *taken > MOST_TAKEN {
                return Err(Unrepresentable("there are too many ways through one instant"));
            }
            if walk.labels.len() > MOST_LABELS {
                return Err(Unrepresentable("steps follow each other without end while no time passes"));
            }
            for (at, (side, run)) in sides.iter().zip(&mut walk.runs).enumerate() {
                while let Some(label) = side.refill(run) {
                    side.relation.apply(&mut run.state, label);
                    walk.labels.extend((at == 0).then_some(label));
                }
            }
            if number == 0
                && let Some(wrong) = self.decided_otherwise(&walk.runs[0])
            {
                walk.marks |= violated(ID);
                reach(ends(walk, None, Some(wrong), false));
                return Ok(());
            }
            let [one, other] = [sides[0].labels(&walk.runs[0]), sides[1].labels(&walk.runs[1])];
            *taken += one.len() as u32;
            let passes = |labels: &[Label]| match labels {
                [Label::Time(TimeStep::Elapse(most))] => Some(Some(*most)),
                [] => Some(None),
                _ => None,
            };
            if let (Some(one), Some(other)) = (passes(&one), passes(&other)) {
                let passes = [one, other].into_iter().flatten().min();
                if passes.is_some() || !walk.labels.is_empty() {
                    reach(ends(walk, passes, None, true));
                }
                return Ok(());
            }
            if one != other {
                let wrong = self.picks_apart(number, &walk, [&one, &other]);
                if wrong.is_some() {
                    walk.marks |= violated(ID);
                }
                reach(ends(walk, None, wrong, false));
                return Ok(());
            }
            if matches!(one[..], [Label::Sched(_), ..]) && number > 0 && self.is_contended(&walk.runs[0]) {
                walk.marks |= triggered(ID);
            }
            let (last, others) = match one.split_last() {
                Some((last, others)) => (*last, others),
                None => return Ok(()),
            };
            for label in others {
                let mut after = walk.clone();
                if self.take(sides, &mut after, *label) {
                    self.go(number, after, taken, reach)?;
                } else {
                    reach(ends(after, None, None, false));
                }
            }
            if !self.take(sides, &mut walk, last) {
                reach(ends(walk, None, None, false));
                return Ok(());
            }
        }
    }

    /// Takes a label in both. Is the scheduler still told the same?
    fn take(&self, sides: [&Side<'_>; 2], walk: &mut Walk, label: Label) -> bool {
        let state = &walk.runs[0].state.objects;
        if let Label::Object(Step { action: Action::GiveUp, .. }) = label
            && state.attack_steps == Some(0)
        {
            walk.marks |= CUT;
        }
        for (side, run) in sides.iter().zip(&mut walk.runs) {
            if side.relation.apply(&mut run.state, label) == Some(Outcome::Refused(Refusal::TableFull)) {
                walk.marks |= TABLE_FULL;
            }
        }
        walk.labels.push(label);
        let [one, other] = &walk.runs;
        let told = |context: ContextSlot| {
            let of = |side: &Side<'_>, run: &Situation<FixedPriority>| {
                let (objects, state) = (side.relation.objects(), &run.state.objects);
                let place = &state.contexts[usize::from(context)];
                let at = (
                    place.position,
                    place.phase,
                    state.processes[usize::from(objects.process_of(context))].instance_of,
                );
                (at, objects.is_ready(state, context))
            };
            of(sides[0], one) == of(sides[1], other)
        };
        one.state.time == other.state.time
            && one.state.objects.locks == other.state.objects.locks
            && one.contexts().all(told)
            && sides[0].relation.objects().edges(&one.state.objects)
                == sides[1].relation.objects().edges(&other.state.objects)
    }

    /// Are there two who would have the core?
    fn is_contended(&self, run: &Situation<FixedPriority>) -> bool {
        let objects = self.objects();
        run.contexts().filter(|context| objects.is_ready(&run.state.objects, *context)).count() > 1
    }

    /// Whom the scheduler picks in the one and in the other, if nothing else is different.
    fn picks_apart(&self, number: usize, walk: &Walk, [one, other]: [&[Label]; 2]) -> Option<String> {
        let picks = |labels: &[Label]| {
            labels.iter().all(|label| {
                matches!(label, Label::Sched(_) | Label::Time(TimeStep::Elapse(_) | TimeStep::Begin { .. }))
            })
        };
        if !picks(one) || !picks(other) {
            return None;
        }
        let (objects, state) = (self.objects(), &walk.runs[0].state);
        let sched = self.sides[0].1.relation.sched();
        let who = |labels: &[Label], run: usize| {
            let mut names: Vec<String> = labels
                .iter()
                .filter_map(|label| match label {
                    Label::Sched(SchedStep::Dispatch(context)) => Some(objects.context_name(&state.objects, *context)),
                    Label::Sched(_) => Some("nobody".into()),
                    _ => None,
                })
                .collect();
            if names.is_empty() {
                let running = lacuna_model::sched::Sched::running(sched, &walk.runs[run].state.sched);
                names.extend(running.map(|context| objects.context_name(&state.objects, context)));
            }
            if names.is_empty() { "nobody".to_owned() } else { names.join(" or ") }
        };
        let (here, there) = (who(one, 0), who(other, 1));
        (here != there).then(|| format!("the core goes to {here}; {} it would go to {there}", self.sides[number].0))
    }

    /// What is decided otherwise if one context is scheduled as another.
    fn decided_otherwise(&self, run: &Situation<FixedPriority>) -> Option<String> {
        let (objects, state) = (self.objects(), &run.state.objects);
        let (mut steps, mut also) = (Vec::new(), Vec::new());
        objects.enabled(state, &mut steps);
        self.rescheduled.iter().find_map(|(how, other)| {
            also.clear();
            other.enabled(state, &mut also);
            let same =
                steps == also && steps.iter().all(|step| objects.apply(state, *step) == other.apply(state, *step));
            (!same).then(|| format!("{how}, something else is possible, or comes of it"))
        })
    }

    /// The labels of a path with their times, and what is wrong at its end.
    fn refuted<const W: usize>(&self, packed: &Packed<'_, '_, W>, path: &[Sighting<[u64; W]>]) -> ModelVerdict {
        let objects = self.objects();
        let (mut events, mut now, mut violation): (Vec<Event>, _, _) = (Vec::new(), Nanos(0), None);
        for sighting in path {
            let (mut place, (number, walk)) = (0, packed.unpack(&sighting.state));
            let start = walk.runs[0].clone();
            let told = self.go(number, walk, &mut 0, &mut |reached| {
                if place == sighting.ordinal {
                    let passes = reached.passes.map(|passes| Label::Time(TimeStep::Elapse(passes)));
                    let mut state = start.state.clone();
                    for label in reached.walk.labels.into_iter().chain(passes) {
                        let before = state.objects.clone();
                        let outcome = self.sides[0].1.relation.apply(&mut state, label);
                        events.push(objects.timed_event(&before, label, outcome, &state.objects, now));
                    }
                    now.0 = now.0.saturating_add(reached.passes.unwrap_or_default().0);
                    violation = reached.wrong;
                }
                place += 1;
            });
            // What was gone through once is gone through again.
            if told.is_err() {
                break;
            }
        }
        let trace = Trace { observer: Observer::Checker, events };
        ModelVerdict::Refuted { trace, violation: violation.unwrap_or_else(|| ID.statement().into()), runs: None }
    }
}

/// The same in words: the number of the system beside, and both runs.
struct Packed<'p, 's, const W: usize>(&'p Separated<'s>);

impl<const W: usize> Packed<'_, '_, W> {
    fn pack(&self, number: usize, runs: &[Situation<FixedPriority>; 2]) -> Result<[u64; W], Unrepresentable> {
        let mut words = [0; W];
        let (first, rest) = words.split_at_mut(1);
        first[0] = number as u64;
        let (one, other) = rest.split_at_mut(self.0.words);
        let sides = self.0.beside(number);
        let fits = sides[0].pack(&runs[0], one) && sides[1].pack(&runs[1], other);
        if fits { Ok(words) } else { Err(Unrepresentable("a number is too large")) }
    }

    fn unpack(&self, words: &[u64; W]) -> (usize, Walk) {
        let (number, (one, other)) = (words[0] as usize, words[1..].split_at(self.0.words));
        let sides = self.0.beside(number);
        let runs = [sides[0].unpack(one), sides[1].unpack(other)];
        (number, Walk { runs, labels: Vec::new(), marks: 0 })
    }
}

impl<const W: usize> TransitionSystem for Packed<'_, '_, W> {
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        let each = |number: usize| {
            let runs = self.0.beside(number).map(|side| side.initial.clone());
            self.pack(number, &runs).ok()
        };
        (0..self.0.sides.len()).filter_map(each).collect()
    }

    fn edges(
        &self,
        (): &mut (),
        packed: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let (number, walk) = self.unpack(packed);
        let sides = self.0.beside(number);
        let (mut label, mut fits) = (0, Ok(()));
        self.0.go(number, walk, &mut 0, &mut |reached| {
            let (mut runs, marks) = (reached.walk.runs, reached.walk.marks);
            for (side, run) in sides.iter().zip(&mut runs) {
                if let Some(passes) = reached.passes {
                    side.relation.apply(&mut run.state, Label::Time(TimeStep::Elapse(passes)));
                }
            }
            let overrun = runs.iter().zip(sides).any(|(run, side)| run.is_overrun(side.relation.objects()));
            let after = if reached.follows && !overrun { self.pack(number, &runs) } else { Ok(*packed) };
            match after {
                Ok(after) if fits.is_ok() => visit(Edge { after, marks, label }),
                Ok(_) => {}
                Err(error) => fits = Err(error),
            }
            label += 1;
        })?;
        fits
    }

    /// Whether somebody waits for ever is a question to the untimed model.
    fn may_stop(&self, _: &[u64; W]) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use lacuna_model::profile::{Coupling, Profile};

    use super::*;

    fn library(name: &str) -> System {
        let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap();
        let system = entry.system().unwrap();
        // Of which whatever the library declares is a multiple.
        System { tick: system.tick.or(Some(Nanos(200_000))), ..system }
    }

    fn lattice(system: &System) -> Lattice {
        Lattice::new(system, system.tick.unwrap(), 8).unwrap()
    }

    /// Three processes in two domains and one group, which has room for two.
    #[test]
    fn every_labelling_of_the_processes_is_a_system_beside() {
        let system = library("group-schedule");
        let (all, beyond) = relabelled(&system);
        let all: Vec<String> = all.into_iter().map(|(how, _)| how).collect();
        // Four labels of each of three, but for the declared ones; those with one change first.
        assert_eq!((all.len(), beyond), (63, None), "{all:?}");
        assert!(all[..6].iter().all(|how| !how.contains(", ")) && all[6].contains(", "), "{all:?}");
        assert!(all.contains(&"with `control` in job group `job`".to_owned()), "{all:?}");
        let under = |coupling| {
            let objects = Objects::new(&system, &Profile { coupling, ..Profile::ideal() }).unwrap();
            check(&objects, &lattice(&system), &Limits::default())
        };
        // In all domains, and not all three in the group: 8 · 7 systems, of eight states each.
        assert_eq!(under(Coupling::Separate), (ModelVerdict::Proved, 448));
        for (coupling, moves) in [(Coupling::WithGroup, "in no job group"), (Coupling::WithDomain, "in domain `")] {
            let ModelVerdict::Refuted { violation, .. } = under(coupling).0 else { panic!("{coupling:?}") };
            assert!(violation.contains(moves), "{violation}");
        }
    }

    /// Who is never beside another is never picked.
    #[test]
    fn where_nobody_competes_nothing_is_said() {
        let mut system = library("group-schedule");
        system.processes.truncate(1);
        let objects = Objects::new(&system, &Profile::ideal()).unwrap();
        // It is alone, in the other domain, in no group, and both.
        assert_eq!(relabelled(&system).0.len(), 3);
        assert_eq!(check(&objects, &lattice(&system), &Limits::default()).0, ModelVerdict::Vacuous);
    }

    /// Each context as each other scheduling context, in its windows, on its own budget.
    #[test]
    fn every_other_schedule_of_one_context_is_a_system_beside() {
        let system = library("covert-timing");
        let all: Vec<(String, System)> = rescheduled(&system).collect();
        let how: Vec<&str> = all.iter().map(|(how, _)| how.as_str()).collect();
        assert_eq!(how, ["with `main` scheduled as `guest`", "with `main` scheduled as `payload`"]);
        let changed = &all[0].1;
        let by = changed.processes[0].contexts[0].schedule.unwrap();
        let (own, other) = (&system.scheduling_contexts[0], &system.scheduling_contexts[1]);
        let now = &changed.scheduling_contexts[by.index()];
        assert_eq!((now.priority, now.budget), (other.priority, own.budget));
        let windows = &changed.major_frame.as_ref().unwrap().windows;
        assert!(!windows[0].scheduling_contexts.contains(&by) && windows[1].scheduling_contexts.contains(&by));
    }

    /// A budget does decide something: with another one a reattachment is refused. Were it changed too, that would be found.
    #[test]
    fn a_decision_that_hangs_on_a_schedule_is_found() {
        let system = library("driver-failover");
        let objects = Objects::new(&system, &Profile::ideal()).unwrap();
        let mut poorer = system.clone();
        for budget in poorer.scheduling_contexts.iter_mut().filter_map(|scheduling| scheduling.budget.as_mut()) {
            budget.amount = Nanos(1_000_000);
            budget.period = Nanos(1_000_000_000);
        }
        let lattice = lattice(&system);
        let sides = vec![("as it is".into(), Side::new(&objects, &lattice))];
        let words = sides[0].1.words;
        let beside = |system: &System| vec![("with less".to_owned(), objects.with_system(system).unwrap())];
        let separated = Separated { sides, rescheduled: beside(&poorer), words, beyond: None };
        let ModelVerdict::Refuted { violation, trace, .. } = separated.search::<24>(&Limits::default()).0 else {
            panic!("it is found")
        };
        assert!(violation.contains("with less") && !trace.events.is_empty(), "{violation}");
        let same = Separated { rescheduled: beside(&system), ..separated };
        assert_eq!(same.search::<24>(&Limits::default()).0, ModelVerdict::Vacuous);
    }
}
