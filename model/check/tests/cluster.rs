//! A cluster: what it finds is what one process finds, and whatever happens to a process, the others end, and soon.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lacuna_check::engine::cluster::{self, ClusterConfig, ClusterError, ClusterOutcome, Processes};
use lacuna_check::engine::{
    CheckpointError, Checkpoints, End, Limits, Packed, Progress, Start, Summary, TransitionSystem, Unrepresentable,
    explore,
};
use support::{Graph, Small};

fn comparable<S: Copy>(summary: &Summary<S>) -> Summary<S> {
    Summary { elapsed: Duration::ZERO, bytes: 0, ..summary.clone() }
}

/// What a cluster ought to find.
fn alone<T: TransitionSystem>(system: &T) -> ClusterOutcome<T::State> {
    let found = explore(system, &Limits::default());
    let path = |end| found.paths(system, &[end]).remove(0);
    let firsts = found.summary.firsts.iter();
    ClusterOutcome {
        summary: comparable(&found.summary),
        firsts: firsts.map(|(mark, first)| (*mark, path((first.level, first.sighting.state)))).collect(),
        deadlock: found.summary.deadlock.map(path),
    }
}

fn same<S: Packed>(found: ClusterOutcome<S>, expected: &ClusterOutcome<S>) {
    assert_eq!(&ClusterOutcome { summary: comparable(&found.summary), ..found }, expected);
}

fn workers(count: usize) -> ClusterConfig<'static> {
    ClusterConfig::workers(NonZeroUsize::new(count).unwrap())
}

/// Addresses at which nobody listens, and no other test will.
fn free(count: usize) -> Vec<String> {
    static GIVEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    let mut free = Vec::new();
    while free.len() < count {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        if given.insert(address.clone()) {
            free.push(address);
        }
    }
    free
}

fn process<'a>(addresses: &[String], process: usize, config: ClusterConfig<'a>) -> ClusterConfig<'a> {
    let processes = Processes::Several { addresses: addresses.to_vec(), process, listen: None };
    ClusterConfig { processes, patience: Duration::from_secs(10), ..config }
}

/// Runs processes as threads, all with the same settings.
fn together<'l, 'c, T: TransitionSystem>(
    system: &T,
    processes: usize,
    limits: impl Fn(usize) -> Limits<'l> + Sync,
    config: impl Fn(usize) -> ClusterConfig<'c> + Sync,
) -> Vec<Result<ClusterOutcome<T::State>, ClusterError>> {
    let addresses = free(processes);
    std::thread::scope(|scope| {
        let run = |index| {
            let (addresses, limits, config) = (&addresses, &limits, &config);
            scope.spawn(move || cluster::explore(system, &limits(index), &process(addresses, index, config(index))))
        };
        let spawned: Vec<_> = (0..processes).map(run).collect();
        spawned.into_iter().map(|process| process.join().unwrap()).collect()
    })
}

fn anything(_: usize) -> Limits<'static> {
    Limits::default()
}

#[test]
fn any_number_of_workers_finds_what_one_process_finds() {
    fn compare<const W: usize>(graph: &Graph<W>) {
        let expected = alone(graph);
        assert!(expected.summary.depth > 10 && expected.deadlock.is_some() && expected.firsts.len() == 2);
        for count in [1, 2, 3, 5] {
            same(cluster::explore(graph, &Limits::default(), &workers(count)).unwrap(), &expected);
        }
    }
    compare(&Graph::<1>::deep(40_000, 4, 5));
    compare(&Graph::<3>::deep(40_000, 4, 7));
    // Enough for tables to grow.
    compare(&Graph::<2>::deep(400_000, 5, 9));
}

#[test]
fn so_does_any_number_of_processes_and_all_know_it() {
    let graph = Graph::<2>::deep(60_000, 4, 7);
    let expected = alone(&graph);
    for (processes, count) in [(1, 2), (2, 1), (2, 2), (3, 1), (3, 2)] {
        for found in together(&graph, processes, anything, |_| workers(count)) {
            same(found.unwrap(), &expected);
        }
    }
}

#[test]
fn limits_are_kept_to_by_all() {
    let graph = Graph::<2>::deep(3_000_000, 5, 3);
    for found in together(&graph, 2, |_| Limits { max_states: 100_000, ..Limits::default() }, |_| workers(1)) {
        let summary = found.unwrap().summary;
        assert_eq!(summary.end, End::MaxStates);
        assert!((100_000..400_000).contains(&summary.states), "{}", summary.states);
        assert_eq!(summary.levels.iter().sum::<u64>(), summary.states);
    }
    // Only one of them has little memory.
    let little = |index| Limits { max_memory: if index == 1 { 8 << 20 } else { 4 << 30 }, ..Limits::default() };
    for found in together(&graph, 2, little, |_| workers(2)) {
        let summary = found.unwrap().summary;
        assert_eq!(summary.end, End::MaxMemory);
        assert!(summary.depth > 0 && summary.states < 3_000_000);
    }
}

#[test]
fn an_interrupt_of_one_stops_all() {
    let graph = Graph::<1>::deep(6_000_000, 8, 3);
    let stop = AtomicBool::new(false);
    let progress = |progress: &Progress| {
        if matches!(progress, Progress::At { states: 1.., .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let limits = |index| match index {
        0 => Limits { interrupt: Some(&stop), progress: Some(&progress), ..Limits::default() },
        _ => Limits::default(),
    };
    for found in together(&graph, 2, limits, |_| workers(1)) {
        assert_eq!(found.unwrap().summary.end, End::Interrupted);
    }
}

#[test]
fn what_does_not_fit_ends_all() {
    for found in together(&Small::overflowing(), 2, anything, |_| workers(2)) {
        let summary = found.unwrap().summary;
        let end = End::Unrepresentable(Unrepresentable("a counter of steps"));
        assert_eq!((summary.end, summary.states, summary.depth), (end, 16, 15));
    }
}

#[test]
fn a_panic_is_passed_on_and_ends_all() {
    let addresses = free(2);
    let mistaken = |at| {
        assert!(at < 1000, "a mistake");
        Ok(vec![at + 1])
    };
    let panicking = Small { starts: vec![0], after: mistaken };
    let run = |index| cluster::explore(&panicking, &Limits::default(), &process(&addresses, index, workers(2)));
    let run = &run;
    let ends = std::thread::scope(|scope| [0, 1].map(|index| scope.spawn(move || run(index))).map(|run| run.join()));
    let (mut panicked, mut told) = (0, 0);
    for end in ends {
        match end {
            Err(panic) => panicked += u32::from(panic.downcast_ref() == Some(&"a mistake")),
            Ok(found) => told += u32::from(matches!(found, Err(ClusterError::Remote { .. }))),
        }
    }
    assert_eq!((panicked, told), (1, 1));
}

#[test]
fn who_is_not_there_in_time_or_does_not_fit_is_named() {
    let graph = Graph::<1>::deep(100, 2, 1);
    let addresses = free(3);
    let started = Instant::now();
    for index in [0, 2] {
        let config = ClusterConfig { patience: Duration::from_millis(400), ..process(&addresses, index, workers(1)) };
        let error = cluster::explore(&graph, &Limits::default(), &config).unwrap_err();
        assert!(matches!(error, ClusterError::Absent { .. }), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(8));
    let stop = AtomicBool::new(true);
    let limits = Limits { interrupt: Some(&stop), ..Limits::default() };
    let error = cluster::explore(&graph, &limits, &process(&free(2), 0, workers(1))).unwrap_err();
    assert!(matches!(error, ClusterError::Interrupted), "{error}");

    for found in together(&graph, 2, anything, |index| ClusterConfig { fingerprint: 5 + index as u64, ..workers(1) }) {
        let error = found.unwrap_err();
        assert!(matches!(error, ClusterError::Unlike { what: "fingerprint", .. }), "{error}");
    }
    let few = |index| Limits { max_states: 1000 + index as u64, ..Limits::default() };
    for found in together(&graph, 2, few, |_| workers(1)) {
        let error = found.unwrap_err();
        assert!(matches!(error, ClusterError::Unlike { what: "limit on the number of states", .. }), "{error}");
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = [listener.local_addr().unwrap().to_string(), free(1).remove(0)];
    let error = cluster::explore(&graph, &Limits::default(), &process(&taken, 0, workers(1))).unwrap_err();
    assert!(matches!(error, ClusterError::Listen { .. }), "{error}");

    for list in ["", "one:1", "one:1\none:1", "one", ":1", "one:x\ntwo:2"] {
        assert!(Processes::read(list, 1).is_err(), "{list:?}");
    }
    let several = Processes::read("# all of them\none:1\n\n two:2 # here\n", 1).unwrap();
    let addresses = ["one:1", "two:2"].map(str::to_owned).to_vec();
    assert_eq!(several, Processes::Several { addresses, process: 1, listen: None });
}

#[test]
fn strangers_are_sent_away_and_nonsense_is_an_error() {
    let graph = Graph::<1>::deep(1_000, 3, 1);
    let addresses = free(2);
    std::thread::scope(|scope| {
        let run = |index| {
            let config = process(&addresses, index, workers(1));
            let graph = &graph;
            scope.spawn(move || cluster::explore(graph, &Limits::default(), &config))
        };
        let first = run(0);
        let mut strangers = Vec::new();
        while strangers.len() < 3 {
            if let Ok(mut stranger) = TcpStream::connect(&addresses[0]) {
                stranger.write_all(&[b'x'; 100][..40 * strangers.len()]).unwrap();
                strangers.push(stranger);
            }
        }
        let second = run(1);
        same(first.join().unwrap().unwrap(), &alone(&graph));
        same(second.join().unwrap().unwrap(), &alone(&graph));
    });

    // One that says what it ought to, and then anything.
    for nonsense in [&[255; 4][..], &[48, 0, 0, 0], &[200; 4096], &[0; 64]] {
        let addresses = free(2);
        std::thread::scope(|scope| {
            let config = ClusterConfig { patience: Duration::from_millis(700), ..process(&addresses, 0, workers(1)) };
            let graph = &graph;
            let first = scope.spawn(move || cluster::explore(graph, &Limits::default(), &config));
            let mut other = loop {
                if let Ok(other) = TcpStream::connect(&addresses[0]) {
                    break other;
                }
            };
            let most = Limits::default().max_states;
            let hello = [u64::from_le_bytes(*b"lacunacl"), 2, 1, 2, 1, 1, 0, 0, most];
            other.write_all(&hello.map(u64::to_le_bytes).concat()).unwrap();
            other.write_all(nonsense).unwrap();
            let error = first.join().unwrap().unwrap_err();
            assert!(matches!(error, ClusterError::Lost { process: 1, .. }), "{error}");
        });
    }
}

const LONG: Graph<1> = Graph::deep(4_000_000, 7, 21);
/// Nobody ends it.
const ENDLESS: Graph<1> = Graph::deep(400_000_000, 7, 21);

/// Not a test of its own: the second process of those below, which they kill or stop.
#[test]
#[ignore = "started by another test"]
fn the_other_process() {
    let Ok(hosts) = std::env::var("HOSTS") else { return };
    let directory = std::env::var_os("CHECKPOINTS").map(std::path::PathBuf::from);
    let config = ClusterConfig {
        processes: Processes::read(&hosts, 1).unwrap(),
        patience: Duration::from_millis(1500),
        checkpoints: directory.as_deref().map(|directory| every_level(directory, Start::Anew)),
        ..workers(1)
    };
    let graph = if directory.is_some() { LONG } else { ENDLESS };
    let _ = cluster::explore(&graph, &Limits::default(), &config);
}

fn other_process(addresses: &[String], checkpoints: Option<&Path>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_other_process", "--ignored"]).env("HOSTS", addresses.join("\n"));
    if let Some(directory) = checkpoints {
        command.env("CHECKPOINTS", directory);
    }
    command.stdout(Stdio::null()).spawn().unwrap()
}

fn every_level(directory: &Path, start: Start) -> Checkpoints<'_> {
    Checkpoints { directory, every: Duration::ZERO, fingerprint: 0, start }
}

#[test]
fn when_one_is_killed_the_others_end_and_all_go_on_from_a_checkpoint() {
    let expected = alone(&LONG);
    // Each with a disk of its own.
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let addresses = free(2);
    let mut other = other_process(&addresses, Some(directories[1].path()));
    let config = ClusterConfig {
        checkpoints: Some(every_level(directories[0].path(), Start::Anew)),
        ..process(&addresses, 0, workers(1))
    };
    let manifest = directories[1].path().join("generation-0/part-1-of-2.manifest");
    let (error, waited) = std::thread::scope(|scope| {
        let run = scope.spawn(|| cluster::explore(&LONG, &Limits::default(), &config));
        while !manifest.exists() && !run.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(150));
        other.kill().unwrap();
        let killed = Instant::now();
        other.wait().unwrap();
        (run.join().unwrap().unwrap_err(), killed.elapsed())
    });
    assert!(matches!(error, ClusterError::Lost { process: 1, .. }), "{error}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");

    let resume = |index: usize| ClusterConfig {
        checkpoints: Some(every_level(directories[index].path(), Start::Resume)),
        ..workers(1)
    };
    for found in together(&LONG, 2, anything, resume) {
        same(found.unwrap(), &expected);
    }

    // With another number of workers, who see the files of all.
    let (all, parts) = (tempfile::tempdir().unwrap(), "generation-0");
    std::fs::create_dir(all.path().join(parts)).unwrap();
    for directory in &directories {
        for file in std::fs::read_dir(directory.path().join(parts)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), all.path().join(parts).join(file.file_name())).unwrap();
        }
    }
    for count in [3, 1, 3] {
        let checkpoints = Some(every_level(all.path(), Start::Resume));
        let found = cluster::explore(&LONG, &Limits::default(), &ClusterConfig { checkpoints, ..workers(count) });
        same(found.unwrap(), &expected);
    }
    let found = lacuna_check::engine::explore_with_checkpoints(
        &LONG,
        &Limits::default(),
        &every_level(all.path(), Start::Resume),
    );
    assert_eq!(comparable(&found.unwrap().summary), expected.summary);
}

#[cfg(unix)]
#[test]
fn who_says_nothing_any_more_is_lost() {
    let addresses = free(2);
    let mut other = other_process(&addresses, None);
    let config = ClusterConfig { patience: Duration::from_millis(1500), ..process(&addresses, 0, workers(1)) };
    let stopped = AtomicBool::new(false);
    let progress = |_: &Progress| {
        if !stopped.swap(true, Ordering::Relaxed) {
            let id = other.id().to_string();
            assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
        }
    };
    let limits = Limits { progress: Some(&progress), ..Limits::default() };
    let started = Instant::now();
    let found = cluster::explore(&ENDLESS, &limits, &config);
    other.kill().unwrap();
    other.wait().unwrap();
    let error = found.unwrap_err();
    assert!(matches!(error, ClusterError::Lost { process: 1, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_worker_announces_that_its_table_grows() {
    let grown = AtomicU64::new(0);
    let progress = |progress: &Progress| {
        if let Progress::Growing { to, .. } = *progress {
            grown.fetch_max(to, Ordering::Relaxed);
        }
    };
    let graph = Graph::<1>::deep(300_000, 4, 5);
    let limits = Limits { progress: Some(&progress), ..Limits::default() };
    let found = cluster::explore(&graph, &limits, &workers(2)).unwrap();
    // Eight bytes for each of its half of the states, about.
    assert!(grown.into_inner() > 3 * found.summary.states);
}

#[test]
fn who_gives_up_says_why() {
    let graph = Graph::<1>::deep(50_000, 4, 5);
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let at = |start| {
        let directories = &directories;
        move |index: usize| ClusterConfig {
            checkpoints: Some(every_level(directories[index].path(), start)),
            ..workers(1)
        }
    };
    let missing = together(&graph, 2, anything, at(Start::Resume));
    assert!(missing.iter().all(|found| found.is_err()));
    let few = |_| Limits { max_states: 5_000, ..Limits::default() };
    for found in together(&graph, 2, few, at(Start::Anew)) {
        assert_eq!(found.unwrap().summary.end, End::MaxStates);
    }
    let states = directories[1].path().join("generation-0/part-1-of-2.states");
    let mut bytes = std::fs::read(&states).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&states, bytes).unwrap();
    let mut found = together(&graph, 2, anything, at(Start::Resume));
    let own = found.pop().unwrap().unwrap_err();
    assert!(matches!(own, ClusterError::Checkpoint(CheckpointError::Damaged { .. })), "{own}");
    let told = found.pop().unwrap().unwrap_err();
    assert!(matches!(&told, ClusterError::Remote { process: 1, message } if *message == own.to_string()), "{told}");
}
