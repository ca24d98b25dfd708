//! One run's way through an instant as each domain has it: what it did, what else it could have done, and what it was told. And which ties the
//! scheduler had to break.

use lacuna_model::objects::{Action, Named, Outcome, Refusal, Step, Views, told};
use lacuna_model::relation::{Label, Relation, StateOf};
use lacuna_model::sched::{Sched, SchedStep};
use lacuna_model::system::DomainId;
use lacuna_model::time::{Lattice, TimeStep};
use lacuna_model::units::Nanos;

use super::clocks::Situation;
use super::ways::Walker;

/// What somebody does, as his domain calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// A step.
    Step(Named),
    /// The context, its action aside, begins a step that takes so long, or has a job arrive that will be released so late.
    Takes(Named, Nanos),
}

/// An entry of a record.
#[derive(Debug, Clone)]
struct Done {
    domain: DomainId,
    does: Does,
    /// What it could have done instead, and this.
    of: Vec<Does>,
    told: Option<Outcome>,
    /// Does it act, or is this brought by time?
    acts: bool,
    /// May it be an attack, of which there are only so many?
    attacks: bool,
}

/// A way through an instant.
pub(super) struct Record<'p, 'a, S: Sched> {
    relation: &'p Relation<'a, S, Lattice>,
    views: &'p Views<'a>,
    pub(super) situation: Situation<S>,
    pub(super) labels: Vec<Label>,
    done: Vec<Done>,
    /// Who could have had the core, and who got it.
    ties: Vec<(Vec<Label>, Label)>,
    /// How much time may pass at its end.
    pub(super) most: Option<Nanos>,
    /// Has an adversary no attack left?
    pub(super) is_cut: bool,
    pub(super) table_full: bool,
}

impl<S: Sched> Clone for Record<'_, '_, S> {
    fn clone(&self) -> Self {
        Self {
            relation: self.relation,
            views: self.views,
            situation: self.situation.clone(),
            labels: self.labels.clone(),
            done: self.done.clone(),
            ties: self.ties.clone(),
            most: self.most,
            is_cut: self.is_cut,
            table_full: self.table_full,
        }
    }
}

/// How a domain's parts of two records compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// They are the same.
    Same,
    /// It chose otherwise where it had the same choice.
    ChoseOtherwise,
    /// It was told something else, or something was possible in one of them alone.
    Differs,
    /// Of an adversary that has no attack left nothing can be said.
    OutOfBounds,
}

impl<'p, 'a, S: Sched> Record<'p, 'a, S> {
    /// Of an instant that begins here.
    pub(super) fn new(relation: &'p Relation<'a, S, Lattice>, views: &'p Views<'a>, situation: Situation<S>) -> Self {
        let (labels, done, ties) = (Vec::new(), Vec::new(), Vec::new());
        Self { relation, views, situation, labels, done, ties, most: None, is_cut: false, table_full: false }
    }

    /// What the labels are, as their domain calls them; of those that are nobody's, nothing.
    fn named(&self, labels: &[Label]) -> Vec<Does> {
        // A context is named by a step that it need not have.
        let steps = labels.iter().filter_map(|label| match *label {
            Label::Object(step) => Some(step),
            Label::Time(TimeStep::Begin { context, .. } | TimeStep::Arrive { context, .. }) => {
                Some(Step { context, action: Action::Compute })
            }
            Label::Sched(_) | Label::Time(_) => None,
        });
        let steps: Vec<Step> = steps.collect();
        if steps.len() < labels.len() {
            return Vec::new();
        }
        let names = self.views.names(&self.situation.state.objects, &steps);
        let does = names.into_iter().zip(labels).map(|(name, label)| match *label {
            Label::Time(TimeStep::Begin { execution: time, .. } | TimeStep::Arrive { jitter: time, .. }) => {
                Does::Takes(Named { which: (0, 0), ..name }, time)
            }
            _ => Does::Step(name),
        });
        does.collect()
    }

    /// Did the domain act?
    pub(super) fn acts(&self, domain: DomainId) -> bool {
        self.done.iter().any(|done| done.domain == domain && done.acts)
    }

    /// How another run's way through the same instant looks to the domain, beside this one.
    pub(super) fn compared(&self, other: &Self, domain: DomainId) -> Compared {
        let of =
            |record: &Self| -> Vec<Done> { record.done.iter().filter(|done| done.domain == domain).cloned().collect() };
        let (own, others) = (of(self), of(other));
        for (one, another) in own.iter().zip(&others) {
            if one.does != another.does {
                if (one.attacks && other.is_cut) || (another.attacks && self.is_cut) {
                    return Compared::OutOfBounds;
                }
                let both = one.of.contains(&another.does) && another.of.contains(&one.does);
                return if both { Compared::ChoseOtherwise } else { Compared::Differs };
            }
            if one.told != another.told {
                return Compared::Differs;
            }
        }
        if own.len() == others.len() { Compared::Same } else { Compared::Differs }
    }

    /// Is every tie broken alike, of those that both have? The scheduler looks at who is tied, and at nothing else.
    pub(super) fn breaks_ties_as(&self, other: &Self) -> bool {
        self.ties.iter().enumerate().all(|(at, (of, chosen))| {
            let before = self.ties[..at].iter().filter(|(known, _)| known == of).count();
            let same = other.ties.iter().filter(|(known, _)| known == of).nth(before);
            same.is_none_or(|(_, also)| also == chosen)
        })
    }

    /// Which of its contexts has the core, if one of the domain's has.
    pub(super) fn on_core(&self, domain: DomainId) -> Option<Named> {
        let running = self.relation.sched().running(&self.situation.state.sched)?;
        let objects = &self.situation.state.objects;
        if self.views.domain_of(objects, running) != domain {
            return None;
        }
        self.views.names(objects, &[Step { context: running, action: Action::Compute }]).pop()
    }
}

impl<S: Sched> Walker<S> for Record<'_, '_, S> {
    fn state(&self) -> &StateOf<S, Lattice> {
        &self.situation.state
    }

    fn length(&self) -> usize {
        self.labels.len()
    }

    fn take(&mut self, label: Label, of: &[Label]) {
        let objects = &self.situation.state.objects;
        let context = match label {
            Label::Object(step) => Some(step.context),
            Label::Time(TimeStep::Begin { context, .. } | TimeStep::Arrive { context, .. }) => Some(context),
            Label::Sched(_) | Label::Time(_) => None,
        };
        let named = self.named(of);
        let place = of.iter().position(|one| *one == label);
        let does = place.and_then(|place| named.get(place).copied());
        let done = does.zip(context).map(|(does, context)| {
            let attacks = of.iter().any(|label| match label {
                Label::Object(step) => step.action == Action::GiveUp || self.views.is_attack(objects, *step),
                _ => false,
            });
            let acts = match label {
                Label::Object(step) => !step.action.is_by_the_kernel(),
                Label::Time(TimeStep::Begin { .. }) => true,
                _ => false,
            };
            let domain = self.views.domain_of(objects, context);
            Done { domain, does, of: named, told: None, acts, attacks }
        });
        if let (Label::Sched(SchedStep::Dispatch(_)), 2..) = (label, of.len()) {
            self.ties.push((of.to_vec(), label));
        }
        let is_attacking = done.as_ref().is_some_and(|done| done.attacks);
        self.is_cut |= is_attacking && objects.attack_steps == Some(0);
        let outcome = self.relation.apply(&mut self.situation.state, label);
        self.table_full |= outcome == Some(Outcome::Refused(Refusal::TableFull));
        self.done.extend(done.map(|done| Done { told: outcome.map(told), ..done }));
        self.labels.push(label);
    }
}
