//! Checkpoints: wherever a search stops, it ends as if it had not; and what is not intact is refused.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lacuna_check::engine::cluster::{self, ClusterConfig};
use lacuna_check::engine::{
    CheckpointError, Checkpoints, Edge, End, Exploration, Limits, Progress, Start, Summary, TransitionSystem,
    Unrepresentable, explore, explore_with_checkpoints,
};
use support::{Graph, Small};

const SMALL: Graph<2> = Graph::deep(3_000, 3, 8);

fn at(directory: &Path, start: Start) -> Checkpoints<'_> {
    Checkpoints { directory, every: Duration::ZERO, fingerprint: 77, start }
}

fn comparable<S: Copy>(summary: &Summary<S>) -> Summary<S> {
    Summary { elapsed: Duration::ZERO, bytes: 0, ..summary.clone() }
}

/// The states of each level, and the paths to what was found.
fn essence<T: TransitionSystem>(system: &T, found: &Exploration<T::State>) -> (BTreeSet<T::State>, String) {
    let summary = &found.summary;
    let ends = summary.firsts.iter().map(|(_, first)| (first.level, first.sighting.state));
    let ends: Vec<_> = ends.chain(summary.deadlock).collect();
    (found.iter().collect(), format!("{:?}", found.paths(system, &ends)))
}

/// A search that stops when a level is reached, as nothing else stops exactly there.
fn until<T: TransitionSystem>(system: &T, checkpoints: &Checkpoints<'_>, states: u64) -> Exploration<T::State> {
    let limits = Limits { max_states: states, ..Limits::default() };
    explore_with_checkpoints(system, &limits, checkpoints).unwrap()
}

fn stopped_and_resumed<const W: usize>(graph: &Graph<W>, threads: usize) {
    let limits = Limits { threads: NonZeroUsize::new(threads).unwrap(), ..Limits::default() };
    let whole = explore(graph, &limits);
    let summary = &whole.summary;
    assert!(summary.depth > 10 && summary.deadlock.is_some() && summary.firsts.len() == 2, "{summary:?}");
    for share in [0, 1, 10, 50, 90, 99, 100] {
        let directory = tempfile::tempdir().unwrap();
        let stopped = until(graph, &at(directory.path(), Start::Anew), whole.summary.states * share / 100);
        assert!(matches!(stopped.summary.end, End::MaxStates | End::Complete));
        let mut resumed = None;
        // Twice, the second time from what the first has written.
        for _ in 0..2 {
            let found = explore_with_checkpoints(graph, &limits, &at(directory.path(), Start::Resume)).unwrap();
            assert_eq!(comparable(&found.summary), comparable(&whole.summary), "{share} %");
            assert_eq!(essence(graph, &found), essence(graph, &whole));
            resumed = Some(found);
        }
        assert!(resumed.is_some());
    }
}

#[test]
fn it_ends_as_if_it_had_not_stopped() {
    stopped_and_resumed(&Graph::<1>::deep(40_000, 4, 5), 1);
    stopped_and_resumed(&Graph::<1>::deep(40_000, 4, 6), 2);
    stopped_and_resumed(&Graph::<3>::deep(40_000, 4, 7), 2);
}

/// From 0 to 4000 states, the largest first, and from each of them to eight more; edges of two of them are marked.
struct Fan;

impl TransitionSystem for Fan {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        vec![[0]]
    }

    fn edges(
        &self,
        (): &mut (),
        state: &[u64; 1],
        mut visit: impl FnMut(Edge<[u64; 1]>),
    ) -> Result<(), Unrepresentable> {
        match state[0] {
            0 => (1..=4000).rev().for_each(|to| visit(Edge::new([to], to as u32))),
            from @ 1..=4000 => (1..=8).for_each(|more| {
                let marks = u64::from(from == 5 || from == 3990);
                visit(Edge { after: [more * 10_000 + from], marks, label: more as u32 });
            }),
            _ => {}
        }
        Ok(())
    }

    fn may_stop(&self, _: &[u64; 1]) -> bool {
        true
    }
}

#[test]
fn a_first_edge_of_a_level_that_was_cut_off_is_looked_for_again() {
    for workers in [None, NonZeroUsize::new(2)] {
        let directory = tempfile::tempdir().unwrap();
        let search = |start, max_states| {
            // Only what is written when it stops knows of the level that was cut off.
            let checkpoints = Checkpoints { every: Duration::from_secs(3600), ..at(directory.path(), start) };
            let limits = Limits { max_states, ..Limits::default() };
            let Some(workers) = workers else {
                return explore_with_checkpoints(&Fan, &limits, &checkpoints).unwrap().summary;
            };
            let config =
                ClusterConfig { fingerprint: 77, checkpoints: Some(checkpoints), ..ClusterConfig::workers(workers) };
            cluster::explore(&Fan, &limits, &config).unwrap().summary
        };
        let stopped = search(Start::Anew, 4200);
        assert_eq!((stopped.end, stopped.depth), (End::MaxStates, 1), "in the middle of the level");
        if workers.is_none() {
            assert_eq!(stopped.first(0).unwrap().sighting.state, [3990], "the one that comes first");
        }
        let found = search(Start::Resume, u64::MAX);
        assert_eq!((found.end, found.states), (End::Complete, 36_001));
        assert_eq!(found.first(0).unwrap().sighting.state, [5], "the least");
    }
}

#[test]
fn an_interrupt_leaves_a_checkpoint_though_none_was_due() {
    let graph = Graph::<1>::deep(600_000, 5, 5);
    let directory = tempfile::tempdir().unwrap();
    let (stop, deepest) = (AtomicBool::new(false), AtomicU32::new(0));
    let progress = |progress: &Progress| {
        if let Progress::At { depth, states, .. } = progress {
            deepest.store(*depth, Ordering::Relaxed);
            stop.store(*states > 100, Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
    };
    let limits = Limits { progress: Some(&progress), interrupt: Some(&stop), ..Limits::default() };
    let checkpoints = Checkpoints { every: Duration::from_secs(3600), ..at(directory.path(), Start::Anew) };
    let stopped = explore_with_checkpoints(&graph, &limits, &checkpoints).unwrap();
    assert_eq!(stopped.summary.end, End::Interrupted);
    let whole = explore(&graph, &Limits::default());
    let again = at(directory.path(), Start::Resume);
    let found = explore_with_checkpoints(&graph, &Limits::default(), &again).unwrap();
    assert_eq!(comparable(&found.summary), comparable(&whole.summary));
}

/// The files of the only generation.
fn files(directory: &Path) -> [PathBuf; 2] {
    let generation = directory.join("generation-0");
    [generation.join("part-0-of-1.manifest"), generation.join("part-0-of-1.states")]
}

fn resume<T: TransitionSystem>(system: &T, directory: &Path) -> Result<Exploration<T::State>, CheckpointError> {
    explore_with_checkpoints(system, &Limits::default(), &at(directory, Start::Resume))
}

#[test]
fn what_is_not_intact_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let whole = explore(&SMALL, &Limits::default()).summary;
    until(&SMALL, &at(directory.path(), Start::Anew), whole.states / 2);
    for file in files(directory.path()) {
        let intact = fs::read(&file).unwrap();
        let everywhere = (0..64.min(intact.len())).chain((64..intact.len()).step_by(intact.len() / 150 + 1));
        for place in everywhere.chain([intact.len() - 1]) {
            let mut damaged = intact.clone();
            damaged[place] ^= 1 << (place % 8);
            for (what, bytes) in [("changed", &damaged[..]), ("cut", &intact[..place])] {
                fs::write(&file, bytes).unwrap();
                let error = resume(&SMALL, directory.path()).expect_err(what);
                let refused = matches!(
                    error,
                    CheckpointError::Damaged { .. } | CheckpointError::Newer { .. } | CheckpointError::Foreign { .. }
                );
                assert!(refused, "{what} at {place}: {error}");
                assert!(error.to_string().contains("part-0-of-1"), "{error}");
            }
        }
        fs::write(&file, &intact).unwrap();
    }
    // What a crash may leave: states that no manifest counts on yet, half a manifest beside the valid one, and a
    // generation that was only begun.
    let [manifest, states] = files(directory.path());
    let mut more = fs::read(&states).unwrap();
    more.extend([0xab; 1001]);
    fs::write(&states, more).unwrap();
    fs::write(manifest.with_extension("new"), [1, 2, 3]).unwrap();
    fs::create_dir(directory.path().join("generation-1")).unwrap();
    fs::write(directory.path().join("generation-1/part-0-of-2.states"), [1]).unwrap();
    let found = resume(&SMALL, directory.path()).unwrap();
    assert_eq!(comparable(&found.summary), comparable(&whole));
}

/// Where a level begins in a manifest, in words; of its six the fourth counts its states, the fifth those of the part, and the last
/// is the checksum of these.
fn level(number: usize) -> usize {
    7 + 6 * number
}

/// Changes the words of a manifest, and gives it the checksum that it then has.
fn forge(manifest: &Path, intact: &[u8], change: impl Fn(&mut [u64])) {
    let mut words: Vec<u64> = intact.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    words.pop();
    change(&mut words);
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.extend(u64::from(crc32fast::hash(&bytes)).to_le_bytes());
    fs::write(manifest, bytes).unwrap();
}

#[test]
fn counts_that_the_states_do_not_have_are_refused_though_their_checksum_is_right() {
    let whole = explore(&SMALL, &Limits::default()).summary;
    for workers in [None, NonZeroUsize::new(2)] {
        let directory = tempfile::tempdir().unwrap();
        let search = |start, max_states| {
            let limits = Limits { max_states, ..Limits::default() };
            let checkpoints = at(directory.path(), start);
            let Some(workers) = workers else {
                let found = explore_with_checkpoints(&SMALL, &limits, &checkpoints);
                return found.map(|found| comparable(&found.summary)).map_err(|error| error.to_string());
            };
            let config =
                ClusterConfig { fingerprint: 77, checkpoints: Some(checkpoints), ..ClusterConfig::workers(workers) };
            let found = cluster::explore(&SMALL, &limits, &config);
            found.map(|found| comparable(&found.summary)).map_err(|error| error.to_string())
        };
        search(Start::Anew, whole.states / 2).unwrap();
        let parts = workers.map_or(1, NonZeroUsize::get);
        let files: Vec<[PathBuf; 2]> = (0..parts)
            .map(|part| {
                let of = |what| directory.path().join(format!("generation-0/part-{part}-of-{parts}.{what}"));
                [of("manifest"), of("states")]
            })
            .collect();
        let intact: Vec<[Vec<u8>; 2]> =
            files.iter().map(|files| files.each_ref().map(|file| fs::read(file).unwrap())).collect();
        let restore = || {
            for (file, bytes) in files.iter().flatten().zip(intact.iter().flatten()) {
                fs::write(file, bytes).unwrap();
            }
        };
        let refused = |what: &str, why: &str| {
            let error = search(Start::Resume, u64::MAX).expect_err(what);
            assert!(error.contains(why), "{what}, {workers:?} workers: {error}");
            restore();
        };
        let in_all = |change: fn(&mut [u64])| {
            for ([manifest, _], [bytes, _]) in files.iter().zip(&intact) {
                forge(manifest, bytes, change);
            }
        };
        // All parts say the same, and it is not so.
        in_all(|words| words[level(2) + 3] += 1);
        refused("a state more in a level", "level 2 has");
        in_all(|words| words[level(2) + 3] = u64::MAX);
        refused("more states than can be counted", "its counts make no sense");
        in_all(|words| words[6] = u64::MAX);
        refused("more levels than there are words", "that makes no sense");
        // A state once more, in the place of another: every checksum is right.
        let [manifest, states] = &files[0];
        let [manifest_bytes, states_bytes] = &intact[0];
        let words: Vec<u64> = manifest_bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let own = |number: usize| words[level(number) + 4] as usize * 16;
        let large = (1..words[6] as usize).find(|number| own(*number) >= 32).unwrap();
        let begin: usize = (0..large).map(own).sum();
        let mut twice = states_bytes.clone();
        twice.copy_within(begin..begin + 16, begin + 16);
        let checksum = u64::from(crc32fast::hash(&twice[begin..begin + own(large)]));
        fs::write(states, &twice).unwrap();
        forge(manifest, manifest_bytes, |words| words[level(large) + 5] = checksum);
        refused("a state that is there twice", &format!("level {large} has"));
        // One part has more than its file.
        forge(manifest, manifest_bytes, |words| words[level(0) + 4] = 1 << 40);
        refused("more states than the file has", "were expected");
        assert_eq!(search(Start::Resume, u64::MAX).unwrap(), comparable(&whole), "it is intact again");
    }
}

#[test]
fn what_belongs_to_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let missing = resume(&SMALL, directory.path()).unwrap_err();
    assert!(matches!(missing, CheckpointError::Missing(_)), "{missing}");
    until(&SMALL, &at(directory.path(), Start::Anew), 100);
    let foreign = Checkpoints { fingerprint: 78, ..at(directory.path(), Start::Resume) };
    let error = explore_with_checkpoints(&SMALL, &Limits::default(), &foreign).unwrap_err();
    assert!(matches!(error, CheckpointError::Foreign { expected: 78, found: 77, .. }), "{error}");
    let wider = Graph::<3>::deep(3_000, 3, 8);
    let error = resume(&wider, directory.path()).unwrap_err();
    assert!(matches!(error, CheckpointError::Foreign { expected: 3, found: 2, .. }), "{error}");
    let anew = at(directory.path(), Start::Anew);
    let error = explore_with_checkpoints(&SMALL, &Limits::default(), &anew).unwrap_err();
    assert!(matches!(error, CheckpointError::Occupied(_)), "{error}");
    let tight = Limits { max_memory: 1 << 16, ..Limits::default() };
    let error = explore_with_checkpoints(&SMALL, &tight, &at(directory.path(), Start::Resume)).unwrap_err();
    assert!(matches!(error, CheckpointError::TooLarge { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let generation = directory.path().join("generation-0");
    fs::create_dir(&generation).unwrap();
    std::os::unix::fs::symlink("/dev/full", generation.join("part-0-of-1.states")).unwrap();
    let (told, anew) = (Mutex::new(Vec::new()), at(directory.path(), Start::Anew));
    let progress = |progress: &Progress| {
        if let Progress::NotKept { why } = progress {
            told.lock().unwrap().push(why.clone());
        }
    };
    let limits = Limits { progress: Some(&progress), ..Limits::default() };
    let found = explore_with_checkpoints(&SMALL, &limits, &anew).unwrap();
    let whole = explore(&SMALL, &Limits::default());
    assert_eq!(comparable(&found.summary), comparable(&whole.summary), "it goes on, and says what there is");
    assert_eq!(told.lock().unwrap().len(), whole.summary.levels.len(), "and for each level that it is not kept");
    assert!(told.lock().unwrap().iter().all(|why| why.contains("No space left")), "{told:?}");
    assert!(found.not_kept().unwrap().contains("No space left"), "whoever does not listen learns it at the end");
    // There is room again: from a level on that is no longer the first.
    let states = generation.join("part-0-of-1.states");
    fs::remove_file(&states).unwrap();
    std::os::unix::fs::symlink("/dev/full", &states).unwrap();
    let makes_room = |progress: &Progress| {
        if let Progress::NotKept { .. } = progress {
            let _ = fs::remove_file(&states);
        }
    };
    let limits = Limits { progress: Some(&makes_room), max_states: whole.summary.states / 2, ..Limits::default() };
    assert_eq!(explore_with_checkpoints(&SMALL, &limits, &anew).unwrap().not_kept(), None, "a later one was written");
    let found = resume(&SMALL, directory.path()).unwrap();
    assert_eq!(comparable(&found.summary), comparable(&whole.summary));
}

#[test]
fn a_manifest_that_could_not_be_written_is_written_when_the_search_ends() {
    let directory = tempfile::tempdir().unwrap();
    let whole = explore(&SMALL, &Limits::default()).summary;
    // No file can be written where there is a directory.
    let (obstacle, told) = (files(directory.path())[0].with_extension("new"), AtomicU32::new(0));
    fs::create_dir_all(&obstacle).unwrap();
    let progress = |progress: &Progress| {
        if let Progress::NotKept { .. } = progress {
            told.fetch_add(1, Ordering::Relaxed);
            let _ = fs::remove_dir(&obstacle);
        }
    };
    // The first level is all that is ever written, for the search ends there.
    let limits = Limits { progress: Some(&progress), max_states: 0, ..Limits::default() };
    explore_with_checkpoints(&SMALL, &limits, &at(directory.path(), Start::Anew)).unwrap();
    assert_eq!(told.into_inner(), 1);
    let found = resume(&SMALL, directory.path()).unwrap();
    assert_eq!(comparable(&found.summary), comparable(&whole));
}

const KILLED: Graph<1> = Graph::deep(3_000_000, 6, 11);

/// Not a test of its own: what the test below starts, and kills.
#[test]
#[ignore = "started by another test"]
fn explore_until_killed() {
    let Some(directory) = std::env::var_os("CHECKPOINTS") else { return };
    let directory = PathBuf::from(directory);
    let start = if files(&directory)[0].exists() { Start::Resume } else { Start::Anew };
    explore_with_checkpoints(&KILLED, &Limits::default(), &at(&directory, start)).unwrap();
}

#[test]
fn killed_at_any_time_it_ends_as_if_it_had_not_been() {
    let whole = explore(&KILLED, &Limits::default()).summary;
    let directory = tempfile::tempdir().unwrap();
    let manifest = &files(directory.path())[0];
    let mut killed = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "explore_until_killed", "--ignored", "--nocapture"])
            .env("CHECKPOINTS", directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        // After it has written, and then a little, different each time.
        while child.try_wait().unwrap().is_none() && !manifest.exists() && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(5 + 37 * round));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 0, "some were killed before their end");
    let found = resume(&KILLED, directory.path()).unwrap();
    assert_eq!(comparable(&found.summary), comparable(&whole));
}

#[test]
fn a_system_that_starts_elsewhere_is_refused() {
    for workers in [None, Some(1), Some(2)] {
        let directory = tempfile::tempdir().unwrap();
        let search = |starts: &[u64], start, max_states| {
            let (system, limits) = (Small::thousand(starts.to_vec()), Limits { max_states, ..Limits::default() });
            let checkpoints = at(directory.path(), start);
            let Some(workers) = workers.and_then(NonZeroUsize::new) else {
                return explore_with_checkpoints(&system, &limits, &checkpoints)
                    .map(|found| found.summary.states)
                    .map_err(|error| error.to_string());
            };
            let config =
                ClusterConfig { fingerprint: 77, checkpoints: Some(checkpoints), ..ClusterConfig::workers(workers) };
            let found = cluster::explore(&system, &limits, &config);
            found.map(|found| found.summary.states).map_err(|error| error.to_string())
        };
        assert!(search(&[0, 500], Start::Anew, 100).unwrap() < 1000);
        // Another state, one less, one more, and one that is known from a later level.
        for others in [&[0, 501][..], &[0], &[0, 500, 700], &[0, 500, 3], &[1, 501]] {
            let error = search(others, Start::Resume, u64::MAX).unwrap_err();
            assert!(error.contains("starts in other states"), "{others:?}, {workers:?} workers: {error}");
        }
        assert_eq!(search(&[500, 0, 0], Start::Resume, u64::MAX), Ok(1000), "the same, in another order");
    }
}

/// [`KILLED`], which rests at a few nodes for longer than reports are apart, so that there is one.
struct Resting;

impl TransitionSystem for Resting {
    type State = [u64; 1];
    type Scratch = ();

    fn scratch(&self) {}

    fn initial(&self) -> Vec<[u64; 1]> {
        KILLED.initial()
    }

    fn edges(&self, (): &mut (), state: &[u64; 1], visit: impl FnMut(Edge<[u64; 1]>)) -> Result<(), Unrepresentable> {
        if state[0] % 900_000 == 17 {
            std::thread::sleep(Duration::from_millis(600));
        }
        KILLED.edges(&mut KILLED.scratch(), state, visit)
    }

    fn may_stop(&self, state: &[u64; 1]) -> bool {
        KILLED.may_stop(state)
    }
}

#[test]
fn what_was_read_is_not_counted_as_found() {
    let directory = tempfile::tempdir().unwrap();
    let first = until(&KILLED, &at(directory.path(), Start::Anew), 300_000);
    let told = AtomicU64::new(u64::MAX);
    let progress = |progress: &Progress| {
        if let Progress::At { states, read, .. } = progress {
            assert!(read <= states);
            told.store(*read, Ordering::Relaxed);
        }
    };
    let limits = Limits { progress: Some(&progress), ..Limits::default() };
    explore_with_checkpoints(&Resting, &limits, &at(directory.path(), Start::Resume)).unwrap();
    // All levels but the one that was found when it stopped.
    let levels = &first.summary.levels;
    assert_eq!(told.into_inner(), levels[..levels.len() - 1].iter().sum::<u64>());
    // And a search that read nothing says so.
    let told = AtomicU64::new(u64::MAX);
    let progress = |progress: &Progress| {
        if let Progress::At { read, .. } = progress {
            told.store(*read, Ordering::Relaxed);
        }
    };
    explore(&Resting, &Limits { progress: Some(&progress), ..Limits::default() });
    assert_eq!(told.into_inner(), 0);
}
