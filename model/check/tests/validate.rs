//! Records that a host could have made, and forged ones, against the model. What is expected is derived by hand.

#![allow(clippy::unwrap_used, reason = "a test")]

use lacuna_check::{Effort, Explaining, RecordError, Validation, Verdict, validate, validate_by};
use lacuna_model::profile::Profile;
use lacuna_model::record::{By, Came, Observed, Operation, Record, VERSION, What};
use lacuna_model::system::System;
use proptest::prelude::*;

const SUPERVISOR: u32 = 0;
const BUILDER: u32 = 1;
const MIDDLE: u32 = 2;
const DAEMON: u32 = 3;

fn system(name: &str) -> System {
    lacuna_scenarios::library().iter().find(|entry| entry.name == name).unwrap().system().unwrap()
}

/// Events one after the other, ten nanoseconds apart.
struct Story(Vec<Observed>);

impl Story {
    fn see(&mut self, by: By, what: What) -> &mut Self {
        let at = 10 * self.0.len() as u64;
        self.0.push(Observed { from_ns: at, to_ns: at, by, queue: None, what });
        self
    }

    fn appears(&mut self, instance: u32, process: &str) -> &mut Self {
        self.see(By::Kernel, What::Appears { instance, process: process.into() })
    }

    fn calls(&mut self, instance: u32, operation: Operation, target: &str) -> &mut Self {
        let target = Some(target.to_owned()).filter(|name| !name.is_empty());
        self.see(By::Inside, What::Calls { instance, context: "main".into(), operation, target })
    }

    fn returns(&mut self, instance: u32, came: Came) -> &mut Self {
        self.see(By::Inside, What::Returns { instance, context: "main".into(), came })
    }

    fn does(&mut self, instance: u32, operation: Operation, target: &str) -> &mut Self {
        self.calls(instance, operation, target).returns(instance, Came::Done)
    }

    fn ended(&mut self, instance: u32) -> &mut Self {
        self.see(By::Kernel, What::Ended { instance })
    }

    fn record(&self, scenario: &str, reported: &[&str]) -> Record {
        Record {
            version: VERSION,
            scenario: scenario.into(),
            applied: vec![],
            reported: reported.iter().map(|name| (*name).into()).collect(),
            left_out: vec![],
            events: self.0.clone(),
        }
    }
}

/// `double-fork` up to the return of the kill: the daemon is there, and builder and middle have ended.
fn up_to_the_kill() -> Story {
    let mut story = Story(Vec::new());
    story.appears(SUPERVISOR, "supervisor").does(SUPERVISOR, Operation::Spawn, "builder");
    story.appears(BUILDER, "builder").does(BUILDER, Operation::Fork, "middle").appears(MIDDLE, "middle");
    story.does(MIDDLE, Operation::Detach, "").does(MIDDLE, Operation::Fork, "daemon").appears(DAEMON, "daemon");
    story.calls(MIDDLE, Operation::Exit, "").ended(MIDDLE).calls(BUILDER, Operation::Exit, "").ended(BUILDER);
    story.does(SUPERVISOR, Operation::Wait, "builder").does(SUPERVISOR, Operation::Kill, "job");
    story
}

const REPORTED: [&str; 4] = ["supervisor/main", "builder/main", "middle/main", "daemon/main"];

fn judged(story: &Story, profile: &Profile) -> Validation {
    validate(&system("double-fork"), profile, &story.record("double-fork", &REPORTED), Effort::default()).unwrap()
}

/// The event that stands last is what no state explains, and all others are explained.
fn diverges_at_its_end(story: &Story, profile: &Profile) -> Vec<String> {
    let Verdict::Divergent(found) = judged(story, profile).verdict else {
        panic!("under {}: {:?}", profile.name, judged(story, profile))
    };
    let last = story.0.len() - 1;
    assert_eq!((found.explained, found.unexplained), ((0..last).collect(), vec![last]), "{}", profile.name);
    found.instead
}

#[test]
fn a_job_killed_whole_is_what_a_job_group_allows_and_a_process_group_does_not() {
    let mut story = up_to_the_kill();
    story.ended(DAEMON).see(By::Kernel, What::Empty { group: "job".into() });
    assert_eq!(judged(&story, &Profile::ideal()).verdict, Verdict::Consistent);
    assert_eq!(judged(&story, &Profile::linux_hardened()).verdict, Verdict::Consistent);
    // The daemon left the process group, which then is empty without its end: it lives for ever there.
    let mut story = up_to_the_kill();
    story.ended(DAEMON);
    assert_eq!(diverges_at_its_end(&story, &Profile::linux()), ["daemon#3 lives, lost to its job group"]);
}

#[test]
fn what_lives_after_the_kill_has_returned_left_a_process_group_and_no_job_group() {
    let mut story = up_to_the_kill();
    story.see(By::Kernel, What::Lives { instance: DAEMON });
    assert_eq!(judged(&story, &Profile::linux()).verdict, Verdict::Consistent);
    assert_eq!(diverges_at_its_end(&story, &Profile::ideal()), ["daemon#3 has ended"]);
    // Before the kill has returned, it may still live.
    let lives = story.0.len() - 1;
    story.0[lives].from_ns = story.0[lives - 1].from_ns;
    assert_eq!(judged(&story, &Profile::ideal()).verdict, Verdict::Consistent);
}

#[test]
fn a_process_outside_of_its_group_is_no_job_groups() {
    let mut story = up_to_the_kill();
    story.0.truncate(story.0.len() - 2);
    let inside = What::Member { instance: DAEMON, group: "job".into() };
    let outside = What::Outside { instance: DAEMON, group: "job".into() };
    let daemon_is = |what: &What| {
        let mut story = Story(story.0.clone());
        story.see(By::Kernel, what.clone());
        story
    };
    assert_eq!(judged(&daemon_is(&inside), &Profile::ideal()).verdict, Verdict::Consistent);
    assert_eq!(judged(&daemon_is(&outside), &Profile::linux()).verdict, Verdict::Consistent);
    assert_eq!(diverges_at_its_end(&daemon_is(&outside), &Profile::ideal()), ["daemon#3 lives, in its job group"]);
    assert_eq!(diverges_at_its_end(&daemon_is(&inside), &Profile::linux()), ["daemon#3 lives, lost to its job group"]);
}

#[test]
fn a_group_is_empty_of_those_whom_it_tracks() {
    let mut story = up_to_the_kill();
    story.0.truncate(story.0.len() - 2);
    story.see(By::Kernel, What::Empty { group: "job".into() });
    // Builder and middle have ended, and the daemon has left the process group; it is in the job group.
    assert_eq!(judged(&story, &Profile::linux()).verdict, Verdict::Consistent);
    assert!(diverges_at_its_end(&story, &Profile::ideal()).is_empty(), "it is about no process");
}

#[test]
fn a_first_sign_is_of_any_process_that_there_is_and_of_no_two_at_once() {
    let validated = |story: &Story| {
        let record = story.record("fork-bomb", &["supervisor/main", "builder/main"]);
        validate(&system("fork-bomb"), &Profile::ideal(), &record, Effort::default()).unwrap().verdict
    };
    let mut story = Story(Vec::new());
    story.appears(SUPERVISOR, "supervisor").does(SUPERVISOR, Operation::Spawn, "builder");
    story.appears(2, "builder").appears(1, "builder");
    let twice = story.0.len() - 1;
    let Verdict::Divergent(found) = validated(&story) else { panic!("one builder is two") };
    assert_eq!(found.unexplained, [twice]);
    // The first that was heard of may be the other's child, which is not there yet when it could be explained.
    story.does(1, Operation::Fork, "builder").calls(2, Operation::Fork, "builder");
    story.0[twice - 1].to_ns = story.0.last().unwrap().from_ns - 5;
    assert_eq!(validated(&story), Verdict::Consistent);
}

#[test]
fn an_order_is_what_the_intervals_say_and_no_more() {
    let mut story = up_to_the_kill();
    let appears =
        story.0.iter().position(|event| matches!(event.what, What::Appears { instance: DAEMON, .. })).unwrap();
    let forks = appears - 2;
    // The child may be seen before its parent's call has returned, and before it is known that the call was made,
    story.0[appears].from_ns = story.0[forks].from_ns;
    story.0[appears].to_ns = story.0[forks].from_ns;
    assert_eq!(judged(&story, &Profile::ideal()).verdict, Verdict::Consistent);
    // but not before it was made.
    story.0[appears].from_ns -= 1;
    story.0[appears].to_ns -= 1;
    let Verdict::Divergent(found) = judged(&story, &Profile::ideal()).verdict else { panic!("consistent") };
    assert_eq!(found.unexplained, [appears]);
    assert_eq!(found.explained, (0..forks).collect::<Vec<_>>());
    assert_eq!(found.instead, ["daemon#3 has not appeared"]);
    // Through one queue they came in the order of the record, whatever the clock allows.
    let mut story = up_to_the_kill();
    story.0[appears].from_ns = story.0[forks].from_ns;
    for event in [forks, appears] {
        story.0[event].queue = Some("claims".into());
    }
    assert_eq!(judged(&story, &Profile::ideal()).verdict, Verdict::Consistent);
    let event = story.0.remove(appears);
    story.0.insert(forks, event);
    let Verdict::Divergent(found) = judged(&story, &Profile::ideal()).verdict else { panic!("consistent") };
    assert_eq!(found.unexplained, [forks]);
}

#[test]
fn a_result_that_no_kernel_gives_is_no_behaviour() {
    for (operation, target, came) in [
        (Operation::Spawn, "builder", Came::Refused),
        (Operation::Spawn, "builder", Came::TimedOut),
        (Operation::Wait, "builder", Came::Done),
    ] {
        let mut story = Story(Vec::new());
        story.appears(SUPERVISOR, "supervisor").calls(SUPERVISOR, operation, target).returns(SUPERVISOR, came);
        assert!(matches!(judged(&story, &Profile::ideal()).verdict, Verdict::Divergent(_)), "{operation:?} {came:?}");
    }
    // The first process of a process group cannot leave it; of a job group it can, which is no way out of it.
    let mut story = Story(Vec::new());
    story.appears(SUPERVISOR, "supervisor").does(SUPERVISOR, Operation::Spawn, "builder").appears(BUILDER, "builder");
    assert_eq!(judged(&story, &Profile::linux()).verdict, Verdict::Consistent);
    story.does(BUILDER, Operation::Detach, "");
    assert!(matches!(judged(&story, &Profile::linux()).verdict, Verdict::Divergent(_)), "its program has no detach");
}

#[test]
fn a_message_that_nobody_sent_does_not_come_out() {
    let mut story = Story(Vec::new());
    story.appears(SUPERVISOR, "supervisor").does(SUPERVISOR, Operation::Open, "output");
    story.does(SUPERVISOR, Operation::Spawn, "builder").appears(BUILDER, "builder");
    let message = What::Message { buffer: "log".into() };
    let validated = |story: &Story| {
        let record = story.record("ci-job", &["supervisor/main", "builder/main"]);
        validate(&system("ci-job"), &Profile::ideal(), &record, Effort::default()).unwrap().verdict
    };
    let forged = Story(story.0.clone()).see(By::Buffer, message.clone()).0.clone();
    let Verdict::Divergent(found) = validated(&Story(forged.clone())) else { panic!("consistent") };
    assert_eq!(found.unexplained, [forged.len() - 1]);
    story.does(BUILDER, Operation::Send, "log").see(By::Buffer, message.clone());
    assert_eq!(validated(&story), Verdict::Consistent);
    story.see(By::Buffer, message);
    let Verdict::Divergent(found) = validated(&story) else { panic!("one message came out twice") };
    assert_eq!(found.unexplained, [story.0.len() - 1]);
}

#[test]
fn what_is_not_reported_may_happen_unseen() {
    // Nobody inside says anything, and the daemon of a process group lives on.
    let mut story = Story(Vec::new());
    story.appears(SUPERVISOR, "supervisor").does(SUPERVISOR, Operation::Spawn, "builder");
    story.does(SUPERVISOR, Operation::Wait, "builder").does(SUPERVISOR, Operation::Kill, "job");
    let judged = |story: &Story, profile: &Profile| {
        let record = story.record("double-fork", &["supervisor/main"]);
        validate(&system("double-fork"), profile, &record, Effort::default()).unwrap().verdict
    };
    story.appears(DAEMON, "daemon");
    assert_eq!(judged(&story, &Profile::linux()), Verdict::Consistent);
    assert!(matches!(judged(&story, &Profile::ideal()), Verdict::Divergent(_)));
    // Reported, but not calling, nobody inside has done anything.
    let record = story.record("double-fork", &REPORTED);
    let verdict = validate(&system("double-fork"), &Profile::linux(), &record, Effort::default()).unwrap().verdict;
    assert!(matches!(verdict, Verdict::Divergent(_)));
}

#[test]
fn a_limit_is_told_and_refutes_nothing() {
    let mut story = up_to_the_kill();
    story.see(By::Kernel, What::Lives { instance: DAEMON });
    let record = story.record("double-fork", &["supervisor/main"]);
    let unreported: Vec<Observed> =
        record.events.into_iter().filter(|event| event.what.instance() != Some(BUILDER)).collect();
    let only = |event: &Observed| match &event.what {
        What::Calls { instance, .. } | What::Returns { instance, .. } => *instance == SUPERVISOR,
        _ => true,
    };
    let events = unreported.into_iter().filter(only).collect();
    let record = Record { events, ..story.record("double-fork", &["supervisor/main"]) };
    let effort = Effort { states: 20, interrupt: None };
    let found = validate(&system("double-fork"), &Profile::ideal(), &record, effort).unwrap();
    assert_eq!(found.verdict, Verdict::Unknown { limit: "the number of states" });
    // With enough, it is known.
    let found = validate(&system("double-fork"), &Profile::ideal(), &record, Effort::default()).unwrap();
    assert!(matches!(found.verdict, Verdict::Divergent(_)), "{found:?}");
    let interrupt = std::sync::atomic::AtomicBool::new(true);
    let effort = Effort { interrupt: Some(&interrupt), ..Effort::default() };
    let found = validate(&system("double-fork"), &Profile::ideal(), &record, effort).unwrap();
    assert_eq!(found.verdict, Verdict::Unknown { limit: "interrupted" });
}

#[test]
fn what_is_no_record_of_the_scenario_is_refused() {
    let good = up_to_the_kill().record("double-fork", &REPORTED);
    let wrong = |change: &dyn Fn(&mut Record)| {
        let mut record = good.clone();
        change(&mut record);
        validate(&system("double-fork"), &Profile::ideal(), &record, Effort::default()).unwrap_err()
    };
    assert_eq!(wrong(&|record| record.version = 2), RecordError::Version(2));
    assert_eq!(wrong(&|record| record.scenario = "ci-job".into()), RecordError::Scenario("ci-job".into()));
    let nobody = || "nobody/main".to_owned();
    assert_eq!(wrong(&|record| record.reported.push(nobody())), RecordError::Reported(nobody()));
    assert_eq!(wrong(&|record| drop(record.reported.remove(1))), RecordError::NotReported(4));
    assert_eq!(wrong(&|record| record.events[3].from_ns += 1), RecordError::Interval(3));
    let appears = |name: &str| What::Appears { instance: DAEMON, process: name.into() };
    let last = good.events.len() - 1;
    let twice = wrong(&|record| record.events[last].what = appears("daemon"));
    assert_eq!(twice, RecordError::Instance { event: last, instance: DAEMON, what: "appears twice" });
    let never = wrong(&|record| record.events[last].what = What::Lives { instance: 9 });
    assert_eq!(never, RecordError::Instance { event: last, instance: 9, what: "never appears" });
    let named = wrong(&|record| record.events[last].what = What::Empty { group: "jobs".into() });
    assert_eq!(named, RecordError::Unknown { event: last, kind: "job group", name: "jobs".into() });
    // A queue whose order no clock allows.
    let circle = wrong(&|record| {
        record.events.swap(3, 9);
        for event in [3, 9] {
            record.events[event].queue = Some("claims".into());
        }
    });
    assert!(matches!(circle, RecordError::Circle(_)), "{circle}");
    assert!(matches!(
        wrong(&|record| record.events = vec![record.events[0].clone(); lacuna_check::MOST_EVENTS + 1]),
        RecordError::Long(_)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// To explain an event as soon as a state does, and at every moment at which one does, come to the same, to the size of the largest cut.
    #[test]
    fn explaining_early_changes_nothing(
        widened in prop::collection::vec((0usize..22, 0u64..60, 0u64..60), 0..6),
        swapped in prop::collection::vec((0usize..22, 0usize..22), 0..2),
        removed in prop::option::of(0usize..22),
        hardened in any::<bool>(),
    ) {
        let mut story = up_to_the_kill();
        story.see(By::Kernel, What::Lives { instance: DAEMON }).ended(DAEMON);
        for (at, earlier, later) in widened {
            let event = &mut story.0[at];
            event.from_ns = event.from_ns.saturating_sub(earlier);
            event.to_ns += later;
        }
        for (one, other) in swapped {
            let (from, to) = (story.0[one].from_ns, story.0[one].to_ns);
            (story.0[one].from_ns, story.0[one].to_ns) = (story.0[other].from_ns, story.0[other].to_ns);
            (story.0[other].from_ns, story.0[other].to_ns) = (from, to);
        }
        if let Some(at) = removed && !matches!(story.0[at].what, What::Appears { .. }) {
            story.0.remove(at);
        }
        let record = story.record("double-fork", &REPORTED);
        let profile = if hardened { Profile::linux_hardened() } else { Profile::linux() };
        let system = system("double-fork");
        let by = |explaining| validate_by(&system, &profile, &record, Effort::default(), explaining);
        let size = |verdict| match verdict {
            Verdict::Consistent => Some(record.events.len()),
            Verdict::Divergent(found) => Some(found.explained.len()),
            Verdict::Unknown { .. } => None,
        };
        match (by(Explaining::Early), by(Explaining::AtEveryMoment)) {
            (Ok(early), Ok(every)) => {
                prop_assert!(early.states <= every.states);
                prop_assert_eq!(size(early.verdict), size(every.verdict));
            }
            (early, every) => prop_assert_eq!(early, every),
        }
    }
}
