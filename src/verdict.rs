//! One verdict on one guarantee, by whichever search decides it.

use lacuna_check::{Checked, Limits, check, check_flows, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, OF_PAIRS, TIMED, ends_within, g23_kernel_time};
use lacuna_model::objects::Objects;

use crate::exit::Failure;

/// Decides it. Of what is a statement about time, a system without a tick says nothing.
///
/// # Errors
/// If the system has no such semantics.
pub fn verdict(objects: &Objects, id: GuaranteeId, limits: &Limits<'_>) -> Result<ModelVerdict, Failure> {
    if id == GuaranteeId::G23 {
        return Ok(g23_kernel_time::verdict(objects.system()));
    }
    let has_tick = objects.system().tick.is_some();
    let in_time = || Ok(found(check_timed(objects, &[id], limits).map_err(Failure::input)?.guarantees, id));
    if OF_PAIRS.contains(&id) {
        return Ok(found(check_flows(objects, &[id], limits).guarantees, id));
    }
    if TIMED.contains(&id) {
        return if has_tick { in_time() } else { Ok(ModelVerdict::Vacuous) };
    }
    let of_steps = found(check(objects, &[id], limits).map_err(Failure::input)?.guarantees, id);
    if !has_tick || ends_within(objects.system(), id).is_none() {
        return Ok(of_steps);
    }
    Ok(of_steps.and_in_time(in_time()?))
}

fn found(guarantees: Vec<Checked>, id: GuaranteeId) -> ModelVerdict {
    let found = guarantees.into_iter().find(|checked| checked.id == id).map(|checked| checked.verdict);
    found.unwrap_or(ModelVerdict::Vacuous)
}
