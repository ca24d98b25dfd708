//! Timing noninterference (G11): two runs on the lattice, side by side, each scheduled from its own state. Time passes for both at once, and at each
//! instant every way of the one goes with every way of the other, if they break ties alike.
//!
//! Beside the pair goes A, the set of the domains to which nothing may have come that differs
//! (`guarantee/g11_timing_noninterference.rs`). A domain of the set that chooses otherwise leaves it, and so does whoever it may flow to; so does
//! whoever may learn of a domain that acts and is not in it. If a domain that is still in it sees a difference, it is refuted. There is no other way to
//! align two runs than by the time; so what the whole product does not refute is proved.

use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Codec, Seen, View, Views};
use lacuna_model::relation::{Label, Relation};
use lacuna_model::sched::Sched;
use lacuna_model::system::DomainId;
use lacuna_model::time::{Lattice, TimeStep};
use lacuna_model::trace::{Event, TwoRuns};
use lacuna_model::units::Nanos;

use super::clocks::{Most, Situation};
use super::form::{Form, too_wide};
use super::instant::OVERRUN;
use super::record::{Compared, Record};
use super::ways::each_way;
use super::{ended_early, within};
use crate::engine::{Edge, Limits, Marks, Sighting, TransitionSystem, Unrepresentable, explore};
use crate::kernel::{CUT, TABLE_FULL, triggered, violated};

const ID: GuaranteeId = GuaranteeId::G11;
/// A set of domains is one word.
const MOST_DOMAINS: usize = 64;

/// What is said of it, and after how many pairs.
pub(super) fn check<S: Sched + Sync>(
    relation: &Relation<'_, S, Lattice>,
    lattice: &Lattice,
    codec: &Codec,
    limits: &Limits<'_>,
) -> (ModelVerdict, u64)
where
    S::State: Sync,
{
    let system = relation.objects().system();
    let many = system.domains.len();
    if system.flows.is_none() {
        return (ModelVerdict::Vacuous, 0);
    }
    if many > MOST_DOMAINS {
        return (ModelVerdict::Unknown { limit: format!("more than {MOST_DOMAINS} domains") }, 0);
    }
    let domains: Vec<DomainId> = (0u8..).map(DomainId).take(many).collect();
    let set = |of: &dyn Fn(&DomainId) -> bool| {
        domains.iter().filter(|domain| of(domain)).fold(0, |set, domain| set | 1 << domain.0)
    };
    let flows = domains.iter().map(|from| set(&|to: &DomainId| system.may_flow(*from, *to))).collect();
    let initial = Situation::bare(relation.initial());
    let (_, words) = Form { relation, lattice, codec, most: Most::default() }.size(&initial);
    let all = set(&|_| true);
    let pairs = Pairs { relation, lattice, codec, views: Views::new(relation.objects()), flows, all, initial, words };
    macro_rules! widths {
        ($($words:literal)*) => {
            match 1 + 2 * words {
                $(needed if needed <= $words => pairs.search::<$words>(limits),)*
                needed => (too_wide(needed), 0),
            }
        };
    }
    widths!(8 24 64)
}

/// The product.
struct Pairs<'r, 'a, S: Sched> {
    relation: &'r Relation<'a, S, Lattice>,
    lattice: &'r Lattice,
    codec: &'r Codec,
    views: Views<'a>,
    /// Whom each domain may flow to, itself too.
    flows: Vec<u64>,
    all: u64,
    initial: Situation<S>,
    /// Of one run.
    words: usize,
}

/// Two runs, and the domains to which nothing may have come that differs, a bit each.
struct Pair<S: Sched> {
    runs: [Situation<S>; 2],
    alike: u64,
}

/// Where a pair may go.
struct Move<'m, 'p, 'a, S: Sched> {
    ways: [&'m Record<'p, 'a, S>; 2],
    /// Who sees a difference that should not.
    observer: Option<DomainId>,
    marks: Marks,
    /// How much time passes then.
    passes: Option<Nanos>,
    /// Where it leads; nowhere, if it is not followed.
    after: Option<Pair<S>>,
}

impl<'a, S: Sched + Sync> Pairs<'_, 'a, S>
where
    S::State: Sync,
{
    fn domains(&self) -> impl Iterator<Item = DomainId> + use<S> {
        (0..self.flows.len() as u8).map(DomainId)
    }

    fn search<const W: usize>(&self, limits: &Limits<'_>) -> (ModelVerdict, u64) {
        let packed = Packed::<S, W>(self);
        let found = explore(&packed, limits);
        let summary = &found.summary;
        let verdict = match summary.first(violated(ID).trailing_zeros()) {
            Some(first) => {
                let mut path = found.paths(&packed, &[(first.level, first.sighting.state)]).remove(0).steps;
                path.push(first.sighting);
                self.refuted(&packed, &path)
            }
            None => match ended_early(summary, limits) {
                Some(limit) => ModelVerdict::Unknown { limit: format!("of pairs, {limit}") },
                None if summary.marks & OVERRUN != 0 => ModelVerdict::Unknown {
                    limit: "a task misses its deadlines, and nothing bounds how many of its jobs then wait".into(),
                },
                None if summary.marks & triggered(ID) == 0 => ModelVerdict::Vacuous,
                None => within(self.relation.objects(), summary.marks),
            },
        };
        (verdict, summary.states)
    }

    /// Every way of a run through an instant.
    fn ways<'p>(&'p self, run: &Situation<S>) -> Result<Vec<Record<'p, 'a, S>>, Unrepresentable> {
        let mut ways = Vec::new();
        each_way(self.relation, Record::new(self.relation, &self.views, run.clone()), &mut |mut way, most| {
            way.most = most;
            ways.push(way);
            Ok(())
        })?;
        Ok(ways)
    }

    /// Goes every way of the one run with every way of the other.
    fn moves(&self, pair: &Pair<S>, mut visit: impl FnMut(Move<'_, '_, 'a, S>)) -> Result<(), Unrepresentable> {
        let ([left, right], mut stuck) = ([self.ways(&pair.runs[0])?, self.ways(&pair.runs[1])?], true);
        for one in &left {
            for other in &right {
                if !one.breaks_ties_as(other) {
                    continue;
                }
                stuck = false;
                let passes = [one.most, other.most].into_iter().flatten().min();
                if passes.is_some() || !one.labels.is_empty() || !other.labels.is_empty() {
                    visit(self.goes(pair.alike, [one, other], passes));
                }
            }
        }
        if stuck {
            return Err(Unrepresentable(
                "the product of two runs is stuck: no way of the one goes with any of the other",
            ));
        }
        Ok(())
    }

    /// Two ways at once.
    fn goes<'m, 'p>(&self, alike: u64, ways: [&'m Record<'p, 'a, S>; 2], passes: Option<Nanos>) -> Move<'m, 'p, 'a, S> {
        let [one, other] = ways;
        let (mut kept, mut differs, mut bounded) = (alike, 0, 0);
        for domain in self.domains() {
            let bit = 1u64 << domain.0;
            if alike & bit == 0 {
                continue;
            }
            match one.compared(other, domain) {
                Compared::Same => {}
                Compared::ChoseOtherwise => kept &= !self.flows[domain.index()],
                Compared::Differs => differs |= bit,
                Compared::OutOfBounds => bounded |= bit,
            }
        }
        // Whoever is not in the set any more and acts passes on what it may know.
        loop {
            let acts = |domain: &DomainId| kept & (1 << domain.0) == 0 && (one.acts(*domain) || other.acts(*domain));
            let told = self.domains().filter(acts).fold(kept, |kept, domain| kept & !self.flows[domain.index()]);
            if told == kept {
                break;
            }
            kept = told;
        }
        let mut marks = 0;
        if one.is_cut || other.is_cut {
            marks |= CUT;
        }
        if one.table_full || other.table_full {
            marks |= TABLE_FULL;
        }
        if kept & bounded != 0 {
            return Move { ways, observer: None, marks, passes, after: None };
        }
        if kept != self.all && kept != 0 {
            marks |= triggered(ID);
        }
        let in_set = |domain: &DomainId| kept & (1 << domain.0) != 0;
        let sees = |domain: &DomainId| differs & (1 << domain.0) != 0 || self.sees_apart(ways, *domain);
        let observer = self.domains().filter(in_set).find(sees);
        if observer.is_some() {
            marks |= violated(ID);
        }
        let mut runs = ways.map(|way| way.situation.clone());
        if let Some(passes) = passes {
            for run in &mut runs {
                self.relation.apply(&mut run.state, Label::Time(TimeStep::Elapse(passes)));
            }
        }
        if runs.iter().any(|run| run.is_overrun(self.relation.objects())) {
            return Move { ways, observer, marks: marks | OVERRUN, passes, after: None };
        }
        let after = (kept != 0).then_some(Pair { runs, alike: kept });
        Move { ways, observer, marks, passes, after }
    }

    /// Does the domain see something else at the end of the one than of the other?
    fn sees_apart(&self, ways: [&Record<'_, 'a, S>; 2], domain: DomainId) -> bool {
        let [one, other] = ways.map(|way| &way.situation.state.objects);
        ways[0].on_core(domain) != ways[1].on_core(domain)
            || (one != other && self.views.view(one, domain) != self.views.view(other, domain))
    }

    fn form(&self) -> Form<'_, 'a, S> {
        Form { relation: self.relation, lattice: self.lattice, codec: self.codec, most: Most::default() }
    }

    /// Two runs, side by side, with their times.
    fn refuted<const W: usize>(&self, packed: &Packed<'_, '_, 'a, S, W>, path: &[Sighting<[u64; W]>]) -> ModelVerdict {
        let objects = self.relation.objects();
        let (mut steps, mut sees, mut observer, mut now) = (Vec::new(), [String::new(), String::new()], None, Nanos(0));
        for sighting in path {
            let (mut place, pair) = (0, packed.unpack(&sighting.state));
            let told = self.moves(&pair, |way| {
                if place == sighting.ordinal {
                    let of = |side: usize| self.events(&pair.runs[side], &way.ways[side].labels, now);
                    steps.extend(side_by_side([of(0), of(1)]));
                    if let Some(passes) = way.passes {
                        let label = Label::Time(TimeStep::Elapse(passes));
                        steps.push(way.ways.map(|way| {
                            let state = &way.situation.state.objects;
                            Some(objects.timed_event(state, label, None, state, now))
                        }));
                        now.0 = now.0.saturating_add(passes.0);
                    }
                    if let Some(domain) = way.observer {
                        observer = Some(domain);
                        sees = self.sees(way.ways, domain);
                    }
                }
                place += 1;
            });
            // What was gone through once is gone through again.
            if told.is_err() {
                break;
            }
        }
        let name = observer.map_or("somebody", |domain| &objects.system().domains[domain.index()]);
        let violation =
            format!("`{name}` tells two runs apart, by time or otherwise, that differ in nothing which may flow to it");
        let runs = TwoRuns { observer: name.into(), steps, sees };
        ModelVerdict::Refuted { trace: runs.second(), violation, runs: Some(Box::new(runs)) }
    }

    fn events(&self, run: &Situation<S>, labels: &[Label], now: Nanos) -> Vec<Event> {
        let mut state = run.state.clone();
        let each = labels.iter().map(|label| {
            let before = state.objects.clone();
            let outcome = self.relation.apply(&mut state, *label);
            self.relation.objects().timed_event(&before, *label, outcome, &state.objects, now)
        });
        each.collect()
    }

    /// What a domain sees at the end of each run, of what differs.
    fn sees(&self, ways: [&Record<'_, 'a, S>; 2], domain: DomainId) -> [String; 2] {
        let objects = self.relation.objects();
        let views = ways.map(|way| self.views.view(&way.situation.state.objects, domain));
        let only = |own: &View, other: &View, way: &Record<'_, 'a, S>, differs: bool| {
            let apart = |seen: &&Seen| !other.contains(seen);
            let mut parts: Vec<String> = own.iter().filter(apart).map(|seen| self.views.describe(seen)).collect();
            let running = self.relation.sched().running(&way.situation.state.sched);
            if differs
                && way.on_core(domain).is_some()
                && let Some(running) = running
            {
                parts.push(format!("{} on the core", objects.context_name(&way.situation.state.objects, running)));
            } else if differs {
                parts.push("none of its own on the core".into());
            }
            parts.join(", ")
        };
        let differs = ways[0].on_core(domain) != ways[1].on_core(domain);
        [only(&views[0], &views[1], ways[0], differs), only(&views[1], &views[0], ways[1], differs)]
    }
}

/// What happens in both in one row, as far as their order allows.
fn side_by_side([left, right]: [Vec<Event>; 2]) -> Vec<[Option<Event>; 2]> {
    let (mut rows, mut right) = (Vec::new(), std::collections::VecDeque::from(right));
    for event in left {
        match right.iter().position(|other| other.label == event.label) {
            Some(at) => {
                rows.extend(right.drain(..at).map(|other| [None, Some(other)]));
                rows.push([Some(event), right.pop_front()]);
            }
            None => rows.push([Some(event), None]),
        }
    }
    rows.extend(right.into_iter().map(|other| [None, Some(other)]));
    rows
}

/// The same in words.
struct Packed<'p, 'r, 'a, S: Sched, const W: usize>(&'p Pairs<'r, 'a, S>);

impl<S: Sched + Sync, const W: usize> Packed<'_, '_, '_, S, W>
where
    S::State: Sync,
{
    fn pack(&self, pair: &Pair<S>) -> Result<[u64; W], Unrepresentable> {
        let mut words = [0; W];
        let (alike, runs) = words.split_at_mut(1);
        alike[0] = pair.alike;
        let (one, other) = runs.split_at_mut(self.0.words);
        let form = self.0.form();
        let fits = form.pack(&pair.runs[0], one) && form.pack(&pair.runs[1], other);
        if fits { Ok(words) } else { Err(Unrepresentable("a number is too large")) }
    }

    fn unpack(&self, words: &[u64; W]) -> Pair<S> {
        let (alike, runs) = words.split_at(1);
        let (one, other) = runs.split_at(self.0.words);
        let read = |words| self.0.form().unpack(words, self.0.initial.clone());
        Pair { runs: [read(one), read(other)], alike: alike[0] }
    }
}

impl<S: Sched + Sync, const W: usize> TransitionSystem for Packed<'_, '_, '_, S, W>
where
    S::State: Sync,
{
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        let runs = [self.0.initial.clone(), self.0.initial.clone()];
        self.pack(&Pair { runs, alike: self.0.all }).into_iter().collect()
    }

    fn edges(
        &self,
        (): &mut (),
        packed: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let (mut label, mut fits) = (0, Ok(()));
        self.0.moves(&self.unpack(packed), |way| {
            match way.after.as_ref().map_or(Ok(*packed), |after| self.pack(after)) {
                Ok(after) if fits.is_ok() => visit(Edge { after, marks: way.marks, label }),
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
