//! States packed into words of a fixed width, which is chosen for one system under one profile.
//!
//! First come the entries of the process table, each with its contexts, all equally wide; then the buffers, the
//! supervisors and the attack steps. Every field has just the bits that the system can need under the profile; a free
//! entry is all zeros.
//!
//! # Invariants
//! - **Exact.** Two states that are packed are equal just if their words are: [`Codec::unpack`] gives back what was
//!   packed. A state that the format has no place for is not packed but refused, as [`DoesNotFit`].
//! - Packing again where a step has [touched](super::Touched) the state gives what packing the whole gives.

mod bits;
mod canonical;
mod codes;
mod memory;
mod shared;

pub use canonical::Forest;

use bits::{Fields, MAX_WIDTH, Reader, Short, Source, Writer, differ, width};
use codes::{Codes, Phases};
use memory::Memory;

use super::program::Operation;
use super::state::{Context, Fate, Membership, Phase, Process, ProcessSlot, Queue, Rank, State, Status};
use super::{Objects, Touched, each};
use crate::guarantee::GuaranteeId;
use crate::system::{GroupId, ProcessId};

/// A state has no place in the format: memory that no bound was derived for, or what no reachable state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state does not fit its packed form")]
pub struct DoesNotFit;

/// How the states of one system under one profile are packed.
#[derive(Debug, Clone)]
pub struct Codec {
    slots: usize,
    contexts_per_process: usize,
    /// For each context, its process and which of that process's contexts it is.
    place_of: Vec<(ProcessSlot, u8)>,
    widths: Widths,
    /// How many bits an entry with its contexts takes, and after how many of them the contexts begin.
    slot_bits: usize,
    entry_bits: usize,
    shared_bits: usize,
    /// For each declared process, the codes of its contexts.
    codes: Vec<Codes>,
    /// The widths of what there is one of for each context of a process: its code, the rest of its walk;
    contexts: Vec<(u32, u32)>,
    /// and the width of what it has given up.
    dropped: u32,
    /// After how many bits of an entry each of them begins.
    context_at: Vec<usize>,
    memory_unit: u64,
    /// Bits of a lock, and how many there are.
    lock: u32,
    locks: usize,
    buffers: Vec<shared::QueueFields>,
    groups: usize,
    followed: shared::FollowedFields,
    names: shared::NameFields,
    /// How many bits there are of what was made.
    made: usize,
    /// And of what is locked down.
    locked_down: usize,
    attack_depth: Option<u8>,
}

/// Widths in bits: of an entry of the process table, and of what there is one of.
#[derive(Debug, Clone, Copy)]
struct Widths {
    instance: u32,
    /// Of an entry, or none: a parent, a supervisor.
    entry: u32,
    group: u32,
    membership: u32,
    rank: u32,
    fate: u32,
    handles: u32,
    /// Of what an embryo has listed, or any other process is charged.
    listed_or_memory: u32,
    mode: u32,
    attack_steps: u32,
}

const STATUS: u32 = 2;

/// Bits for memory, in units, where no bound is known.
const UNBOUNDED_MEMORY: u32 = 32;

impl Codec {
    /// The format for the states of `objects`, with the ghosts that it keeps.
    pub fn new(objects: &Objects) -> Self {
        let (system, profile) = (&objects.system, &objects.profile);
        let embryos = profile.creation.has_embryo();
        let some = |flag: bool| u32::from(flag);
        let nodes = || objects.programs.iter().flatten().flat_map(|program| &program.nodes);
        let kills = nodes().any(|node| matches!(node.operation, Operation::Kill(_)));
        let passed = nodes().fold(0, |set, node| match node.operation {
            Operation::Spawn { pass, .. } => set | pass,
            _ => set,
        });
        let spawned: Vec<ProcessId> = nodes()
            .filter_map(|node| match node.operation {
                Operation::Spawn { process, .. } => Some(process),
                _ => None,
            })
            .collect();
        let groups = system.job_groups.len();
        let memory = Memory::of(objects);
        let listed = if embryos { width(u64::from(passed)) } else { 0 };
        let widths = Widths {
            instance: width(system.processes.len().saturating_sub(1) as u64),
            entry: width(u64::from(system.process_table)),
            group: width(groups as u64),
            membership: some(groups > 0 && profile.tracking.may_lose()),
            rank: some(groups > 0),
            fate: some(kills && objects.watched.contains(GuaranteeId::G4)),
            handles: system.handles.len() as u32,
            listed_or_memory: listed.max(memory.most.map_or(UNBOUNDED_MEMORY, width)).min(MAX_WIDTH),
            mode: width(objects.system.modes.len().saturating_sub(1) as u64),
            attack_steps: width(u64::from(objects.attack_depth().unwrap_or(0))),
        };
        let per_process = objects.contexts_per_process;
        let mut codes = Vec::with_capacity(objects.programs.len() * per_process);
        let mut contexts = vec![(0, 0); per_process];
        for ((id, process), programs) in (0u8..).zip(&system.processes).zip(&objects.programs) {
            let id = ProcessId(id);
            for (index, of_context) in contexts.iter_mut().enumerate() {
                let one = match (programs.get(index), process.contexts.get(index)) {
                    (Some(program), Some(context)) => {
                        let phases = Phases {
                            flagging: profile.inheritance.flags_in_a_second_action(),
                            kill_walks: profile.kill.walks(),
                            lock_down_walks: profile.shutdown.walks(),
                            before_exec: embryos && index == 0 && spawned.contains(&id),
                            sleeping: context.task.is_some(),
                            checking: profile.waiting.may_miss(),
                        };
                        if program.nodes.iter().any(|node| phases.walk(&node.operation)) {
                            of_context.1 = u32::from(system.process_table);
                        }
                        Codes::new(program, phases)
                    }
                    _ => Codes::free(),
                };
                of_context.0 = of_context.0.max(width(one.largest()));
                codes.push(one);
            }
        }
        let Widths { instance, entry, group, membership, rank, fate, handles, listed_or_memory, .. } = widths;
        let of_process = STATUS + instance + entry + group + membership + rank + fate + 2 * handles + listed_or_memory;
        let dropped = objects.dropped.len() as u32;
        let of_contexts: u32 = contexts.iter().map(|(code, walk)| code + walk + dropped).sum();
        // Free, orphaned, or held by one of so many contexts.
        let lock = width((usize::from(system.process_table) * per_process) as u64 + 1);
        let locks = system.locks.len();
        let buffers = shared::queue_fields(objects);
        let followed = shared::followed_fields(objects);
        let names = shared::name_fields(objects);
        let shared = followed.width()
            + names.width()
            + objects.makes.len() as u32
            + objects.lockable.len() as u32
            + buffers.iter().map(|fields| fields.width()).sum::<u32>()
            + lock * locks as u32
            + entry * groups as u32
            + widths.mode
            + widths.attack_steps;
        Self {
            slots: usize::from(system.process_table),
            contexts_per_process: per_process,
            place_of: (0..system.process_table)
                .flat_map(|slot| (0..per_process).map(move |index| (slot, index as u8)))
                .collect(),
            widths,
            entry_bits: of_process as usize,
            slot_bits: (of_process + of_contexts) as usize,
            shared_bits: shared as usize,
            codes,
            context_at: contexts
                .iter()
                .scan(of_process as usize, |at, (code, walk)| {
                    let begins = *at;
                    *at += (code + walk + dropped) as usize;
                    Some(begins)
                })
                .collect(),
            contexts,
            dropped,
            memory_unit: memory.unit,
            buffers,
            lock,
            locks,
            groups,
            followed,
            names,
            made: objects.makes.len(),
            locked_down: objects.lockable.len(),
            attack_depth: objects.attack_depth(),
        }
    }

    /// How many bits a state takes.
    pub fn bits(&self) -> usize {
        self.slots * self.slot_bits + self.shared_bits
    }

    /// How many words it takes; at least 1.
    pub fn words(&self) -> usize {
        self.bits().div_ceil(64).max(1)
    }

    /// Packs a state into at least [`Codec::words`] words; what is beyond them becomes 0.
    ///
    /// # Errors
    /// If the format has no place for the state, or `words` none for the format. What `words` holds then is nothing.
    pub fn pack(&self, state: &State, words: &mut [u64]) -> Result<(), DoesNotFit> {
        let entries = (state.processes.len(), state.contexts.len());
        let shared = (state.buffers.len(), state.locks.len(), state.supervisors.len(), state.names.len());
        let bits = (state.made.len(), state.locked_down.len());
        if words.len() < self.words()
            || entries != (self.slots, self.slots * self.contexts_per_process)
            || shared != (self.buffers.len(), self.locks, self.groups, self.names.many)
            || bits != (self.made, self.locked_down)
        {
            return Err(DoesNotFit);
        }
        words.fill(0);
        // Free entries are all zeros already.
        let used = (0..self.slots).filter(|slot| state.processes[*slot].status != Status::Free);
        let slots = used.fold(0, |set, slot| set | 1 << slot);
        let free = each(!slots).take_while(|slot| *slot < self.slots);
        if free.into_iter().any(|slot| !self.is_free(state, slot)) {
            return Err(DoesNotFit);
        }
        self.repack(
            state,
            Touched { entries: slots, contexts: slots, context: None, shared: true, attack_steps: true },
            words,
        )
    }

    /// Packs into the words of another state what has been touched since.
    ///
    /// # Errors
    /// If the format has no place for it. What `words` holds then is nothing.
    pub fn repack(&self, state: &State, touched: Touched, words: &mut [u64]) -> Result<(), DoesNotFit> {
        let mut fits = true;
        let short = self.slot_bits <= MAX_WIDTH as usize;
        for slot in each(touched.entries) {
            let at = slot * self.slot_bits;
            fits &= if short {
                let mut fields = Short::default();
                self.put_entry(state, slot, &mut fields);
                fields.write(words, at)
            } else {
                let mut fields = Writer::new(words, at);
                self.put_entry(state, slot, &mut fields);
                fields.finish()
            };
        }
        for slot in each(touched.contexts) {
            let at = slot * self.slot_bits + self.entry_bits;
            fits &= if short {
                let mut fields = Short::default();
                self.put_contexts(state, slot, &mut fields);
                fields.write(words, at)
            } else {
                let mut fields = Writer::new(words, at);
                self.put_contexts(state, slot, &mut fields);
                fields.finish()
            };
        }
        if let Some(context) = touched.context.map(usize::from) {
            let (slot, index) = self.place_of[context];
            let (slot, index) = (usize::from(slot), usize::from(index));
            let at = slot * self.slot_bits + self.context_at[index];
            let codes = self.codes_of(state.processes[slot].instance_of).get(index);
            let (code, walk) = self.contexts[index];
            fits &= codes.and_then(|codes| codes.code(&state.contexts[context])).is_some_and(|known| {
                let mut fields = Writer::new(words, at);
                self.put_context(&state.contexts[context], known, (code, walk), &mut fields);
                fields.finish()
            });
        }
        if touched.shared {
            let mut fields = Writer::new(words, self.slots * self.slot_bits);
            self.put_shared(state, &mut fields);
            fits &= fields.finish();
        }
        if touched.attack_steps {
            let mut fields = Short::default();
            fields.lose_if(state.attack_steps.is_some() != self.attack_depth.is_some());
            fields.put(u64::from(state.attack_steps.unwrap_or(0)), self.widths.attack_steps);
            fits &= fields.write(words, self.attack_steps_at());
        }
        if fits { Ok(()) } else { Err(DoesNotFit) }
    }

    /// Unpacks what was packed, over any state of the same system.
    pub fn unpack(&self, words: &[u64], state: &mut State) {
        state.processes.resize(self.slots, Process::FREE);
        state.contexts.resize(self.slots * self.contexts_per_process, Context::FREE);
        state.locks.resize(self.locks, super::state::LockState::Free);
        state.buffers.resize(self.buffers.len(), Queue::default());
        state.supervisors.resize(self.groups, None);
        state.names.resize(self.names.many, super::state::Name::Nobody);
        state.made.resize(self.made, false);
        state.locked_down.resize(self.locked_down, false);
        for slot in 0..self.slots {
            self.unpack_slot(words, slot, state);
        }
        self.unpack_shared(words, state);
    }

    /// Unpacks over a state that was packed into `known` only what differs, and says where that is.
    pub fn unpack_over(&self, known: &[u64], words: &[u64], state: &mut State) -> Touched {
        let mut touched = Touched::default();
        for slot in 0..self.slots {
            if differ(known, words, slot * self.slot_bits, self.slot_bits) {
                touched.entries |= 1 << slot;
                touched.contexts |= 1 << slot;
                self.unpack_slot(words, slot, state);
            }
        }
        touched.shared = differ(known, words, self.slots * self.slot_bits, self.shared_bits);
        if touched.shared {
            touched.attack_steps = true;
            self.unpack_shared(words, state);
        }
        touched
    }

    fn attack_steps_at(&self) -> usize {
        self.bits() - self.widths.attack_steps as usize
    }

    fn contexts_of(&self, slot: usize) -> std::ops::Range<usize> {
        slot * self.contexts_per_process..(slot + 1) * self.contexts_per_process
    }

    fn codes_of(&self, id: ProcessId) -> &[Codes] {
        let first = id.index() * self.contexts_per_process;
        self.codes.get(first..first + self.contexts_per_process).unwrap_or_default()
    }

    fn is_free(&self, state: &State, slot: usize) -> bool {
        let contexts = &state.contexts[self.contexts_of(slot)];
        state.processes[slot] == Process::FREE && contexts.iter().all(|context| *context == Context::FREE)
    }

    #[inline]
    fn put_entry(&self, state: &State, slot: usize, writer: &mut impl Fields) {
        let (fields, process) = (&self.widths, &state.processes[slot]);
        writer.lose_if(process.status == Status::Free && *process != Process::FREE);
        let status = match process.status {
            Status::Free => 0,
            Status::Embryo => 1,
            Status::Alive => 2,
            Status::Zombie => 3,
        };
        writer.put(status, STATUS);
        writer.put(u64::from(process.instance_of.0), fields.instance);
        writer.put(from_entry(process.parent), fields.entry);
        writer.put(process.group.map_or(0, |group| u64::from(group.0) + 1), fields.group);
        writer.put(u64::from(process.membership == Membership::Lost), fields.membership);
        writer.put(u64::from(process.rank == Rank::Leader), fields.rank);
        writer.put(u64::from(process.fate == Fate::Condemned), fields.fate);
        writer.put(u64::from(process.handles), fields.handles);
        writer.put(u64::from(process.flagged), fields.handles);
        let units = if process.memory == 0 { 0 } else { process.memory / self.memory_unit };
        writer.lose_if(units * self.memory_unit != process.memory);
        // An embryo has not run yet, and whoever runs has no list.
        let (one, other) = (u64::from(process.listed), units);
        let (one, other) = if process.status == Status::Embryo { (one, other) } else { (other, one) };
        writer.lose_if(other != 0);
        writer.put(one, fields.listed_or_memory);
    }

    #[inline]
    fn put_contexts(&self, state: &State, slot: usize, writer: &mut impl Fields) {
        let process = &state.processes[slot];
        let contexts = &state.contexts[self.contexts_of(slot)];
        if !process.lives() {
            writer.lose_if(contexts.iter().any(|context| *context != Context::FREE));
            self.contexts.iter().for_each(|(code, walk)| {
                writer.put(0, *code);
                let (low, high) = halves(*walk);
                writer.put(0, low);
                writer.put(0, high);
                writer.put(0, self.dropped);
            });
            return;
        }
        let codes = self.codes_of(process.instance_of);
        writer.lose_if(codes.is_empty());
        for ((context, codes), widths) in contexts.iter().zip(codes).zip(&self.contexts) {
            let known = codes.code(context);
            writer.lose_if(known.is_none());
            self.put_context(context, known.unwrap_or(0), *widths, writer);
        }
    }

    /// The code of a context, the rest of its walk, and what it has given up.
    #[inline]
    fn put_context(&self, context: &Context, known: u64, (code, walk): (u32, u32), writer: &mut impl Fields) {
        writer.put(known, code);
        if walk > 0 {
            let members = if let Phase::Walking(members) = context.phase { members } else { 0 };
            let (low, high) = halves(walk);
            writer.put(members & u64::from(u32::MAX), low);
            writer.put(members >> 32, high);
        }
        writer.put(u64::from(context.dropped), self.dropped);
        writer.lose_if(context.phase == Phase::Gone && context.dropped != 0);
    }

    fn unpack_slot(&self, words: &[u64], slot: usize, state: &mut State) {
        let at = slot * self.slot_bits;
        if self.slot_bits <= MAX_WIDTH as usize {
            self.take_slot(slot, state, &mut Short::read(words, at));
        } else {
            self.take_slot(slot, state, &mut Reader::new(words, at));
        }
    }

    #[inline]
    fn take_slot(&self, slot: usize, state: &mut State, reader: &mut impl Source) {
        let fields = &self.widths;
        let status = match reader.take(STATUS) {
            0 => {
                state.processes[slot] = Process::FREE;
                state.contexts[self.contexts_of(slot)].fill(Context::FREE);
                return;
            }
            1 => Status::Embryo,
            2 => Status::Alive,
            _ => Status::Zombie,
        };
        let instance_of = ProcessId(reader.take(fields.instance) as u8);
        let process = &mut state.processes[slot];
        *process = Process {
            status,
            instance_of,
            parent: to_entry(reader.take(fields.entry)),
            group: reader.take(fields.group).checked_sub(1).map(|group| GroupId(group as u8)),
            membership: if reader.take(fields.membership) == 0 { Membership::Tracked } else { Membership::Lost },
            rank: if reader.take(fields.rank) == 0 { Rank::Member } else { Rank::Leader },
            fate: if reader.take(fields.fate) == 0 { Fate::Free } else { Fate::Condemned },
            handles: reader.take(fields.handles) as u32,
            flagged: reader.take(fields.handles) as u32,
            listed: 0,
            memory: 0,
        };
        let listed_or_units = reader.take(fields.listed_or_memory);
        if status == Status::Embryo {
            process.listed = listed_or_units as u32;
        } else {
            process.memory = listed_or_units.wrapping_mul(self.memory_unit);
        }
        let contexts = &mut state.contexts[self.contexts_of(slot)];
        let codes = self.codes_of(instance_of);
        for ((context, codes), (code, walk)) in contexts.iter_mut().zip(codes).zip(&self.contexts) {
            *context = codes.context(reader.take(*code));
            if *walk > 0 {
                let (low, high) = halves(*walk);
                let members = reader.take(low) | reader.take(high) << 32;
                if let Phase::Walking(left) = &mut context.phase {
                    *left = members;
                }
            }
            context.dropped = reader.take(self.dropped) as u32;
        }
    }
}

/// Fields are narrower than a word, and a walk may have as many members as a word has bits.
fn halves(walk: u32) -> (u32, u32) {
    (walk.min(32), walk.saturating_sub(32))
}

fn from_entry(slot: Option<ProcessSlot>) -> u64 {
    slot.map_or(0, |slot| u64::from(slot) + 1)
}

fn to_entry(packed: u64) -> Option<ProcessSlot> {
    packed.checked_sub(1).map(|slot| slot as ProcessSlot)
}
