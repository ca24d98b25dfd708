//! Information flow (G10): the verdicts of the library, told side by side; and the definition itself on small random systems, against
//! the unwinding conditions.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::HashMap;

use lacuna_check::{Limits, check_flows};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Named, Objects, Outcome, State, Step, View, Views, told};
use lacuna_model::profile::{BufferRights, Kill, Profile, Quota, Tracking};
use lacuna_model::relation::Label;
use lacuna_model::system::{DomainId, System};
use lacuna_model::trace::TwoRuns;
use support::lacuna;

fn library(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

fn noninterference(objects: &Objects, limits: &Limits<'_>) -> ModelVerdict {
    check_flows(objects, &[GuaranteeId::G10], limits).guarantees.remove(0).verdict
}

fn verdict(system: &System, profile: &Profile) -> &'static str {
    noninterference(&Objects::new(system, profile).unwrap(), &Limits::default()).name()
}

/// What may have come to whose knowledge: each ta by a number, equal ones the same.
#[derive(Default)]
struct Knowledge(HashMap<(u32, u32, Named), u32>);

impl Knowledge {
    /// Of every domain after one more action: nothing new, if its domain may not flow there.
    fn after(&mut self, system: &System, known: &[u32], action: Named) -> Vec<u32> {
        let of_actor = known[action.domain.index()];
        (0u8..)
            .map(DomainId)
            .zip(known)
            .map(|(domain, of_domain)| {
                if !system.may_flow(action.domain, domain) {
                    return *of_domain;
                }
                let fresh = self.0.len() as u32 + 1;
                *self.0.entry((*of_domain, of_actor, action)).or_insert(fresh)
            })
            .collect()
    }
}

/// The machine of the definition: a named action is taken where it is possible, and else nothing happens.
fn act(objects: &Objects, views: &Views<'_>, state: &State, action: Named) -> Option<(State, Outcome)> {
    let mut steps = Vec::new();
    objects.enabled(state, &mut steps);
    let at = views.names(state, &steps).iter().position(|name| *name == action)?;
    let (after, outcome) = objects.apply(state, steps[at]);
    Some((after, told(outcome)))
}

/// Every action that is possible in some state at most so many steps from the start.
fn actions(objects: &Objects, views: &Views<'_>, length: usize) -> Vec<Named> {
    let (mut states, mut actions) = (vec![objects.initial()], Vec::new());
    for _ in 0..length {
        let mut next = Vec::new();
        for state in &states {
            let mut steps: Vec<Step> = Vec::new();
            objects.enabled(state, &mut steps);
            for (name, step) in views.names(state, &steps).into_iter().zip(steps) {
                if !actions.contains(&name) {
                    actions.push(name);
                }
                let after = objects.apply(state, step).0;
                if !next.contains(&after) {
                    next.push(after);
                }
            }
        }
        states = next;
    }
    actions
}

/// What somebody may know, and sees: his view, and what his own last action came to.
type Known = HashMap<(DomainId, u32), (View, Option<Option<Outcome>>)>;

/// All runs of so many actions: does one domain see different things where its ta is the same?
struct Enumeration<'a> {
    objects: &'a Objects,
    views: Views<'a>,
    actions: Vec<Named>,
    knowledge: Knowledge,
    seen: Known,
    runs: usize,
}

impl Enumeration<'_> {
    fn differs(
        &mut self,
        state: &State,
        known: &[u32],
        last: Option<(DomainId, Option<Outcome>)>,
        length: usize,
    ) -> bool {
        self.runs += 1;
        for (domain, ta) in (0u8..).map(DomainId).zip(known) {
            let told = last.filter(|(actor, _)| *actor == domain).map(|(_, outcome)| outcome);
            let sees = (self.views.view(state, domain), told);
            // An action of his own is the last of his ta; what came after it and may not flow to him he is not told.
            let before = self.seen.entry((domain, *ta)).or_insert_with(|| sees.clone());
            let told_apart =
                before.0 != sees.0 || matches!((before.1, sees.1), (Some(one), Some(other)) if one != other);
            before.1 = before.1.or(sees.1);
            if told_apart {
                return true;
            }
        }
        if length == 0 {
            return false;
        }
        for action in self.actions.clone() {
            let after = act(self.objects, &self.views, state, action);
            let knows = self.knowledge.after(self.objects.system(), known, action);
            let last = Some((action.domain, after.as_ref().map(|(_, told)| *told)));
            if self.differs(after.as_ref().map_or(state, |(after, _)| after), &knows, last, length - 1) {
                return true;
            }
        }
        false
    }
}

/// By the definition, on all runs of at most so many actions.
fn is_insecure(objects: &Objects, length: usize) -> bool {
    let views = Views::new(objects);
    let actions = actions(objects, &views, length + 2);
    let length = (2..=length).rev().find(|length| actions.len().pow(*length as u32) <= 12_000).unwrap_or(1);
    let mut all =
        Enumeration { objects, views, actions, knowledge: Knowledge::default(), seen: HashMap::new(), runs: 0 };
    let nothing = vec![0; objects.system().domains.len()];
    all.differs(&objects.initial(), &nothing, None, length)
}

/// The runs of a refutation are two that the definition tells apart.
fn confirm(objects: &Objects, runs: &TwoRuns) {
    let system = objects.system();
    let views = Views::new(objects);
    let observer = DomainId(system.domains.iter().position(|name| *name == runs.observer).unwrap() as u8);
    let mut knowledge = Knowledge::default();
    let mut ends = Vec::new();
    let named = |state: &State, step: Step| {
        let mut steps = Vec::new();
        objects.enabled(state, &mut steps);
        let at = steps.iter().position(|possible| *possible == step).expect("it is possible");
        views.names(state, &steps)[at]
    };
    let mut states = [objects.initial(), objects.initial()];
    let mut sides = vec![(vec![0; system.domains.len()], None); 2];
    for pair in &runs.steps {
        let steps: Vec<Option<Step>> = pair
            .iter()
            .map(|event| match event.as_ref().map(|event| event.label) {
                Some(Label::Object(step)) => Some(step),
                _ => None,
            })
            .collect();
        let names: Vec<Option<Named>> = (0..2).map(|side| steps[side].map(|step| named(&states[side], step))).collect();
        for side in 0..2 {
            // Of the observer's own, what is possible in one run only is tried in both.
            let tried = names[side].or(names[1 - side].filter(|name| name.domain == observer));
            let Some(name) = tried else { continue };
            let after = act(objects, &views, &states[side], name);
            sides[side].0 = knowledge.after(system, &sides[side].0, name);
            if name.domain == observer {
                sides[side].1 = after.as_ref().map(|(_, told)| *told);
            }
            if let Some((after, _)) = after {
                states[side] = after;
            }
        }
    }
    for side in 0..2 {
        ends.push((sides[side].0[observer.index()], views.view(&states[side], observer), sides[side].1));
    }
    assert_eq!(ends[0].0, ends[1].0, "the same may have come to `{}`: {runs:#?}", runs.observer);
    assert!((&ends[0].1, &ends[0].2) != (&ends[1].1, &ends[1].2), "it sees a difference: {runs:#?}");
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

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A system of three domains, each a process of one or two instructions.
    fn system(&mut self) -> System {
        let mut flows = Vec::new();
        for from in ["a", "b", "c"] {
            for to in ["a", "b", "c"] {
                if from != to && self.below(3) == 0 {
                    flows.push(format!("(\"{from}\", \"{to}\")"));
                }
            }
        }
        let mut processes = String::new();
        for domain in ["a", "b", "c"] {
            let program: Vec<String> = (0..=self.below(2)).map(|_| self.instruction(domain)).collect();
            let program = program.join(", ");
            let program = if self.below(3) == 0 { format!("Forever([{program}])") } else { program };
            processes += &format!(
                "\"{domain}\": (domain: \"{domain}\", group: \"{}\", contexts: {{ \"m\": (program: [{program}]) }}),\n\
                 \"{domain}-child\": (domain: \"{domain}\", contexts: {{ \"m\": (program: [Exit]) }}),\n",
                if self.below(3) == 0 { "a" } else { domain }
            );
        }
        let overflow = |random: &mut Self| random.one(&["Block", "Refuse", "DropNewest", "DropOldest", "Coalesce"]);
        let buffers: String = ["x", "y"]
            .iter()
            .map(|name| {
                let (overflow, from, to) = (overflow(self), self.one(&["a", "b", "c"]), self.one(&["a", "b", "c"]));
                let pool = if self.below(3) == 0 { "pool: \"p\", " } else { "" };
                // Nothing is merged or dropped where sender and receiver meet.
                let capacity = if overflow == "Block" { self.below(3) } else { 1 + self.below(2) };
                let capacity = if pool.is_empty() { format!("capacity: {capacity}, ") } else { String::new() };
                format!(
                    "\"{name}\": ({capacity}{pool}overflow: {overflow}, send: [\"{from}\"], receive: [\"{to}\"]),\n"
                )
            })
            .collect();
        let users = self.one(&["", "users: { \"u\": [\"a\", \"b\"] },", "users: { \"u\": [\"a\", \"b\", \"c\"] },"]);
        let (table, limit) = (6 + self.below(3), 1 + self.below(3));
        let text = format!(
            "Scenario(name: \"random\", about: \"random\", domains: [\"a\", \"b\", \"c\"], flows: [{}], {users}\n\
             objects: {{ \"o\": (class: File, allow: {{ \"a\": [Read], \"b\": [Write] }}) }},\n\
             locks: {{ \"l\": () }}, pools: {{ \"p\": (limit: 2) }},\n\
             job_groups: {{ \"a\": (processes: {limit}, memory: \"4B\"), \"b\": (processes: 2, memory: \"4B\"), \"c\": (processes: 3) }},\n\
             buffers: {{ {buffers} }}, processes: {{ {processes} }}, process_table: {table})",
            flows.join(", ")
        );
        lacuna_scenarios::Source::new("random.ron", text.clone())
            .parse()
            .unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}"))
            .system
    }

    fn instruction(&mut self, domain: &str) -> String {
        let buffer = self.one(&["x", "y"]);
        match self.below(10) {
            0 | 1 => format!("Send(\"{buffer}\")"),
            2 => format!("Receive(\"{buffer}\")"),
            3 => format!("Poll(\"{buffer}\")"),
            4 | 5 => format!("Spawn(process: \"{domain}-child\")"),
            6 => "Allocate(\"2B\")".into(),
            7 => format!("Kill(group: \"{}\")", self.one(&["a", "b", "c"])),
            8 => self.one(&["Access(object: \"o\", right: Read)", "Access(object: \"o\", right: Write)"]).into(),
            _ => self.one(&["Lock(\"l\"), Unlock(\"l\")", "Choose([[Exit], []])", "Detach"]).into(),
        }
    }

    fn profile(&mut self) -> Profile {
        let mut profile =
            [Profile::ideal(), Profile::linux(), Profile::linux_hardened()][self.below(3) as usize].clone();
        profile.process_quota = Quota::ALL[self.below(4) as usize];
        profile.memory_quota = Quota::ALL[self.below(4) as usize];
        if self.below(3) == 0 {
            profile.buffer_rights = BufferRights::BySendersUser;
            profile.kill = [Kill::Walk, Kill::OneProcess][self.below(2) as usize];
            profile.tracking = Tracking::Subreaper;
        }
        profile
    }
}

#[test]
fn what_the_definition_refutes_is_never_proved() {
    let mut random = Random(0x5eed_1234_9876_0001);
    let mut counts: HashMap<(&str, bool), u32> = HashMap::new();
    for _ in 0..300 {
        let (system, profile) = (random.system(), random.profile());
        let Ok(objects) = Objects::new(&system, &profile) else { continue };
        let insecure = is_insecure(&objects, 6);
        let verdict = noninterference(&objects, &Limits { max_states: 20_000, ..Limits::default() });
        if let ModelVerdict::Refuted { runs, .. } = &verdict {
            let runs = runs.as_ref().unwrap();
            if !runs.steps.is_empty() && !verdict_is_of_contents(&verdict) {
                confirm(&objects, runs);
            }
        }
        let proved =
            matches!(verdict, ModelVerdict::Proved | ModelVerdict::ProvedToTable { .. } | ModelVerdict::Vacuous);
        assert!(!(insecure && proved), "{} and insecure: {:#?}\n{profile:?}", verdict.name(), objects.system());
        *counts.entry((verdict.name(), insecure)).or_default() += 1;
    }
    println!("{counts:?}");
    // Every kind of agreement is met.
    for (verdict, insecure) in [("proved", false), ("refuted", true)] {
        assert!(counts.get(&(verdict, insecure)).is_some_and(|many| *many > 30), "{counts:?}");
    }
}

/// Local respect holds, and still `u` can tell: whether the first of the group has ended decides whom the kill of a kernel that ends
/// one process reaches. Only step consistency shows it.
#[test]
fn who_is_killed_tells_who_had_ended() {
    let text = r#"Scenario(name: "first", about: "Who is the first?", domains: ["d", "h", "u"], flows: [("d", "h"), ("d", "u")],
        job_groups: { "g": (processes: 2) },
        processes: {
            "h": (domain: "h", group: "g", contexts: { "m": (program: [Exit]) }),
            "u": (domain: "u", group: "g", contexts: { "m": (program: [Compute("1ms"), Exit]) }),
            "d": (domain: "d", contexts: { "m": (program: [Kill(group: "g"), Exit]) }),
        })"#;
    let system = lacuna_scenarios::Source::new("first.ron", text.to_owned()).parse().unwrap().system;
    let under = |kill| Objects::new(&system, &Profile { kill, ..Profile::ideal() }).unwrap();
    let one = under(Kill::OneProcess);
    let verdict = noninterference(&one, &Limits::default());
    let ModelVerdict::Refuted { runs: Some(runs), .. } = &verdict else { panic!("{verdict:?}") };
    assert_eq!(runs.observer, "u");
    confirm(&one, runs);
    assert!(is_insecure(&one, 6));
    // Whoever is there dies with all the others.
    assert_eq!(noninterference(&under(Kill::Atomic), &Limits::default()).name(), "proved");
}

/// What an object holds is no part of a state, so the definition on states does not see it.
fn verdict_is_of_contents(verdict: &ModelVerdict) -> bool {
    matches!(verdict, ModelVerdict::Refuted { violation, .. } if violation.contains("which `") && violation.contains("reads"))
}

#[test]
fn a_quota_per_user_opens_a_channel_and_one_per_group_closes_it() {
    let system = library("covert-storage");
    let under = |process_quota| verdict(&system, &Profile { process_quota, ..Profile::linux_hardened() });
    assert_eq!(Quota::ALL.map(under), ["proved", "refuted", "proved", "proved"]);
    // With a table that is too small for everybody, the table is the channel; what it cannot reserve for all nobody is given.
    let small = System { process_table: 3, ..system.clone() };
    let under = |process_quota| verdict(&small, &Profile { process_quota, ..Profile::linux_hardened() });
    assert_eq!(Quota::ALL.map(under), ["refuted", "refuted", "refuted", "proved"]);
    // What may flow is no channel; where nothing is declared nothing is claimed.
    let both = vec![(DomainId(0), DomainId(1)), (DomainId(1), DomainId(0))];
    let per_user = Profile { process_quota: Quota::PerUser, ..Profile::linux_hardened() };
    assert_eq!(verdict(&System { flows: Some(both), ..system.clone() }, &per_user), "vacuous");
    assert_eq!(verdict(&System { flows: None, ..system }, &per_user), "vacuous");
}

#[test]
fn the_two_runs_stand_side_by_side() {
    let arguments = ["check", "covert-storage", "--kernel", "freebsd-capsicum", "--guarantee", "G10"];
    let text = lacuna(&arguments);
    assert_eq!(text.code, Some(0), "{}", text.err);
    for part in ["one run", "the other", "process limit", "`high` may not flow to `low`"] {
        assert!(text.out.contains(part), "{part}\n{}", text.out);
    }
    let json = lacuna(&[&arguments[..], &["--format", "json"]].concat());
    let row = json.row("guarantees", "G10");
    assert_eq!(row["runs"]["observer"], "low");
    let last = row["runs"]["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last[0]["who"], last[1]["who"]);
    assert_ne!(last[0]["outcome"], last[1]["outcome"]);
    let second: Vec<_> = row["runs"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[1].clone())
        .filter(|event| !event.is_null())
        .collect();
    assert_eq!(row["trace"], serde_json::Value::Array(second));
}

#[test]
fn a_pass_that_is_cut_off_proves_nothing() {
    let objects = Objects::new(&library("report-up"), &Profile::ideal()).unwrap();
    let limits = Limits { max_states: 3, ..Limits::default() };
    assert_eq!(noninterference(&objects, &limits).name(), "unknown");
}
