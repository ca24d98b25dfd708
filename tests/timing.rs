//! Timing noninterference (G11): the verdicts of the library, told side by side; and the definition itself on small random systems, run by run,
//! against the product.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;

use lacuna_check::{Limits, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{ContextSlot, Objects, Outcome, View, Views, told};
use lacuna_model::profile::{Profile, TimeIsolation};
use lacuna_model::relation::{Label, Offer, Relation, StateOf};
use lacuna_model::sched::{FixedPriority, Sched, SchedStep};
use lacuna_model::system::{DomainId, System};
use lacuna_model::time::{Lattice, TimeOffer, TimeStep};
use lacuna_model::trace::TwoRuns;
use lacuna_model::units::Nanos;
use support::lacuna;

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

fn decided(system: &System, time_isolation: TimeIsolation, limits: &Limits<'_>) -> ModelVerdict {
    let objects = Objects::new(system, &Profile { time_isolation, ..Profile::ideal() }).unwrap();
    check_timed(&objects, &[GuaranteeId::G11], limits).unwrap().guarantees.remove(0).verdict
}

fn verdict(system: &System, time_isolation: TimeIsolation) -> &'static str {
    decided(system, time_isolation, &Limits::default()).name()
}

#[test]
fn windows_do_not_close_the_channel_and_a_flush_does() {
    let system = library("covert-timing");
    let under = |time_isolation| verdict(&system, time_isolation);
    assert_eq!(TimeIsolation::ALL.map(under), ["refuted", "refuted", "refuted", "proved"]);
    // Where nothing is kept for whoever runs, windows are enough.
    let stateless = System { refill: Nanos(0), ..system.clone() };
    let under = |time_isolation| verdict(&stateless, time_isolation);
    assert_eq!(TimeIsolation::ALL.map(under), ["refuted", "refuted", "proved", "proved"]);
    // A flush is for nothing where there are no windows.
    let whole = System { major_frame: None, ..system.clone() };
    assert_eq!(verdict(&whole, TimeIsolation::FlushedPartitions), "refuted");
    // What may flow is no channel; where nothing is declared nothing is claimed.
    let both = vec![(DomainId(0), DomainId(1)), (DomainId(1), DomainId(0))];
    assert_eq!(verdict(&System { flows: Some(both), ..system.clone() }, TimeIsolation::None), "vacuous");
    assert_eq!(verdict(&System { flows: None, ..system }, TimeIsolation::None), "vacuous");
}

fn parsed(text: &str) -> System {
    let source = lacuna_scenarios::Source::new("timing.ron", text.to_owned());
    source.parse().unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}")).system
}

/// A downgrader may know, and tell whom it wants when it acts; what else comes through is a channel.
#[test]
fn what_is_passed_on_is_no_channel() {
    let system = |flows: &str| {
        let window = |domain: &str| format!("(duration: \"3ns\", domain: \"{domain}\")");
        let windows = ["high", "down", "low"].map(window).join(", ");
        let task = |name: &str, program: &str| {
            format!(
                "\"{name}\": (domain: \"{name}\", contexts: {{ \"m\": (schedule: \"{name}\", \
                 task: (period: \"9ns\"), program: [{program}]) }}),\n"
            )
        };
        let processes = [
            task("high", "Choose([[Send(\"in\")], [Compute(\"1ns\")]])"),
            task("down", "Poll(\"in\"), Send(\"out\")"),
            task("low", "Poll(\"out\"), Compute(\"1ns\")"),
        ];
        parsed(&format!(
            "Scenario(name: \"down\", about: \"a downgrader\", domains: [\"high\", \"down\", \"low\"], flows: [{flows}],\n\
             buffers: {{ \"in\": (capacity: 1, overflow: DropNewest, send: [\"high\"], receive: [\"down\"]),\n\
             \"out\": (capacity: 1, overflow: DropNewest, send: [\"down\"], receive: [\"low\"]) }},\n\
             processes: {{ {} }}, scheduling_contexts: {{ \"high\": (priority: 1), \"down\": (priority: 1), \"low\": (priority: 1) }},\n\
             major_frame: (length: \"9ns\", windows: [{windows}]), process_table: 3, tick: \"1ns\")",
            processes.concat()
        ))
    };
    let through = system(r#"("high", "down"), ("down", "low")"#);
    assert_eq!(verdict(&through, TimeIsolation::Partitions), "proved");
    // Without windows low sees high's computing, and need not wait for the downgrader.
    assert_eq!(verdict(&through, TimeIsolation::Budgets), "refuted");
    // The downgrader may not know, and does.
    assert_eq!(verdict(&system(r#"("down", "low")"#), TimeIsolation::Partitions), "refuted");
    // It may not tell: it sends whatever it has got, and yet its message comes.
    let ModelVerdict::Refuted { runs: Some(runs), .. } =
        decided(&system(r#"("high", "down"), ("low", "down")"#), TimeIsolation::Budgets, &Limits::default())
    else {
        panic!("it is refuted")
    };
    assert_eq!(runs.observer, "low");
}

/// What no view of the objects shows: when one has the core, though every step ends at the same time; and what a step comes to that is the last of
/// its kind, in the very instant of what it tells of.
#[test]
fn the_core_and_what_is_told_are_seen() {
    let system = |high: &str, low: &str, flows: &str| {
        parsed(&format!(
            "Scenario(name: \"seen\", about: \"seen\", domains: [\"high\", \"low\"], flows: [{flows}],\n\
             buffers: {{ \"x\": (capacity: 1, overflow: DropNewest, send: [\"high\"], receive: [\"low\"]) }},\n\
             processes: {{ \"high\": (domain: \"high\", contexts: {{ \"m\": (schedule: \"high\", {high}) }}),\n\
             \"low\": (domain: \"low\", contexts: {{ \"m\": (schedule: \"low\", {low}) }}) }},\n\
             scheduling_contexts: {{ \"high\": (priority: 2), \"low\": (priority: 1) }}, process_table: 2, tick: \"1ns\")"
        ))
    };
    let none = |system: &System| decided(system, TimeIsolation::None, &Limits::default());
    // Of every four ticks high takes the second or the third, and low, in the middle of a step, has the others: it goes round at 4, 8, 12 in any case.
    let late = "task: (period: \"4ns\", offset: \"1ns\", jitter: \"1ns\"), program: [Compute(\"1ns\")]";
    let round = "program: [Forever([Compute(\"3ns\")])]";
    let ModelVerdict::Refuted { runs: Some(runs), .. } = none(&system(late, round, "")) else {
        panic!("it is refuted")
    };
    assert_eq!(
        (runs.observer.as_str(), runs.sees.iter().filter(|sees| sees.contains("low/m on the core")).count()),
        ("low", 1)
    );
    assert_eq!(none(&system(late, round, "(\"high\", \"low\")")).name(), "vacuous");
    // At 1 high has sent or not, and low looks at once, and never again.
    let sends = "program: [Compute(\"1ns\"), Choose([[Send(\"x\")], []])]";
    let looks = "program: [Poll(\"x\"), Compute(\"3ns\")]";
    let ModelVerdict::Refuted { runs: Some(runs), .. } = none(&system(sends, looks, "")) else {
        panic!("it is refuted")
    };
    assert_eq!((runs.observer.as_str(), &runs.sees), ("low", &[String::new(), String::new()]));
    // Nor where it does not look.
    assert_eq!(none(&system(sends, "program: [Compute(\"3ns\")]", "")).name(), "proved");
}

#[test]
fn the_two_runs_stand_side_by_side_in_time() {
    let arguments = ["check", "covert-timing", "--kernel", "sel4-mcs", "--guarantee", "G11"];
    let text = lacuna(&arguments);
    assert_eq!(text.code, Some(0), "{}", text.err);
    for part in ["one run", "the other", "guest/main on the core", "`low` tells two runs apart", "pass"] {
        assert!(text.out.contains(part), "{part}\n{}", text.out);
    }
    let json = lacuna(&[&arguments[..], &["--format", "json"]].concat());
    let row = json.row("guarantees", "G11");
    assert_eq!((&row["runs"]["observer"], &row["complete"]), (&"low".into(), &true.into()));
    assert!(row["states"].as_u64().unwrap() > 5, "{row}");
    let steps = row["runs"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|pair| pair[0].is_null()) && steps.iter().any(|pair| pair[1].is_null()));
    assert!(
        steps.iter().flat_map(|pair| [&pair[0], &pair[1]]).all(|event| event.is_null() || event["from_ns"].is_u64())
    );
}

#[test]
fn a_product_that_is_cut_off_proves_nothing() {
    let limits = Limits { max_states: 3, ..Limits::default() };
    assert_eq!(decided(&library("covert-timing"), TimeIsolation::FlushedPartitions, &limits).name(), "unknown");
}

/// What one domain does and could have done, and what it is told.
type Entry = (Label, Vec<Label>, Option<Outcome>);

/// One instant of a run.
#[derive(Clone, Default)]
struct Instant {
    done: Vec<Vec<Entry>>,
    ties: Vec<(Vec<Label>, Label)>,
    sees: Vec<(View, Option<ContextSlot>)>,
}

/// Every run of so many ticks. In these systems a context has its entry for good, so a label is its own name.
struct Runs<'a> {
    relation: Relation<'a, FixedPriority, Lattice>,
    views: Views<'a>,
    domains: Vec<DomainId>,
    found: Vec<Vec<Instant>>,
    most: usize,
}

type Timed = StateOf<FixedPriority, Lattice>;

impl Runs<'_> {
    fn context(label: Label) -> Option<ContextSlot> {
        match label {
            Label::Object(step) => Some(step.context),
            Label::Time(TimeStep::Begin { context, .. } | TimeStep::Arrive { context, .. }) => Some(context),
            _ => None,
        }
    }

    fn fresh(&self) -> Instant {
        Instant { done: vec![Vec::new(); self.domains.len()], ..Instant::default() }
    }

    fn go(&mut self, mut state: Timed, past: &[Instant], mut now: Instant, ticks: usize) {
        if self.found.len() > self.most {
            return;
        }
        let offers = self.relation.offers(&state);
        // In one order, as every order of what time brings leads to the same.
        let by_time = |offer: &Offer| match offer {
            Offer::Object(step) => step.action.is_by_the_kernel(),
            Offer::Sched(SchedStep::Replenish(_)) | Offer::Time(TimeOffer::Arrive { .. } | TimeOffer::Release(_)) => {
                true
            }
            _ => false,
        };
        let of = if offers.first().is_some_and(by_time) { &offers[..1] } else { &offers[..] };
        let mut labels = Vec::new();
        of.iter().for_each(|offer| self.relation.for_each_label(*offer, |label| labels.push(label)));
        if labels.is_empty() || matches!(labels[..], [Label::Time(TimeStep::Elapse(_))]) {
            let running = self.relation.sched().running(&state.sched);
            for domain in &self.domains {
                let own = running.filter(|context| self.views.domain_of(&state.objects, *context) == *domain);
                now.sees.push((self.views.view(&state.objects, *domain), own));
            }
            let past = [past, &[now]].concat();
            if past.len() == ticks {
                self.found.push(past);
                return;
            }
            if !labels.is_empty() {
                self.relation.apply(&mut state, Label::Time(TimeStep::Elapse(Nanos(1))));
            }
            let fresh = self.fresh();
            return self.go(state, &past, fresh, ticks);
        }
        for label in &labels {
            let (mut after, mut now) = (state.clone(), now.clone());
            if labels.len() > 1 && matches!(label, Label::Sched(_)) {
                now.ties.push((labels.clone(), *label));
            }
            let outcome = self.relation.apply(&mut after, *label).map(told);
            if let Some(context) = Self::context(*label) {
                let domain = self.views.domain_of(&state.objects, context);
                now.done[domain.index()].push((*label, labels.clone(), outcome));
            }
            self.go(after, past, now, ticks);
        }
    }
}

fn acts(entries: &[Entry]) -> bool {
    entries.iter().any(|(label, ..)| match label {
        Label::Object(step) => !step.action.is_by_the_kernel(),
        Label::Time(step) => matches!(step, TimeStep::Begin { .. }),
        Label::Sched(_) => false,
    })
}

/// The first place at which two records differ: was it a choice between the same?
fn chose_otherwise(one: &[Entry], other: &[Entry]) -> bool {
    let apart = one.iter().zip(other).find(|(one, other)| one.0 != other.0 || one.2 != other.2);
    apart.is_some_and(|(one, other)| one.0 != other.0 && one.1.contains(&other.0) && other.1.contains(&one.0))
}

/// By the definition: does a domain see, in two of these runs, a difference that may not have come to it?
fn is_insecure(system: &System, runs: &[Vec<Instant>]) -> bool {
    let domains: Vec<usize> = (0..system.domains.len()).collect();
    let may_flow = |from: usize, to: usize| system.may_flow(DomainId(from as u8), DomainId(to as u8));
    let apart = |one: &[Instant], other: &[Instant]| {
        let mut alike = domains.clone();
        for (one, other) in one.iter().zip(other) {
            // The same question has the same answer.
            let answers: [HashMap<(&[Label], usize), Label>; 2] = [one, other].map(|instant| {
                let mut known = HashMap::new();
                for (of, chosen) in &instant.ties {
                    let again = (0..).find(|again| !known.contains_key(&(of.as_slice(), *again))).unwrap();
                    known.insert((of.as_slice(), again), *chosen);
                }
                known
            });
            if answers[0].iter().any(|(tie, chosen)| answers[1].get(tie).is_some_and(|other| other != chosen)) {
                return false;
            }
            let chose = |domain: usize| chose_otherwise(&one.done[domain], &other.done[domain]);
            let choosers: Vec<usize> = alike.iter().copied().filter(|domain| chose(*domain)).collect();
            alike.retain(|to| !choosers.iter().any(|from| may_flow(*from, *to)));
            loop {
                let told = |from: usize| acts(&one.done[from]) || acts(&other.done[from]);
                let outside: Vec<usize> =
                    domains.iter().copied().filter(|from| !alike.contains(from) && told(*from)).collect();
                let before = alike.len();
                alike.retain(|to| !outside.iter().any(|from| may_flow(*from, *to)));
                if alike.len() == before {
                    break;
                }
            }
            let labels = |entries: &[Entry]| -> Vec<_> { entries.iter().map(|entry| (entry.0, entry.2)).collect() };
            let differs = |domain: &usize| {
                one.sees[*domain] != other.sees[*domain] || labels(&one.done[*domain]) != labels(&other.done[*domain])
            };
            if alike.iter().any(differs) {
                return true;
            }
        }
        false
    };
    runs.iter().enumerate().any(|(at, one)| runs[at + 1..].iter().any(|other| apart(one, other)))
}

/// After how long somebody tells two runs apart.
fn moment(runs: &TwoRuns) -> u64 {
    let passes = |pair: &[Option<lacuna_model::trace::Event>; 2]| match pair[1].as_ref().map(|event| event.label) {
        Some(Label::Time(TimeStep::Elapse(duration))) => duration.0,
        _ => 0,
    };
    let times: Vec<u64> = runs.steps.iter().map(passes).filter(|time| *time > 0).collect();
    times[..times.len() - 1].iter().sum()
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn instruction(&mut self, domain: &str) -> String {
        match self.below(7) {
            0 | 1 => "Choose([[Compute(\"1ns\")], []])".into(),
            2 => "Compute(bcet: \"1ns\", wcet: \"2ns\")".into(),
            3 => format!("Send(\"{}\")", ["x", "y"][self.below(2) as usize]),
            4 => format!("Poll(\"of-{domain}\")"),
            _ => "Compute(\"1ns\")".into(),
        }
    }

    /// Two or three domains, a task each.
    fn system(&mut self) -> System {
        let domains = &["a", "b", "c"][..2 + self.below(2) as usize];
        let mut flows = Vec::new();
        for from in domains {
            for to in domains.iter().filter(|to| *to != from) {
                if self.below(3) == 0 {
                    flows.push(format!("(\"{from}\", \"{to}\")"));
                }
            }
        }
        let (mut processes, mut schedules, mut windows) = (String::new(), String::new(), Vec::new());
        let has_frame = self.below(3) > 0;
        let period = if has_frame { 9 } else { 4 + self.below(3) };
        for domain in domains {
            let program: Vec<String> = (0..=self.below(2)).map(|_| self.instruction(domain)).collect();
            let (jitter, priority) = (self.below(5) / 4, self.below(3));
            processes += &format!(
                "\"{domain}\": (domain: \"{domain}\", contexts: {{ \"m\": (schedule: \"{domain}\", \
                 task: (period: \"{period}ns\", deadline: \"{}ns\", jitter: \"{jitter}ns\"), program: [{}]) }}),\n",
                2 * period,
                program.join(", ")
            );
            let budget =
                if self.below(3) == 0 { format!(", budget: \"1ns\", period: \"{period}ns\"") } else { String::new() };
            schedules += &format!("\"{domain}\": (priority: {priority}{budget}),\n");
            windows.push(format!("(duration: \"{}ns\", domain: \"{domain}\")", 2 + self.below(2)));
        }
        let windows = format!("major_frame: (length: \"9ns\", windows: [{}]),", windows.join(", "));
        let frame = if has_frame { windows } else { String::new() };
        let refill = if self.below(2) == 0 { "refill: \"1ns\", kernel_bounds: (flush: \"1ns\")," } else { "" };
        let list = domains.join("\", \"");
        let to = |random: &mut Self| domains[random.below(domains.len() as u64) as usize];
        let (of_x, of_y) = (to(self), to(self));
        let own: String = domains
            .iter()
            .map(|domain| {
                format!(
                    "\"of-{domain}\": (capacity: 1, overflow: Refuse, send: [\"{list}\"], receive: [\"{domain}\"]),\n"
                )
            })
            .collect();
        parsed(&format!(
            "Scenario(name: \"random\", about: \"random\", domains: [\"{list}\"], flows: [{}],\n\
             buffers: {{ \"x\": (capacity: 1, overflow: Refuse, send: [\"{list}\"], receive: [\"{of_x}\"]),\n\
             \"y\": (capacity: 1, overflow: DropNewest, send: [\"{list}\"], receive: [\"{of_y}\"]),\n{own} }},\n\
             processes: {{ {processes} }}, scheduling_contexts: {{ {schedules} }}, {frame} {refill}\n\
             process_table: {}, tick: \"1ns\")",
            flows.join(", "),
            domains.len()
        ))
    }
}

const TICKS: usize = 11;

#[test]
fn the_product_says_what_the_definition_says() {
    let mut random = Random(0x5eed_7133_0007_0001);
    let mut counts: HashMap<(&str, bool), u32> = HashMap::new();
    for number in 0..300 {
        let system = random.system();
        let time_isolation = TimeIsolation::ALL[random.below(4) as usize];
        let objects = Objects::new(&system, &Profile { time_isolation, ..Profile::ideal() }).unwrap();
        let lattice = Lattice::new(&system, Nanos(1), 0).unwrap();
        let relation = Relation::new(&objects, FixedPriority::of(&objects), lattice);
        let domains: Vec<DomainId> = (0..system.domains.len() as u8).map(DomainId).collect();
        let mut runs = Runs { relation, views: Views::new(&objects), domains, found: Vec::new(), most: 300 };
        let (start, fresh) = (runs.relation.initial(), runs.fresh());
        runs.go(start, &[], fresh, TICKS);
        if runs.found.len() > runs.most {
            continue;
        }
        let insecure = is_insecure(&system, &runs.found);
        let limits = Limits { max_states: 20_000, ..Limits::default() };
        let verdict = decided(&system, time_isolation, &limits);
        let known = matches!(verdict, ModelVerdict::Proved | ModelVerdict::Vacuous);
        assert!(
            !(insecure && known),
            "{number}: {} and insecure under {time_isolation:?}: {system:#?}",
            verdict.name()
        );
        if let ModelVerdict::Refuted { runs: Some(runs), .. } = &verdict {
            let early = moment(runs) < TICKS as u64;
            assert!(insecure || !early, "{number}: refuted and secure under {time_isolation:?}: {runs:#?} {system:#?}");
        }
        *counts.entry((verdict.name(), insecure)).or_default() += 1;
    }
    println!("{counts:?}");
    // Every kind of agreement is met.
    for (verdict, insecure) in [("proved", false), ("refuted", true), ("vacuous", false)] {
        assert!(counts.get(&(verdict, insecure)).is_some_and(|many| *many > 20), "{counts:?}");
    }
}
