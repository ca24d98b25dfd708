//! What servers supply at least, measured over all behaviours of everybody, beside the supply bound functions and what G19 says. The measure is a search of its
//! own over the scheduler alone: of all states that it can come to, and from each of them the least that is had in an interval, tick by tick.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../sim/tests/support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};

use lacuna_check::{Limits, check_timed};
use lacuna_model::analysis::response_time::{Bound, Demand};
use lacuna_model::analysis::supply::{least_supply, response};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::Objects;
use lacuna_model::profile::Profile;
use lacuna_model::sched::fixed_priority::FixedPriorityState;
use lacuna_model::sched::{FixedPriority, Sched, SchedStep};
use lacuna_model::system::{Budget, Instruction, Order, RefillsFrom, SchedulingContextId, Server, System, Task};
use lacuna_model::units::Nanos;
use lacuna_sim::resolver::{Draw, Seeded};
use lacuna_sim::simulation::{Options, simulate};
use proptest::prelude::*;
use support::T;

const MOST_STATES: usize = 20_000;

/// Servers with these priorities; of the highest, by deadline. Each has one task.
fn system(servers: &[(u32, Budget)]) -> System {
    let tasks: Vec<T> =
        servers.iter().map(|(priority, _)| T { priority: *priority, ..support::task(0, 100) }).collect();
    let mut system = System { tick: Some(Nanos(1)), ..support::task_set(&tasks, 1) };
    for (scheduling, (priority, budget)) in system.scheduling_contexts.iter_mut().zip(servers) {
        scheduling.budget = Some(*budget);
        scheduling.order = if *priority == 9 { Order::Deadline } else { Order::Readiness };
    }
    system
}

fn isolation(servers: &[(u32, Budget)]) -> ModelVerdict {
    let objects = Objects::new(&system(servers), &Profile::ideal()).unwrap();
    let report = check_timed(&objects, &[GuaranteeId::G19], &Limits { max_states: 200_000, ..Limits::default() });
    report.unwrap().guarantees.remove(0).verdict
}

/// A scheduler just after time has passed, and who is ready, a bit each.
type Situation = (FixedPriorityState, u32);

/// Every situation that is a tick later, and who had the core.
fn tick(
    policy: &FixedPriority,
    contexts: u16,
    (sched, was): &Situation,
    mut visit: impl FnMut(Situation, Option<u16>),
) {
    let mut begun = sched.clone();
    while let Some(step) = policy.steps(&begun).into_iter().find(|step| matches!(step, SchedStep::Replenish(_))) {
        policy.apply(&mut begun, step);
    }
    for ready in 0..1u32 << contexts {
        let mut sched = begun.clone();
        for context in 0..contexts {
            match (was >> context & 1, ready >> context & 1) {
                (1, 0) => policy.block(&mut sched, context),
                (0, 1) => policy.ready(&mut sched, context, Some(SchedulingContextId(context as u8))),
                _ => {}
            }
        }
        let steps = policy.steps(&sched);
        let choices = if steps.is_empty() { vec![None] } else { steps.into_iter().map(Some).collect() };
        for step in choices {
            let mut sched = sched.clone();
            if let Some(step) = step {
                policy.apply(&mut sched, step);
            }
            let running = policy.running(&sched);
            policy.elapse(&mut sched, Nanos(1));
            visit((sched, ready), running);
        }
    }
}

/// The least that the first of them has in an interval of each length from 0 in which it is ready throughout; none, if there are too many
/// states.
fn measured(servers: &[(u32, Budget)], until: usize) -> Option<Vec<u128>> {
    let (policy, contexts) = (FixedPriority::new(&system(servers).scheduling_contexts), servers.len() as u16);
    let start = (policy.initial(), 0);
    let (mut known, mut queue) = (HashSet::from([start.clone()]), vec![start]);
    while let Some(situation) = queue.pop() {
        tick(&policy, contexts, &situation, |after, _| {
            if known.insert(after.clone()) {
                queue.push(after);
            }
        });
        if known.len() > MOST_STATES {
            return None;
        }
    }
    let mut least: HashMap<Situation, u128> = known.into_iter().map(|situation| (situation, 0)).collect();
    let mut measured = vec![0];
    for _ in 0..until {
        let mut next: HashMap<Situation, u128> = HashMap::new();
        for (situation, had) in &least {
            tick(&policy, contexts, situation, |after, running| {
                if after.1 & 1 == 1 {
                    let had = had + u128::from(running == Some(0));
                    next.entry(after).and_modify(|known| *known = had.min(*known)).or_insert(had);
                }
            });
        }
        least = next;
        measured.extend(least.values().min());
    }
    Some(measured)
}

fn bound(budget: Budget, until: usize) -> Vec<u128> {
    (0..=until as u128).map(|interval| least_supply(budget, interval)).collect()
}

fn of(server: Server, amount: u64, period: u64) -> Budget {
    Budget { amount: Nanos(amount), period: Nanos(period), server }
}

/// The least urgent of two that fill the core has no more than its bound.
#[test]
fn the_bound_is_met() {
    for server in [Server::Deferrable, Server::Polling] {
        for (amount, more_urgent) in [(3, 2), (1, 4), (4, 1)] {
            let servers = [(1, of(server, amount, 5)), (2, of(server, more_urgent, 5))];
            assert_eq!(isolation(&servers), ModelVerdict::Proved, "{servers:?}");
            assert_eq!(measured(&servers, 30).unwrap(), bound(servers[0].1, 30), "{servers:?}");
        }
    }
    let servers = [(9, of(Server::HardConstantBandwidth, 3, 5)), (9, of(Server::HardConstantBandwidth, 2, 5))];
    assert_eq!(isolation(&servers), ModelVerdict::Proved);
    assert_eq!(measured(&servers, 30).unwrap(), bound(servers[0].1, 30));
}

/// The lower job comes just after the poll at 0, and the next is late by what the upper one takes: from 1 to 10.
#[test]
fn the_bound_of_a_response_is_met() {
    let polling = |amount, period| Some(of(Server::Polling, amount, period));
    let lower = T { offset: 1, priority: 1, ..support::task(3, 100) };
    let upper = T { priority: 2, ..support::task(2, 5) };
    let mut system = support::task_set(&[lower, upper], 1);
    system.scheduling_contexts[0].budget = polling(3, 5);
    system.scheduling_contexts[1].budget = polling(2, 5);
    let demand = Demand { wcet: Nanos(3), period: Nanos(100), ..Demand::default() };
    assert_eq!(response(polling(3, 5).unwrap(), &demand), Bound::Finite(Nanos(9)));
    assert_eq!(worst(&system, 0, Draw::Most)[0], Some(9));
}

/// The longest response of each task in a run.
fn worst(system: &System, seed: u64, draw: Draw) -> Vec<Option<u64>> {
    let objects = Objects::new(system, &Profile::ideal()).unwrap();
    let mut resolver = Seeded::new(seed).executions(draw);
    let run = simulate(&objects, FixedPriority::of(&objects), &mut resolver, &Options::new(Nanos(2000))).unwrap();
    run.summary.contexts.iter().map(|context| context.response_ns.map(|response| response.max)).collect()
}

/// By hand: what a server leaves of nine to the one below it, which has four or five to use in them.
#[test]
fn servers_delay_those_below_them_more_or_less() {
    let holds = |server, amount| {
        isolation(&[(1, of(Server::Sporadic, amount, 9)), (2, of(server, 2, 4))]) == ModelVerdict::Proved
    };
    // Like a periodic task of 2 in 4: 4 + 2 · 2 ≤ 9 is done at 8; 5 + 2 · 2 = 9 is not done before the third, at 8.
    assert!(holds(Server::Sporadic, 4));
    assert!(!holds(Server::Sporadic, 5));
    // Of the polls, at every fourth, no nine begin earlier in one than at 0: 2 + 2 + 1.
    assert!(holds(Server::Polling, 4));
    // At the end of one period and at the beginning of the next: 2 + 2 + 2 of nine.
    assert!(!holds(Server::Deferrable, 4));
    assert!(holds(Server::Deferrable, 3));
}

/// Whoever is most urgent is delayed by nobody: what seL4 gives it is the budget alone. Below another, a thread whose refills count from when it gets
/// the core has less in the long run.
#[test]
fn refills_that_count_from_the_dispatch_are_late() {
    let mcs = |from| of(Server::Mcs { refills: 2, minimum: Nanos(0), from }, 2, 4);
    let other = of(Server::Sporadic, 2, 4);
    let in_the_long_run = |from| *measured(&[(1, mcs(from)), (2, other)], 48).unwrap().last().unwrap();
    let (wake_up, dispatch) = (in_the_long_run(RefillsFrom::WakeUp), in_the_long_run(RefillsFrom::Dispatch));
    assert!(wake_up >= least_supply(mcs(RefillsFrom::WakeUp), 48), "{wake_up}");
    assert!(dispatch < wake_up, "{dispatch} {wake_up}");
}

/// What is less than the minimum is put off whenever the core is lost: below a server of 1 in 2, one of 2 in 3 has 1 in 2 in the long run, though every
/// refill of its is used up or put off in time.
#[test]
fn a_minimum_costs_supply() {
    let mcs = |minimum| of(Server::Mcs { refills: 3, minimum: Nanos(minimum), from: RefillsFrom::WakeUp }, 2, 3);
    let servers = |minimum| [(1, mcs(minimum)), (2, of(Server::Polling, 1, 2))];
    assert_eq!(isolation(&servers(2)), ModelVerdict::Proved);
    let measured = measured(&servers(2), 12).unwrap();
    assert_eq!(measured, [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert!(measured.iter().zip(bound(mcs(2), 12)).all(|(measured, bound)| *measured >= bound));
    assert!(measured[12] < least_supply(mcs(0), 12), "without a minimum it would have more");
}

fn any_servers() -> impl Strategy<Value = Vec<(u32, Budget)>> {
    let budget = support::random::budget()
        .prop_filter("it has no bound", |budget| budget.server != Server::ConstantBandwidth && budget.period.0 < 7);
    proptest::collection::vec((1u32..4, budget), 1..4).prop_map(|mut servers| {
        for (priority, budget) in &mut servers {
            if budget.server.has_a_deadline() {
                *priority = 9;
            }
        }
        servers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Where G19 holds, no behaviour of anybody leaves less than the bound.
    #[test]
    fn what_is_proved_is_supplied(servers in any_servers()) {
        prop_assume!(isolation(&servers) == ModelVerdict::Proved);
        let until = 4 * servers[0].1.period.0 as usize;
        if let Some(measured) = measured(&servers, until) {
            let bound = bound(servers[0].1, until);
            let first = measured.iter().zip(&bound).position(|(measured, bound)| measured < bound);
            prop_assert_eq!(first, None, "{:?} measured, {:?} the bound", measured, bound);
        }
    }
    /// Where G19 holds, no job of a task that alone runs by its server responds later than its bound.
    #[test]
    fn no_response_is_above_its_bound(
        servers in any_servers(),
        tasks in proptest::collection::vec((0u64..3, 0u64..4, 2u64..30, 0u64..9, 0u64..4), 3),
        seed: u64,
        most: bool,
    ) {
        prop_assume!(isolation(&servers) == ModelVerdict::Proved);
        let mut system = system(&servers);
        let mut demands = Vec::new();
        for (process, (bcet, more, period, offset, jitter)) in system.processes.iter_mut().zip(tasks) {
            let (jitter, wcet) = (jitter.min(period), Nanos(bcet + more));
            let (period, jitter) = (Nanos(period), Nanos(jitter));
            process.contexts[0].program = vec![Instruction::Compute { bcet: Nanos(bcet), wcet }];
            process.contexts[0].task = Some(Task { period, deadline: period, offset: Nanos(offset), jitter });
            demands.push(Demand { wcet, period, jitter, ..Demand::default() });
        }
        let worst = worst(&system, seed, if most { Draw::Most } else { Draw::Uniform });
        for ((worst, demand), (_, budget)) in worst.into_iter().zip(&demands).zip(&servers) {
            if let (Some(worst), Bound::Finite(bound)) = (worst, response(*budget, demand)) {
                prop_assert!(worst <= bound.0, "{worst} above {bound} on {budget:?}");
            }
        }
    }
}
