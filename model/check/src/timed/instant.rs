//! The system that a timed search explores: an edge is a way through an instant.

use std::sync::atomic::{AtomicU64, Ordering};

use lacuna_model::coding::{Reader, Writer};
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Action, Codec, ContextSlot, Outcome, Refusal};
use lacuna_model::relation::{Label, Offer, Relation};
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::time::{Lattice, TimeOffer, TimeStep};
use lacuna_model::trace::{Observer, Trace};
use lacuna_model::units::Nanos;

use super::clocks::Situation;
use crate::engine::{Edge, Marks, Path, TransitionSystem, Unrepresentable};
use crate::kernel::{CUT, TABLE_FULL, triggered, violated};

/// The mark of an instant after which more jobs wait than there is room for.
pub(super) const OVERRUN: Marks = 1 << 61;
/// Labels of one instant.
const MOST_LABELS: usize = 1_000;
/// Labels taken on all ways through one instant.
const MOST_TAKEN: u32 = 1 << 16;

/// A system in time, in states of `W` words.
pub(super) struct Timed<'a, S: Sched, const W: usize> {
    pub(super) relation: Relation<'a, S, Lattice>,
    pub(super) lattice: Lattice,
    pub(super) codec: Codec,
    pub(super) initial: Situation<S>,
    /// At which clocks of waiting stop.
    pub(super) most_waited: Nanos,
    /// The longest response of each task so far, and 1.
    pub(super) worst: Vec<AtomicU64>,
}

/// A way through an instant, under way.
struct Way<'v, V> {
    labels: Vec<Label>,
    marks: Marks,
    taken: u32,
    visit: &'v mut V,
}

impl<'v, V> Way<'v, V> {
    fn new(visit: &'v mut V) -> Self {
        Self { labels: Vec::new(), marks: 0, taken: 0, visit }
    }
}

impl<S: Sched, const W: usize> Timed<'_, S, W> {
    fn pack(&self, situation: &Situation<S>) -> Result<[u64; W], Unrepresentable> {
        let mut words = [0; W];
        let (objects, time) = words.split_at_mut(self.codec.words());
        let fits = self.codec.pack(&situation.state.objects, objects).is_ok();
        let mut writer = Writer::new(time, self.lattice.tick());
        situation.clone().code(&self.relation, &self.lattice, self.most_waited, &mut writer);
        if fits && writer.fits() { Ok(words) } else { Err(Unrepresentable("a number is too large")) }
    }

    fn unpack(&self, words: &[u64; W]) -> Situation<S> {
        let mut situation = self.initial.clone();
        let (objects, time) = words.split_at(self.codec.words());
        self.codec.unpack(objects, &mut situation.state.objects);
        let mut reader = Reader::new(time, self.lattice.tick());
        situation.code(&self.relation, &self.lattice, self.most_waited, &mut reader);
        self.relation.tell_of_locks(&mut situation.state);
        situation
    }

    /// Goes every way through the instant that begins here; `visit` is told of each, with what is after it.
    fn instant<V>(&self, mut situation: Situation<S>, way: &mut Way<'_, V>) -> Result<(), Unrepresentable>
    where
        V: FnMut(&[Label], Marks, &Situation<S>) -> Result<(), Unrepresentable>,
    {
        let (length, marks) = (way.labels.len(), way.marks);
        let mut labels = Vec::new();
        loop {
            if way.taken > MOST_TAKEN {
                return Err(Unrepresentable("there are too many ways through one instant"));
            }
            if way.labels.len() > MOST_LABELS {
                return Err(Unrepresentable("steps follow each other without end while no time passes"));
            }
            labels.clear();
            let offers = self.relation.offers(&situation.state);
            // What time brings has one order; of what is chosen, everything is.
            let together = if offers.first().is_some_and(is_by_time) { 1 } else { offers.len() };
            for offer in &offers[..together] {
                self.relation.for_each_label(*offer, |label| labels.push(label));
            }
            match labels[..] {
                [] => {
                    // Nothing is ever going to happen; that is the end of the way, if there was one.
                    if !way.labels.is_empty() {
                        self.arrive(way, &situation)?;
                    }
                    break;
                }
                [label] => {
                    self.take(&mut situation, label, way);
                    if matches!(label, Label::Time(TimeStep::Elapse(_))) {
                        self.arrive(way, &situation)?;
                        break;
                    }
                }
                _ => {
                    for label in &labels {
                        let (length, marks) = (way.labels.len(), way.marks);
                        let mut after = situation.clone();
                        self.take(&mut after, *label, way);
                        self.instant(after, way)?;
                        way.labels.truncate(length);
                        way.marks = marks;
                    }
                    break;
                }
            }
        }
        way.labels.truncate(length);
        way.marks = marks;
        Ok(())
    }

    fn arrive<V>(&self, way: &mut Way<'_, V>, situation: &Situation<S>) -> Result<(), Unrepresentable>
    where
        V: FnMut(&[Label], Marks, &Situation<S>) -> Result<(), Unrepresentable>,
    {
        (way.visit)(&way.labels, way.marks, situation)
    }

    /// Takes a label, and notes what is to be known of it.
    fn take<V>(&self, situation: &mut Situation<S>, label: Label, way: &mut Way<'_, V>) {
        match label {
            Label::Time(TimeStep::Arrive { .. }) => way.marks |= triggered(GuaranteeId::G18),
            Label::Time(TimeStep::Elapse(duration)) => {
                for id in [GuaranteeId::G18, GuaranteeId::G20] {
                    if self.breach(situation, duration, id).is_some() {
                        way.marks |= violated(id);
                    }
                }
                if situation.somebody_waits(self.relation.objects()) {
                    way.marks |= triggered(GuaranteeId::G20);
                }
            }
            Label::Object(step) => match step.action {
                Action::JobDone => self.note_response(situation, step.context),
                Action::GiveUp if situation.state.objects.attack_steps == Some(0) => way.marks |= CUT,
                _ => {}
            },
            Label::Sched(_) | Label::Time(_) => {}
        }
        if self.apply(situation, label) == Some(Outcome::Refused(Refusal::TableFull)) {
            way.marks |= TABLE_FULL;
        }
        way.labels.push(label);
        way.taken += 1;
    }

    fn apply(&self, situation: &mut Situation<S>, label: Label) -> Option<Outcome> {
        if let Label::Time(TimeStep::Elapse(duration)) = label {
            situation.elapse(&self.relation, duration, self.most_waited);
        }
        let outcome = self.relation.apply(&mut situation.state, label);
        if outcome.is_some() {
            situation.settle();
        }
        outcome
    }

    /// Whom the passing of so much time breaks a guarantee to, and the bound.
    fn breach(&self, situation: &Situation<S>, duration: Nanos, id: GuaranteeId) -> Option<(ContextSlot, Nanos)> {
        match id {
            GuaranteeId::G18 => situation.first_miss(self.relation.objects(), duration),
            GuaranteeId::G20 => situation.first_inversion(&self.relation, duration),
            _ => None,
        }
    }

    fn note_response(&self, situation: &Situation<S>, context: ContextSlot) {
        let objects = self.relation.objects();
        let slot = usize::from(objects.process_of(context));
        let of = (situation.state.objects.processes[slot].instance_of, objects.index_in_process(context));
        let index = objects.system().tasks().iter().position(|task| *task == of);
        let worst = index.and_then(|index| self.worst.get(index));
        if let (Some((_, age)), Some(worst)) = (situation.age(objects, context), worst) {
            worst.fetch_max(age.0.saturating_add(1), Ordering::Relaxed);
        }
    }

    /// The labels of a path with their times, and what is wrong at its end.
    pub(super) fn story(&self, path: &Path<[u64; W]>, id: GuaranteeId) -> (Trace, String) {
        let objects = self.relation.objects();
        let (mut events, mut now, mut wrong) = (Vec::new(), Nanos(0), None);
        for sighting in &path.steps {
            let (mut place, mut chosen) = (0, Vec::new());
            let mut keep = |labels: &[Label], _: Marks, _: &Situation<S>| {
                if place == sighting.ordinal {
                    chosen.extend_from_slice(labels);
                }
                place += 1;
                Ok(())
            };
            let mut situation = self.unpack(&sighting.state);
            // What was gone through once is gone through again, to the same end.
            if self.instant(situation.clone(), &mut Way::new(&mut keep)).is_err() && chosen.is_empty() {
                break;
            }
            for label in chosen {
                if let Label::Time(TimeStep::Elapse(duration)) = label {
                    wrong = self.breach(&situation, duration, id).map(|(context, bound)| {
                        let name = objects.context_name(&situation.state.objects, context);
                        match id {
                            GuaranteeId::G18 => format!("a job of {name} has not ended {bound} after its arrival"),
                            _ => format!("less urgent contexts keep {name} waiting for more than {bound}"),
                        }
                    });
                }
                let before = situation.state.objects.clone();
                let outcome = self.apply(&mut situation, label);
                events.push(objects.timed_event(&before, label, outcome, &situation.state.objects, now));
                if let Label::Time(TimeStep::Elapse(duration)) = label {
                    now.0 = now.0.saturating_add(duration.0);
                }
            }
        }
        (Trace { observer: Observer::Checker, events }, wrong.unwrap_or_else(|| id.statement().into()))
    }
}

/// Is it an event that time brings, and no choice of anybody who runs?
fn is_by_time(offer: &Offer) -> bool {
    match offer {
        Offer::Object(step) => step.action.is_by_the_kernel(),
        Offer::Sched(SchedStep::Replenish(_)) => true,
        Offer::Time(TimeOffer::Arrive { .. } | TimeOffer::Release(_)) => true,
        Offer::Sched(SchedStep::Dispatch(_) | SchedStep::Idle) | Offer::Time(_) => false,
    }
}

impl<S: Sched + Sync, const W: usize> TransitionSystem for Timed<'_, S, W>
where
    S::State: Sync,
{
    type State = [u64; W];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; W]> {
        self.pack(&self.initial).into_iter().collect()
    }

    fn edges(
        &self,
        (): &mut (),
        packed: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        let mut place = 0;
        let mut tell = |_: &[Label], marks: Marks, after: &Situation<S>| {
            // Where too many jobs wait the search goes no further.
            let overrun = after.is_overrun(self.relation.objects());
            let (after, marks) = if overrun { (*packed, marks | OVERRUN) } else { (self.pack(after)?, marks) };
            visit(Edge { after, marks, label: place });
            place += 1;
            Ok(())
        };
        self.instant(self.unpack(packed), &mut Way::new(&mut tell))
    }

    /// Whether somebody waits for ever is a question to the untimed model.
    fn may_stop(&self, _: &[u64; W]) -> bool {
        true
    }
}
