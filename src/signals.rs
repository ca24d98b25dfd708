//! The buffers of a scenario that are signals on this host: what the model says becomes of a burst that is sent before the receiver
//! is dispatched again, and what the host makes of it.

use std::sync::atomic::AtomicBool;

use lacuna_hosted::measure::MeasureError;
use lacuna_hosted::measure::signals::{Burst, Kind, Signals, measure_unless};
use lacuna_model::evidence::HostOutcome;
use lacuna_model::guarantee::GuaranteeId;
use lacuna_model::objects::{Action, Objects, Outcome, Step};
use lacuna_model::profile::Profile;
use lacuna_model::system::{
    Attachment, Buffer, BufferId, By, Context, Effect, Instruction, Overflow, Process, ProcessId, System, When,
};
use lacuna_model::units::Nanos;

use crate::exit::Failure;

/// How many bursts are sent.
pub const BURSTS: u32 = 100;

/// Of one buffer.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub buffer: String,
    /// What it is on this host.
    pub signal: &'static str,
    /// What the model of this host says becomes of a burst.
    pub model: Burst,
    /// What became of it here, or why that cannot be said.
    pub host: Result<Signals, String>,
}

impl Row {
    /// What it comes to.
    pub fn outcome(&self) -> HostOutcome {
        self.host.as_ref().map_or(HostOutcome::NotTestableHere, Signals::outcome)
    }

    /// Does the burst say something of the guarantee? Of what is merged or refused, of what is lost and in which order, and of when
    /// and by whom.
    pub fn speaks_of(&self, id: GuaranteeId) -> bool {
        match id {
            GuaranteeId::G14 => self.model.processed < self.model.sent,
            GuaranteeId::G15 => self.model.processed > 1,
            GuaranteeId::G16 => true,
            _ => false,
        }
    }
}

/// The signal that a buffer is on a host with signals, the limit apart; and how large a burst says something of it.
fn signal(buffer: &Buffer) -> Option<(Kind, &'static str, u8)> {
    if buffer.attachments.len() != 1 {
        return None;
    }
    let limit = buffer.pool.map_or(buffer.capacity, |pool| pool.limit.min(buffer.capacity));
    match (buffer.when, buffer.by, buffer.overflow, buffer.effect) {
        (When::Deferred, By::Automatic, Overflow::Coalesce, Effect::Handle) => Some((Kind::Standard, "SIGTERM", 2)),
        (When::Deferred, By::Polled, Overflow::Refuse, _) if buffer.pool.is_some() => {
            Some((Kind::Realtime { limit }, "SIGRTMIN", limit.checked_add(1)?))
        }
        (When::Immediate, By::Automatic, _, Effect::Terminate) => Some((Kind::Kill, "SIGKILL", 1)),
        _ => None,
    }
}

/// Measures each buffer that is a signal here.
///
/// # Errors
/// If somebody interrupts, or the model has no semantics for one of them.
pub fn measure(system: &System, profile: &Profile, interrupt: &AtomicBool) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for buffer in &system.buffers {
        let Some((kind, signal, sent)) = signal(buffer) else { continue };
        let Some(model) = burst(system, buffer, profile, sent)? else { continue };
        let host = match measure_unless(kind, model, BURSTS, interrupt) {
            Ok(seen) => Ok(seen),
            Err(MeasureError::Interrupted) => return Err(Failure::interrupted()),
            Err(error @ MeasureError::Unavailable { .. }) => Err(error.to_string()),
            Err(error) => return Err(Failure::host(error)),
        };
        rows.push(Row { buffer: buffer.name.clone(), signal, model, host });
    }
    Ok(rows)
}

/// What the model says becomes of so many messages that are sent before the receiver takes a step: a run of a system that has
/// this buffer, a sender, and a receiver, and nothing else.
fn burst(system: &System, buffer: &Buffer, profile: &Profile, sent: u8) -> Result<Option<Burst>, Failure> {
    let (Some(sends), Some(receives)) = (buffer.send.first(), buffer.receive.first()) else { return Ok(None) };
    let alone = BufferId(0);
    let process = |name: &str, domain, program| Process {
        name: name.into(),
        domain,
        group: None,
        contexts: vec![Context { name: "main".into(), schedule: None, program, task: None }],
    };
    let (sender, receiver) = (0, 1);
    let turn = match buffer.by {
        By::Polled => Instruction::Poll(alone),
        By::Automatic => Instruction::Compute { bcet: Nanos(0), wcet: Nanos(0) },
    };
    let attached = Attachment { process: ProcessId(1), backlog: Nanos(0) };
    let small = System {
        objects: Vec::new(),
        job_groups: Vec::new(),
        locks: Vec::new(),
        scheduling_contexts: Vec::new(),
        handles: vec![buffer.name.clone()],
        buffers: vec![Buffer { attachments: vec![attached], named_by: Vec::new(), ..buffer.clone() }],
        processes: vec![
            process("sender", *sends, vec![Instruction::Send(alone); usize::from(sent)]),
            process("receiver", *receives, vec![Instruction::Loop { times: None, body: vec![turn] }]),
        ],
        process_table: 2,
        tick: None,
        expect: Vec::new(),
        ..system.clone()
    };
    let objects = Objects::new(&small, profile).map_err(Failure::input)?;
    let mut state = objects.initial();
    let mut seen = Burst { sent, ..Burst::default() };
    let next = |state: &_, context: u16, wanted: fn(Action) -> bool| {
        let mut found: Option<Step> = None;
        objects.for_each_enabled(state, |step| {
            if step.context == context && wanted(step.action) {
                found = found.or(Some(step));
            }
        });
        found
    };
    while let Some(step) = next(&state, sender, |action| matches!(action, Action::Send(_))) {
        let (after, outcome) = objects.apply(&state, step);
        state = after;
        seen.refused += u8::from(matches!(outcome, Outcome::Refused(_)));
        if !state.processes[usize::from(receiver)].lives() {
            seen.processed += 1;
            return Ok(Some(seen));
        }
    }
    while let Some(step) = next(&state, receiver, |action| matches!(action, Action::Deliver(_) | Action::Poll(_))) {
        let (after, outcome) = objects.apply(&state, step);
        state = after;
        if matches!(outcome, Outcome::Refused(_)) || seen.processed == sent {
            break;
        }
        seen.processed += 1;
    }
    Ok(Some(seen))
}

/// What became of a burst, in words.
pub fn describe(burst: &Burst) -> String {
    let Burst { sent, refused, processed } = *burst;
    let merged = sent.saturating_sub(refused).saturating_sub(processed);
    let mut words = vec![format!("{processed} of {sent} processed")];
    words.extend((merged > 0).then(|| format!("{merged} merged")));
    words.extend((refused > 0).then(|| format!("{refused} refused")));
    words.join(", ")
}
