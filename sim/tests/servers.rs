//! Each kind of server alone, along a random course of being charged, wanted and left alone, beside one in absolute time that is written another way.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use lacuna_model::sched::servers::{Account, Use};
use lacuna_model::system::{Budget, Server};
use lacuna_model::units::Nanos;
use proptest::prelude::*;
use support::servers::Reference;

/// What is asked for, for how long; whoever finds no budget waits.
fn course() -> impl Strategy<Value = Vec<(Use, u64)>> {
    let used = prop_oneof![3 => Just(Use::Charged), 1 => Just(Use::Wanted), 1 => Just(Use::None)];
    proptest::collection::vec((used, 1u64..6), 1..60)
}

fn replenish(account: &mut Account, budget: &Budget) {
    while account.is_due(budget) {
        account.replenish(budget);
    }
}

/// Of a sporadic server, one refill after the other; of the others what may be used before the scheduler is asked again.
fn usable(account: &Account, budget: &Budget) -> u64 {
    match (budget.server, account.refills()) {
        (Server::Sporadic, Some(refills)) => refills.usable().0,
        _ => account.left().0,
    }
}

/// Refills never sum above the budget, never overlap, and none is more than a period away.
fn holds(account: &Account, budget: &Budget) -> Result<(), TestCaseError> {
    prop_assert!(account.left() <= budget.amount);
    let Some(refills) = account.refills() else { return Ok(()) };
    let refills = refills.queue();
    prop_assert_eq!(refills.iter().map(|refill| refill.amount.0).sum::<u64>(), budget.amount.0);
    for pair in refills.windows(2) {
        prop_assert!(pair[0].time + i128::from(pair[0].amount.0) <= pair[1].time, "{:?} overlap", refills);
    }
    prop_assert!(refills.iter().all(|refill| refill.time <= i128::from(budget.period.0) && refill.amount > Nanos(0)));
    if let Server::Mcs { refills: most, .. } = budget.server {
        prop_assert!(refills.len() <= usize::from(most));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_is_what_the_sources_say(budget in support::random::budget(), course in course()) {
        prop_assume!(budget.amount < budget.period);
        let (mut account, mut reference, mut now) = (Account::full(&budget), Reference::new(&budget), 0);
        for (asked, duration) in course {
            let mut until = duration;
            while until > 0 {
                replenish(&mut account, &budget);
                reference.begin(now, asked != Use::None);
                holds(&account, &budget)?;
                if asked != Use::None {
                    let (left, expected) = (usable(&account, &budget), reference.left(now));
                    // The kernel joins refills when the core goes to it, the model as soon as nobody wants it.
                    let is_mcs = matches!(budget.server, Server::Mcs { .. });
                    prop_assert!(left == expected || is_mcs && left.min(expected) > 0, "{} for {} at {}", left, expected, now);
                    prop_assert_eq!(account.deadline(), reference.due().map(|due| i128::from(due) - i128::from(now)));
                }
                let used = if asked == Use::Charged && account.left() == Nanos(0) { Use::Wanted } else { asked };
                let next = account.next_event(&budget, used).map_or(until, |next| next.0.min(until));
                account.pass(&budget, Nanos(next), used);
                for at in now..now + next {
                    reference.begin(at, asked != Use::None);
                    reference.pass(at, used == Use::Charged);
                }
                (now, until) = (now + next, until - next);
            }
        }
    }
}
