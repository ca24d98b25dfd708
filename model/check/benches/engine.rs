//! The engine beside others, each search in a process of its own, as a table with ratios:
//! `cargo bench -p lacuna-check --features stateright --bench engine`, or `... -- 8 9 10` for so many resource managers. Two-phase commit is the
//! same packed system for the engine and for stateright, and written by hand for SPIN; the kernel's model is `ci-job` with
//! five steps of the adversary under `linux`. Compare by ratio within one run, machines differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

mod peers;

use std::num::NonZeroUsize;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use lacuna_check::engine::cluster::{self, ClusterConfig, Processes};
use lacuna_check::engine::{Edge, Packed, Summary, TransitionSystem, Unrepresentable, explore};
use lacuna_check::{End, Limits, SecondOpinion, check};
use lacuna_model::expand::Expander;
use lacuna_model::guarantee::{Asked, GuaranteeId, GuaranteeSet, safety};
use lacuna_model::objects::{Codec, Objects};
use lacuna_model::profile::Profile;
use lacuna_model::system::System;
use peers::packed::two_phase_commit;
use peers::spin::{Promela, search};
use peers::structured::Structured;
use stateright::{Checker, Model};

/// Of so many runs, in turn, the fastest is shown.
const ROUNDS: usize = 3;

/// How many states two-phase commit has with so many managers.
const KNOWN: [(u32, u64); 4] = [(7, 296_448), (8, 1_745_408), (9, 10_340_352), (10, 61_515_776)];

/// What the bytes are not: stateright's depth-first search keeps a fingerprint of each state, and no state.
const FINGERPRINTS: &str = "stateright keeps 64-bit fingerprints instead of states, and no parents: its bytes a state are not those of an exact search";

/// Who searches what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Threads(usize),
    Workers(usize),
    Loopback,
    Packed(usize),
    Structured(usize),
    Spin,
    Kernel(usize),
    KernelStateright(usize),
}

const PROTOCOL: [Engine; 9] = [
    Engine::Threads(1),
    Engine::Threads(2),
    Engine::Workers(1),
    Engine::Workers(2),
    Engine::Loopback,
    Engine::Packed(1),
    Engine::Packed(2),
    Engine::Structured(1),
    Engine::Spin,
];
const KERNEL: [Engine; 3] = [Engine::Kernel(1), Engine::Kernel(2), Engine::KernelStateright(1)];

impl Engine {
    fn name(self) -> String {
        match self {
            Self::Threads(count) => format!("lacuna, threads: {count}"),
            Self::Workers(count) => format!("lacuna, workers: {count}"),
            Self::Loopback => "lacuna, two processes over loopback".into(),
            Self::Packed(count) => format!("stateright, same packed state, threads: {count}"),
            Self::Structured(count) => format!("stateright, as its example is written, threads: {count}"),
            Self::Spin => "SPIN, exact".into(),
            Self::Kernel(count) => format!("lacuna, ci-job, threads: {count}"),
            Self::KernelStateright(count) => format!("stateright, ci-job, threads: {count}"),
        }
    }
}

/// What a search printed of itself.
#[derive(Debug, Clone, Copy)]
struct Row {
    states: u64,
    generated: u64,
    seconds: f64,
    bytes_a_state: f64,
}

impl Row {
    fn new(states: u64, generated: u64, seconds: f64, bytes: Option<u64>) -> Self {
        let bytes = bytes.or_else(peak_bytes).unwrap_or(0);
        Self { states, generated, seconds, bytes_a_state: bytes as f64 / states as f64 }
    }

    fn of<S>(found: &Summary<S>) -> Self {
        assert_eq!((found.end, found.marks), (End::Complete, 0));
        Self::new(found.states, found.transitions + 1, found.elapsed.as_secs_f64(), None)
    }

    fn print(self) -> String {
        let Self { states, generated, seconds, bytes_a_state } = self;
        format!("{states} {generated} {seconds} {bytes_a_state}")
    }

    fn read(text: &str) -> Option<Self> {
        let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [states, generated, seconds, bytes_a_state] = numbers[..] else { return None };
        Some(Self { states: states as u64, generated: generated as u64, seconds, bytes_a_state })
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some((one, of)) = arguments.split_first()
        && one == "--one"
    {
        let number = |at: usize| of[at].parse::<usize>().unwrap();
        let engine = PROTOCOL.iter().chain(&KERNEL).nth(number(0)).unwrap();
        match row(*engine, number(1) as u32, of.get(2).map(|hosts| (hosts.as_str(), number(3)))) {
            Ok(row) => println!("{}", row.print()),
            Err(why) => println!("{why}"),
        }
        return;
    }
    if let [one, managers] = &arguments[..]
        && one == "--where"
    {
        return say_where(managers.parse().unwrap());
    }
    let sizes: Vec<u32> = arguments.iter().map(|argument| argument.parse().expect("numbers of managers")).collect();
    for managers in if sizes.is_empty() { vec![9] } else { sizes } {
        table(&format!("two-phase commit, N={managers}"), &PROTOCOL, 0, managers);
        again(&["--where", &managers.to_string()]).status().unwrap();
    }
    println!("{FINGERPRINTS}");
    let objects = kernel();
    println!("ci-job with five steps of the adversary, under linux: states of {} bits", Codec::new(&objects).bits());
    table("ci-job, adversary depth 5", &KERNEL, PROTOCOL.len(), 0);
    again(&["--where", "0"]).status().unwrap();
}

/// Searches on one thread, then takes every edge of every state once more and does nothing with it: says what of the
/// search that is, and what the table of known states.
fn breakdown<T: TransitionSystem>(system: &T) {
    let limits = Limits { max_memory: 16 << 30, ..Limits::default() };
    let found = explore(system, &limits);
    let states = found.summary.states as f64;
    let mut scratch = system.scratch();
    // As at the end of the search, when most states are expanded.
    system.want(&mut scratch, !found.summary.marks);
    let begun = Instant::now();
    for state in found.iter() {
        system.edges(&mut scratch, &state, |edge| _ = std::hint::black_box(edge)).unwrap();
    }
    let parts = [("expansion alone", begun.elapsed()), ("inserting", found.inserting()), ("growth", found.growing())];
    let ns = |time: std::time::Duration| time.as_nanos() as f64 / states;
    let whole = ns(found.summary.elapsed);
    print!("lacuna, one thread, ns a state: {whole:.0}");
    let mut rest = whole;
    for (name, time) in parts {
        print!("; {name} {:.0} ({:.0} %)", ns(time), 100.0 * ns(time) / whole);
        rest -= ns(time);
    }
    println!(
        "; rest {rest:.0} ({:.0} %). Bytes a state at the end: {:.1}, of which {} are the state",
        100.0 * rest / whole,
        found.summary.bytes as f64 / states,
        8 * T::State::WORDS
    );
}

/// The kernel's model as the checker gives it to the engine.
struct Bare<'a, const W: usize> {
    expander: Expander<'a, W>,
    asked: GuaranteeSet,
}

/// After how many bits the marks of violations begin.
const VIOLATED: u32 = 32;

impl<'a, const W: usize> TransitionSystem for Bare<'a, W> {
    type State = [u64; W];
    type Scratch = (Expander<'a, W>, Asked);

    fn scratch(&self) -> Self::Scratch {
        (self.expander.clone(), Asked::of(self.asked))
    }

    fn initial(&self) -> Vec<[u64; W]> {
        vec![self.expander.initial().unwrap()]
    }

    fn edges(
        &self,
        (expander, asked): &mut Self::Scratch,
        state: &[u64; W],
        mut visit: impl FnMut(Edge<[u64; W]>),
    ) -> Result<(), Unrepresentable> {
        expander.successors(state, *asked, |step| {
            let [triggered, violated] = [step.marks.triggered, step.marks.violated].map(|set| u64::from(set.bits()));
            visit(Edge { after: step.after.unwrap(), marks: triggered | violated << VIOLATED, label: 0 });
        });
        Ok(())
    }

    fn want(&self, (_, asked): &mut Self::Scratch, wanted: u64) {
        let of = |first: u32| {
            self.asked
                .iter()
                .filter(|id| (wanted >> first) & u64::from(GuaranteeSet::NONE.with(*id).bits()) != 0)
                .collect()
        };
        *asked = Asked { triggered: of(0), violated: of(VIOLATED) };
    }

    fn may_stop(&self, _: &[u64; W]) -> bool {
        true
    }
}

/// Where the time goes, by a process of its own.
fn say_where(managers: u32) {
    if managers > 0 {
        return breakdown(&two_phase_commit(managers));
    }
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    let objects = kernel().watching(&ids);
    fn of<const W: usize>(objects: &Objects) {
        breakdown(&Bare { expander: Expander::<W>::new(objects).unwrap(), asked: objects.watched() });
    }
    match Codec::new(&objects).words() {
        1 => of::<1>(&objects),
        2 => of::<2>(&objects),
        3 => of::<3>(&objects),
        4 => of::<4>(&objects),
        5 => of::<5>(&objects),
        6 => of::<6>(&objects),
        more => println!("states of {more} words: more than this bench takes apart"),
    }
}

fn table(title: &str, engines: &[Engine], offset: usize, managers: u32) {
    println!("\n{title}");
    println!("{:52} {:>11} {:>12} {:>8} {:>10} {:>7} {:>8}", "", "states", "edges", "s", "states/s", "B/state", "time");
    let mut first: Option<Row> = None;
    let mut rows: Vec<(String, Option<Row>)> = Vec::new();
    for round in 0..ROUNDS {
        for (place, engine) in engines.iter().enumerate() {
            let printed = run(*engine, offset + place, managers);
            let row = Row::read(&printed);
            if let Some(row) = row {
                let found = first.get_or_insert(row);
                let known = KNOWN.iter().find(|(size, _)| *size == managers).filter(|_| offset == 0);
                assert!(
                    known.is_none_or(|(_, states)| *states == row.states),
                    "{} found {}",
                    engine.name(),
                    row.states
                );
                assert_eq!(row.states, found.states, "every exact search finds the same");
            }
            if round == 0 {
                rows.push((printed, row));
            } else if let (Some(best), Some(row)) = (&mut rows[place].1, row)
                && row.seconds < best.seconds
            {
                *best = row;
            }
        }
    }
    let unit = rows[0].1.map_or(1.0, |row| row.seconds);
    for (engine, (printed, row)) in engines.iter().zip(rows) {
        match row {
            Some(Row { states, generated, seconds, bytes_a_state }) => {
                let (rate, times) = (states as f64 / seconds, seconds / unit);
                println!(
                    "{:52} {states:>11} {generated:>12} {seconds:>8.2} {rate:>10.0} {bytes_a_state:>7.1} {times:>7.2}x",
                    engine.name()
                );
            }
            None => println!("{:52} {}", engine.name(), printed.trim_end()),
        }
    }
}

/// This bench in another process.
fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Searches in a process of its own, or two.
fn run(engine: Engine, index: usize, managers: u32) -> String {
    let start = |more: &[&str]| -> Child {
        let mut child = again(&["--one", &index.to_string(), &managers.to_string()]);
        child.args(more).stdout(Stdio::piped()).spawn().unwrap()
    };
    if engine != Engine::Loopback {
        let output = start(&[]).wait_with_output().unwrap();
        assert!(output.status.success(), "{} failed", engine.name());
        return String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let hosts = format!("{}\n{}\n", free(), free());
    let [first, second] = ["0", "1"].map(|process| start(&[&hosts, process]));
    let [first, second] = [first, second].map(|child| child.wait_with_output().unwrap());
    assert!(first.status.success() && second.status.success(), "{} failed", engine.name());
    let [first, second] = [&first, &second].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match [&first, &second].map(|printed| Row::read(printed)) {
        // Each has its part of the states.
        [Some(mut row), Some(other)] => {
            row.bytes_a_state += other.bytes_a_state;
            row.print()
        }
        _ => first + &second,
    }
}

/// `ci-job` with five steps of the adversary, as `lacuna check ci-job --adversary-depth 5` has it.
fn kernel() -> Objects {
    let entry = lacuna_scenarios::library().iter().find(|entry| entry.name == "ci-job").unwrap();
    let mut system: System = entry.system().unwrap();
    assert_eq!(system.set_adversary_depth(5), 1);
    Objects::new(&system, &Profile::linux()).unwrap()
}

/// Searches once.
fn row(engine: Engine, managers: u32, place: Option<(&str, usize)>) -> Result<Row, String> {
    let limits =
        |threads| Limits { threads: NonZeroUsize::new(threads).unwrap(), max_memory: 16 << 30, ..Limits::default() };
    let of_stateright = |found: peers::Stateright| {
        assert!(found.violated.is_empty(), "{found:?}");
        Ok(Row::new(found.states as u64, found.generated as u64, found.elapsed.as_secs_f64(), None))
    };
    let ids: Vec<GuaranteeId> = safety().iter().map(|guarantee| guarantee.id()).collect();
    match engine {
        Engine::Threads(count) => Ok(Row::of(&explore(&two_phase_commit(managers), &limits(count)).summary)),
        Engine::Workers(count) => {
            let config = ClusterConfig::workers(NonZeroUsize::new(count).unwrap());
            Ok(Row::of(&cluster::explore(&two_phase_commit(managers), &limits(1), &config).unwrap().summary))
        }
        Engine::Loopback => {
            let (hosts, process) = place.unwrap();
            let processes = Processes::read(hosts, process).unwrap();
            let config = ClusterConfig { processes, ..ClusterConfig::workers(NonZeroUsize::MIN) };
            Ok(Row::of(&cluster::explore(&two_phase_commit(managers), &limits(1), &config).unwrap().summary))
        }
        Engine::Packed(threads) => of_stateright(peers::stateright(two_phase_commit(managers), threads)),
        Engine::Structured(threads) => {
            of_stateright(peers::stateright(Structured { managers: managers as usize }, threads))
        }
        Engine::Spin => {
            let text = include_str!("peers/two_phase_commit.pml");
            let size = format!("N={managers}");
            let found = search(&Promela { name: "two_phase_commit", text, macros: &[&size], slots: 26 });
            let found = found.map_err(|missing| missing.to_string())?;
            assert_eq!(found.errors, 0);
            let bytes = (found.memory_mb * 1024.0 * 1024.0) as u64;
            Ok(Row::new(found.stored, found.transitions, found.elapsed.as_secs_f64(), Some(bytes)))
        }
        Engine::Kernel(count) => {
            let found = check(&kernel(), &ids, &limits(count)).unwrap();
            assert_eq!(found.end, End::Complete);
            Ok(Row::new(found.states, found.transitions + 1, found.elapsed.as_secs_f64(), None))
        }
        Engine::KernelStateright(threads) => {
            // Without guarantees its states are ours, one for one: with them it would have more.
            let model = SecondOpinion::new(kernel(), &[]);
            let begun = Instant::now();
            let found = model.checker().threads(threads).spawn_dfs().join();
            let seconds = begun.elapsed().as_secs_f64();
            Ok(Row::new(found.unique_state_count() as u64, found.state_count() as u64, seconds, None))
        }
    }
}

/// The most memory that this process ever had, where the system says it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
