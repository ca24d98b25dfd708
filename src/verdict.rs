//! One verdict on one guarantee, by whichever search decides it.

use lacuna_check::{Limits, check, check_flows, check_timed};
use lacuna_model::evidence::ModelVerdict;
use lacuna_model::guarantee::{GuaranteeId, OF_PAIRS, TIMED, g23_kernel_time};
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
    let guarantees = if OF_PAIRS.contains(&id) {
        check_flows(objects, &[id], limits).guarantees
    } else if !TIMED.contains(&id) {
        check(objects, &[id], limits).map_err(Failure::input)?.guarantees
    } else if objects.system().tick.is_some() {
        check_timed(objects, &[id], limits).map_err(Failure::input)?.guarantees
    } else {
        return Ok(ModelVerdict::Vacuous);
    };
    let found = guarantees.into_iter().find(|checked| checked.id == id).map(|checked| checked.verdict);
    Ok(found.unwrap_or(ModelVerdict::Vacuous))
}
