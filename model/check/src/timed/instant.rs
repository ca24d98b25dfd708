//! The system that a timed search explores: an edge is a way through an instant.

use std::sync::atomic::{AtomicU64, Ordering};

use lacuna_model::guarantee::{BOUNDED, GuaranteeId};
use lacuna_model::objects::{Action, Codec, ContextSlot, Outcome, ProcessSlot, Refusal};
use lacuna_model::relation::{Label, Relation, StateOf};
use lacuna_model::sched::Sched;
use lacuna_model::time::{Lattice, TimeStep};
use lacuna_model::trace::{Observer, Trace};
use lacuna_model::units::Nanos;

use super::clocks::{Most, Situation};
use super::form::Form;
use super::ways::{Walker, each_way};
use crate::engine::{Edge, Marks, Path, TransitionSystem, Unrepresentable};
use crate::kernel::{CUT, TABLE_FULL, triggered, violated};

/// The mark of an instant after which more jobs wait than there is room for.
pub(super) const OVERRUN: Marks = 1 << 61;
/// A system in time, in states of `W` words.
pub(super) struct Timed<'a, S: Sched, const W: usize> {
    pub(super) relation: Relation<'a, S, Lattice>,
    pub(super) lattice: Lattice,
    pub(super) codec: Codec,
    pub(super) initial: Situation<S>,
    /// At which clocks stop.
    pub(super) most: Most,
    /// The longest response of each task so far, and 1.
    pub(super) worst: Vec<AtomicU64>,
    /// By the place of the guarantee in [`BOUNDED`], the longest from when a program came to a kill or a lock-down to the end of one whom that was to
    /// end, and 1.
    pub(super) last_death: [AtomicU64; BOUNDED.len()],
}

/// Whom the passing of time breaks a guarantee to, and the bound.
#[derive(Debug, Clone, Copy)]
enum Breach {
    /// A job has not ended by its deadline.
    Miss(ContextSlot, Nanos),
    /// Less urgent contexts keep it waiting for too long.
    Inversion(ContextSlot, Nanos),
    /// It was to be ended, and lives.
    Late(ProcessSlot, Nanos),
}

/// A way through an instant, under way.
struct Way<'t, 'a, S: Sched, const W: usize> {
    timed: &'t Timed<'a, S, W>,
    situation: Situation<S>,
    labels: Vec<Label>,
    marks: Marks,
}

impl<S: Sched, const W: usize> Clone for Way<'_, '_, S, W> {
    fn clone(&self) -> Self {
        let Self { timed, marks, .. } = *self;
        Self { timed, situation: self.situation.clone(), labels: self.labels.clone(), marks }
    }
}

impl<S: Sched, const W: usize> Walker<S> for Way<'_, '_, S, W> {
    fn state(&self) -> &StateOf<S, Lattice> {
        &self.situation.state
    }

    fn length(&self) -> usize {
        self.labels.len()
    }

    /// Takes a label, and notes what is to be known of it.
    fn take(&mut self, label: Label, _: &[Label]) {
        let (timed, situation) = (self.timed, &mut self.situation);
        match label {
            Label::Time(TimeStep::Arrive { .. }) => self.marks |= triggered(GuaranteeId::G18),
            Label::Time(TimeStep::Elapse(duration)) => {
                for id in [GuaranteeId::G18, GuaranteeId::G20].iter().chain(BOUNDED) {
                    if timed.breach(situation, duration, *id).is_some() {
                        self.marks |= violated(*id);
                    }
                }
                if situation.somebody_waits(timed.relation.objects()) {
                    self.marks |= triggered(GuaranteeId::G20);
                }
            }
            Label::Object(step) => match step.action {
                Action::JobDone => timed.note_response(situation, step.context),
                Action::GiveUp if situation.state.objects.attack_steps == Some(0) => self.marks |= CUT,
                _ => {}
            },
            Label::Sched(_) | Label::Time(_) => {}
        }
        for id in BOUNDED.iter().filter(|id| timed.most.within.asks(**id)) {
            if situation.deaths.is_triggered(timed.relation.objects(), &situation.state.objects, *id) {
                self.marks |= triggered(*id);
            }
        }
        if timed.apply(situation, label) == Some(Outcome::Refused(Refusal::TableFull)) {
            self.marks |= TABLE_FULL;
        }
        self.labels.push(label);
    }
}

impl<'a, S: Sched, const W: usize> Timed<'a, S, W> {
    fn form(&self) -> Form<'_, 'a, S> {
        let Self { relation, lattice, codec, most, .. } = self;
        Form { relation, lattice, codec, most: *most }
    }

    fn pack(&self, situation: &Situation<S>) -> Result<[u64; W], Unrepresentable> {
        let mut words = [0; W];
        if self.form().pack(situation, &mut words) { Ok(words) } else { Err(Unrepresentable("a number is too large")) }
    }

    fn unpack(&self, words: &[u64; W]) -> Situation<S> {
        self.form().unpack(words, self.initial.clone())
    }

    /// Goes every way through the instant that begins here, and on until something can happen again; `visit` is told of each.
    fn instant(
        &self,
        situation: Situation<S>,
        visit: &mut impl FnMut(&[Label], Marks, &Situation<S>) -> Result<(), Unrepresentable>,
    ) -> Result<(), Unrepresentable> {
        let way = Way { timed: self, situation, labels: Vec::new(), marks: 0 };
        each_way(&self.relation, way, &mut |mut way, most| {
            match most {
                Some(most) => way.take(Label::Time(TimeStep::Elapse(most)), &[]),
                // Nothing is ever going to happen; that is the end of the way, if there was one.
                None if way.labels.is_empty() => return Ok(()),
                None => {}
            }
            visit(&way.labels, way.marks, &way.situation)
        })
    }

    fn apply(&self, situation: &mut Situation<S>, label: Label) -> Option<Outcome> {
        if let Label::Time(TimeStep::Elapse(duration)) = label {
            situation.elapse(&self.relation, duration, &self.most);
        }
        let Label::Object(step) = label else { return self.relation.apply(&mut situation.state, label) };
        let before = situation.state.objects.clone();
        let outcome = self.relation.apply(&mut situation.state, label);
        situation.settle();
        let objects = self.relation.objects();
        let ended = situation.deaths.follow(objects, (&before, step, &situation.state.objects), &self.most.within);
        for (longest, ended) in self.last_death.iter().zip(ended) {
            if let Some(ended) = ended {
                longest.fetch_max(ended.0.saturating_add(1), Ordering::Relaxed);
            }
        }
        outcome
    }

    /// What the passing of so much time breaks of a guarantee.
    fn breach(&self, situation: &Situation<S>, duration: Nanos, id: GuaranteeId) -> Option<Breach> {
        let objects = self.relation.objects();
        match id {
            GuaranteeId::G18 => situation.first_miss(objects, duration).map(|(of, by)| Breach::Miss(of, by)),
            GuaranteeId::G20 => {
                situation.first_inversion(&self.relation, duration).map(|(of, by)| Breach::Inversion(of, by))
            }
            _ => {
                let (state, passes) = (&situation.state.objects, (&self.most.within, duration));
                situation.deaths.first_late(objects, state, passes, id).map(|(of, by)| Breach::Late(of, by))
            }
        }
    }

    /// The same in words.
    fn wrong(&self, situation: &Situation<S>, breach: Breach, id: GuaranteeId) -> String {
        let (objects, state) = (self.relation.objects(), &situation.state.objects);
        let context = |of| objects.context_name(state, of);
        match breach {
            Breach::Miss(of, bound) => format!("a job of {} has not ended {bound} after its arrival", context(of)),
            Breach::Inversion(of, bound) => {
                format!("less urgent contexts keep {} waiting for more than {bound}", context(of))
            }
            Breach::Late(of, bound) => {
                let what =
                    if id == GuaranteeId::G4 { "the kill of its job group" } else { "the lock-down of its domain" };
                format!("{} lives for more than {bound} after {what} was begun", objects.process_name(state, of))
            }
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
            if self.instant(situation.clone(), &mut keep).is_err() && chosen.is_empty() {
                break;
            }
            for label in chosen {
                if let Label::Time(TimeStep::Elapse(duration)) = label {
                    let breach = self.breach(&situation, duration, id);
                    wrong = breach.map(|breach| self.wrong(&situation, breach, id));
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
        self.instant(self.unpack(packed), &mut tell)
    }

    /// Whether somebody waits for ever is a question to the untimed model.
    fn may_stop(&self, _: &[u64; W]) -> bool {
        true
    }
}
