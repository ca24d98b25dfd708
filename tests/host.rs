//! This host through the command line: exec, replay, interrupts, what is left behind.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Run, lacuna, program};

/// Prints past the harness, which keeps what a test that passes prints to itself.
macro_rules! say {
    ($($text:tt)*) => { std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", format_args!($($text)*)).as_bytes()).unwrap() };
}

/// Processes whose arguments, read at once, are so. A process about to exec has none for a moment.
fn with_arguments(so: impl Fn(&[&[u8]]) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        so(&arguments.split(|byte| *byte == 0).collect::<Vec<_>>())
    })
    .collect()
}

/// Processes one of whose arguments is this word.
fn running(word: &str) -> Vec<u32> {
    with_arguments(|arguments| arguments.contains(&word.as_bytes()))
}

/// As [`running`], but only the job's own: the program has the word among its arguments as well.
fn running_inside(word: &str) -> Vec<u32> {
    with_arguments(|arguments| arguments.contains(&word.as_bytes()) && !arguments.contains(&&b"exec"[..]))
}

/// Waits until it is so, at most that long.
fn within(limit: Duration, so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    so()
}

/// Set for the program and inherited by whatever it forks.
const MARK: &str = "LACUNA_TEST_RUN";

/// What a run of this program, by the number of its process, has on the machine: processes, cgroups, files, mounts. Other
/// runs go on meanwhile.
fn left_by(pid: u32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mark = format!("{MARK}={}", mark_of(pid));
    let is_ours = |name: &str| name.starts_with("lacuna-") && name.split('-').nth(2) == Some(&pid.to_string());
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(other) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let groups = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if groups.split(['/', '\n']).any(is_ours)
            || environment.split(|byte| *byte == 0).any(|one| one == mark.as_bytes())
        {
            found.insert(format!("process {other}"));
        }
    }
    let mut directories = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_ours(&entry.file_name().to_string_lossy()) {
                    found.insert(format!("cgroup {}", entry.path().display()));
                }
                directories.push(entry.path());
            }
        }
    }
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        if is_ours(&entry.file_name().to_string_lossy()) {
            found.insert(format!("file {}", entry.path().display()));
        }
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(mounts.lines().filter(|line| line.split(['/', ' ']).any(is_ours)).map(|line| format!("mount {line}")));
    found
}

/// The value of [`MARK`] is chosen before there is a process; the wrapping shell knows the number, and keeps it.
fn mark_of(pid: u32) -> String {
    format!("run-{pid}")
}

/// A command whose process has [`MARK`] set to its own number: a shell sets it and becomes the command.
fn marked(words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{MARK}=run-$$; export {MARK}; exec \"$@\""), "sh"]).args(words);
    command
}

/// Runs to the end; the number is that of the process.
fn run_marked(mut command: Command) -> (u32, Run) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (child.id(), child.wait_with_output().unwrap().into())
}

fn assert_nothing_left(pid: u32) {
    within(Duration::from_secs(2), || left_by(pid).is_empty());
    assert_eq!(left_by(pid), BTreeSet::new());
}

/// Tests of this file that load the whole machine go one at a time.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A directory that anybody may enter, with a copy of the program in it.
fn for_anybody() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("lacuna");
    std::fs::copy(program(), &copy).unwrap();
    (directory, copy.to_str().unwrap().to_owned())
}

/// As an ordinary user; none, with a line that says so, where we cannot become one.
fn as_ordinary_user(test: &str, arguments: &[&str]) -> Option<(u32, Run)> {
    if !rustix::process::geteuid().is_root() {
        return Some(run_marked(marked(&[&[program()], arguments].concat())));
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        say!("skipped: {test}: there is no setpriv, and we are root");
        return None;
    }
    let (_keep, copy) = for_anybody();
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", &copy];
    let mut command = marked(&[&user, arguments].concat());
    command.current_dir("/");
    Some(run_marked(command))
}

fn check_gap(run: &Run, who: &str) {
    assert!(matches!(run.code, Some(0 | 1)), "{who}: {:?}\n{}\n{}", run.code, run.out, run.err);
    let json = run.json();
    for key in ["host", "rows", "probes", "unmet", "effective"] {
        assert!(!json[key].is_null(), "{who}: {key}");
    }
    for id in ["G2", "G3", "G4", "G6", "G7", "G18"] {
        let row = run.row("rows", id);
        for column in ["ideal", "linux", "plan", "sim", "measured", "agree"] {
            assert!(row[column].is_string(), "{who} {id} {column}: {row}");
        }
        if id != "G18" {
            assert_eq!(row["linux"], "refuted", "{who} {id}");
            assert_eq!(row["ideal"], "proved to 3", "{who} {id}");
            assert_ne!(row["sim"], "violated", "{who} {id}");
        }
    }
    // A row is enforced only by attacks that succeed without the mechanism.
    let probes = json["probes"].as_array().unwrap();
    assert!(probes.len() >= 15, "{who}: {}", probes.len());
    for probe in probes.iter().filter(|probe| probe["outcome"] == "enforced") {
        assert!(probe["numbers"]["control_through"].as_u64().is_some_and(|through| through > 0), "{who}: {probe:#}");
        assert_eq!(probe["numbers"]["through"], 0, "{who}: {probe:#}");
    }
    assert!(probes.iter().all(|probe| probe["outcome"] != "inconclusive"), "{who}: {probes:#?}");
}

#[test]
fn the_gap_of_ci_job_leaves_nothing_behind() {
    let _alone = alone();
    let (pid, run) = run_marked(marked(&[program(), "gap", "ci-job", "--format", "json"]));
    check_gap(&run, "as we are");
    assert_nothing_left(pid);
}

#[test]
fn the_gap_of_ci_job_as_an_ordinary_user() {
    let _alone = alone();
    let test = "the_gap_of_ci_job_as_an_ordinary_user";
    let Some((pid, run)) = as_ordinary_user(test, &["gap", "ci-job", "--format", "json"]) else { return };
    check_gap(&run, "as an ordinary user");
    assert!(!run.json()["unmet"].as_array().unwrap().is_empty(), "without privilege something is unmet");
    assert_nothing_left(pid);
}

#[test]
fn the_first_screen() {
    let _alone = alone();
    let run = lacuna(&[]);
    assert!(matches!(run.code, Some(0 | 1)), "{:?} {}", run.code, run.err);
    for word in ["ci-job", "host", "plan", "ideal", "linux", "sim", "measured", "agree", "G2", "G18"] {
        assert!(run.out.contains(word), "{word}\n{}", run.out);
    }
    assert!(!run.out.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn what_the_model_refutes_is_measured_on_this_host() {
    let _alone = alone();
    // Any of the ways prevents it; which there are is the user's and the host's affair.
    for (scenario, guarantees, preventions) in [
        ("parallel-spawn", &["G2"][..], &["close_range in the child"][..]),
        ("double-fork", &["G3", "G4"], &["cgroup.kill", "pid namespace"]),
        ("fork-bomb", &["G6"], &["RLIMIT_NPROC in a user namespace", "pids.max v2", "pids.max v1"]),
    ] {
        let run = lacuna(&["replay", scenario, "--format", "json"]);
        assert_eq!(run.code, Some(0), "{scenario}\n{}{}", run.out, run.err);
        let json = run.json();
        let replays = json["replays"].as_array().unwrap();
        for guarantee in guarantees {
            let of =
                |replay: &&serde_json::Value| replay["guarantees"].as_array().unwrap().iter().any(|id| id == guarantee);
            let modes = replays.iter().find(of).unwrap()["modes"].as_array().unwrap().clone();
            assert!(modes[0]["violations"].as_u64().unwrap() > 0, "{scenario}: {:#}", modes[0]);
            let mut tested = 0;
            for prevention in preventions {
                let way = modes.iter().find(|mode| mode["mode"] == *prevention).unwrap();
                match way["not_testable_here"].as_str() {
                    Some(why) => say!("skipped: {scenario}, {guarantee} by {prevention}: {why}"),
                    None => {
                        assert_eq!(way["violations"], 0, "{scenario}: {way:#}");
                        tested += 1;
                    }
                }
            }
            if tested == 0 {
                say!("skipped: {scenario}, {guarantee}: nothing here prevents it");
            }
            if scenario == "parallel-spawn" {
                assert!(modes[0]["n"].as_u64().unwrap() >= 4000, "{:#}", modes[0]);
            }
        }
    }
}

#[test]
fn a_replay_is_run_as_often_as_was_asked() {
    let _alone = alone();
    for (scenario, counted) in [("parallel-spawn", "spawns"), ("double-fork", "kills"), ("fork-bomb", "bombs")] {
        let json = lacuna(&["replay", scenario, "--times", "3", "--format", "json"]).json();
        for replay in json["replays"].as_array().unwrap() {
            assert_eq!(replay["counted"], counted);
            let modes = replay["modes"].as_array().unwrap().iter();
            for mode in modes.filter(|mode| mode["not_testable_here"].is_null()) {
                assert_eq!(mode["n"], 3, "{scenario}: {mode:#}");
            }
        }
    }
}

#[test]
fn a_replay_says_who_survived_and_whose_word_it_is() {
    let _alone = alone();
    let test = "a_replay_says_who_survived_and_whose_word_it_is";
    let arguments = ["replay", "double-fork", "--times", "1"];
    let ordinary = as_ordinary_user(test, &arguments).map(|(_, run)| run.out);
    for text in [Some(lacuna(&arguments).out), ordinary].into_iter().flatten() {
        let (_, after) = text.split_once("  killpg").unwrap();
        let account = after.lines().nth(1).unwrap();
        let by_the_kernel = ["cgroup v2", "pid namespace"].map(|judge| format!("in all, by the kernel's {judge}"));
        assert!(account.contains(" survivors of "), "{text}");
        assert!(by_the_kernel.iter().any(|words| account.ends_with(words)), "{text}");
    }
}

#[test]
fn replay_works_from_the_trace_and_not_from_the_name() {
    let _alone = alone();
    let text = &lacuna_scenarios::library().iter().find(|entry| entry.name == "parallel-spawn").unwrap().source.text;
    let renamed = ["parallel-spawn", "pipe-a", "pipe-b", "worker-a", "worker-b", "server"];
    let renamed = renamed.iter().enumerate().fold(text.clone(), |text, (n, name)| text.replace(name, &format!("x{n}")));
    let (_keep, path) = support::file("other.ron", &renamed);
    let calls = |scenario: &str| {
        let json = lacuna(&["replay", scenario, "--times", "400", "--format", "json"]).json();
        (json["replays"][0]["calls"].clone(), json["replays"][0]["modes"].as_array().unwrap().len())
    };
    assert_eq!(calls(&path), calls("parallel-spawn"));

    let harmless = "Scenario(name: \"calm\", about: \"Nothing.\", domains: [\"d\"], processes: { \"p\": (domain: \"d\", \
                    contexts: { \"main\": (program: [Compute(\"1ms\"), Exit]) }) })";
    let (_keep, path) = support::file("calm.ron", harmless);
    let run = lacuna(&["replay", &path]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.contains("nothing to replay"), "{}", run.out);
}

#[test]
fn exec_returns_the_commands_own_status() {
    let run = lacuna(&["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((run.code, run.out.as_str()), (Some(7), "out\n"), "{}", run.err);
    assert!(run.err.starts_with("err\n"), "{}", run.err);
    assert_eq!(lacuna(&["exec", "--deadline", "200ms", "--", "sleep", "60"]).code, Some(124));
    assert_eq!(lacuna(&["exec", "--", "/no/such/program"]).code, Some(3));

    let run = lacuna(&["exec", "--format", "json", "--", "sh", "-c", "echo out; exit 7"]);
    assert_eq!(run.code, Some(7));
    assert_eq!(run.json()["end"]["status"]["exited"], 7, "{}", run.out);
    assert!(run.err.starts_with("out\n"), "{}", run.err);
}

#[test]
fn exec_confines() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("secret"), "s3cret").unwrap();
    let secret = home.path().join("secret");
    let secret = secret.to_str().unwrap();
    assert_eq!(lacuna(&["exec", "--read", secret, "--", "cat", secret]).out, "s3cret", "the control");
    let run = lacuna(&["exec", "--", "cat", secret]);
    assert!(run.code != Some(0) && run.out.is_empty(), "{:?} {}", run.code, run.out);

    let work = tempfile::tempdir().unwrap();
    let bind = format!("workdir={}", work.path().display());
    assert_eq!(lacuna(&["exec", "--bind", &bind, "--", "sh", "-c", "echo done > made"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(work.path().join("made")).unwrap(), "done\n");
    let run = lacuna(&["exec", "--bind", &bind, "--", "sh", "-c", "echo $HOME; pwd; : > $(mktemp)"]);
    let here = work.path().canonicalize().unwrap();
    assert_eq!((run.code, run.out), (Some(0), format!("{0}\n{0}\n", here.display())), "{}", run.err);
}

#[test]
fn exec_passes_no_secret_of_the_environment_unasked() {
    let run = |options: &[&str]| {
        let words = [&["exec"], options, &["--", "sh", "-c", "echo $SECRET_TOKEN"]].concat();
        Run::from(Command::new(program()).args(words).env("SECRET_TOKEN", "hunter2").output().unwrap()).out
    };
    assert_eq!(run(&[]), "\n");
    assert_eq!(run(&["--env", "SECRET_TOKEN"]), "hunter2\n");
    assert_eq!(run(&["--env", "SECRET_TOKEN=other"]), "other\n");
    assert_eq!(lacuna(&["exec", "--env", "NO_SUCH_VARIABLE_HERE", "--", "true"]).code, Some(2));
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status =
        Command::new(program()).args(["scenarios", "--format", "json"]).stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(3));
}

#[test]
fn exec_refuses_what_it_cannot_give() {
    let run = lacuna(&["exec", "--require", "G18", "--", "true"]);
    assert_eq!(run.code, Some(3));
    assert!(run.err.contains("G18"), "{}", run.err);
    assert_eq!(lacuna(&["exec", "--require", "G2,G4", "--", "true"]).code, Some(0));
    assert_eq!(lacuna(&["exec", "--bind", "workdir=/no/such", "--", "true"]).code, Some(2));
    assert_eq!(lacuna(&["exec"]).code, Some(2));
}

#[test]
fn exec_says_what_is_wrong_with_what_was_named() {
    for (arguments, code, part) in [
        (&["--bind", "a=/etc/passwd", "--", "true"][..], 2, "`--bind a=/etc/passwd`: expected a directory"),
        (&["--", ""], 2, "no program is named"),
        (&["--", "/tmp"], 3, "/tmp is a directory, and no program"),
        (&["--", "/etc/passwd"], 3, "/etc/passwd is not executable"),
        (&["--read", "/etc/passwd", "--", "/etc/passwd"], 3, "/etc/passwd is not executable"),
        (&["--env", "A B=1", "--", "true"], 2, "names no variable"),
        (&["--env", "1A=1", "--", "true"], 2, "names no variable"),
        (&["--env", "=1", "--", "true"], 2, "names no variable"),
    ] {
        let run = lacuna(&[&["exec"], arguments].concat());
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.err);
        assert!(run.err.contains(part) && !run.err.contains("--read /\n"), "{arguments:?}: {}", run.err);
    }
    assert!(lacuna(&["exec", "--help"]).out.contains("--read /proc"));
    assert_eq!(lacuna(&["exec", "--read", "/proc", "--", "cat", "/proc/self/comm"]).out, "cat\n");
}

#[test]
fn a_guarantee_names_all_of_its_probes() {
    let run = lacuna(&["probe", "g2", "--format", "json"]);
    let rows = run.json()["rows"].as_array().unwrap().clone();
    assert!(rows.len() > 1 && rows.iter().all(|row| row["id"].as_str().unwrap().starts_with("G2.")), "{}", run.out);
    assert_eq!(lacuna(&["probe", "G99"]).code, Some(2));
}

#[test]
fn exec_does_not_take_half_a_guarantee_for_the_whole() {
    let run = lacuna(&["exec", "--require", "G6", "--", "true"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("G6 memory") && run.err.contains("--memory"), "{}", run.err);
    // With both limits it is the host's affair.
    let run = lacuna(&["exec", "--require", "G6", "--memory", "512MiB", "--", "true"]);
    assert!(matches!(run.code, Some(0 | 3)) && !run.err.contains("no limit"), "{:?} {}", run.code, run.err);
    // Unasked it is said, too.
    let run = lacuna(&["exec", "--", "true"]);
    assert!(run.code == Some(0) && run.err.contains("G6 for processes only"), "{}", run.err);
    let run = lacuna(&["exec", "--format", "json", "--", "true"]);
    assert_eq!(run.json()["unlimited"][0]["part"], "memory");
}

#[test]
fn exec_gives_a_tmp_of_its_own_or_says_that_it_cannot() {
    let name = format!("/tmp/lacuna-test-own-{}", std::process::id());
    let run = lacuna(&[
        "exec",
        "--format",
        "json",
        "--",
        "sh",
        "-c",
        &format!("echo here > {name}; cat {name}; echo $TMPDIR"),
    ]);
    if run.json()["own_tmp"] == true {
        assert!(run.err.starts_with("here\n/tmp\n"), "{}", run.err);
    } else {
        let unmet = run.json()["unmet"].as_array().unwrap().clone();
        assert!(unmet.iter().any(|unmet| unmet["part"] == "a /tmp of its own"), "{unmet:#?}");
    }
    assert!(!std::path::Path::new(&name).exists());
}

#[test]
fn exec_says_why_a_program_cannot_be_started() {
    let home = tempfile::tempdir().unwrap();
    let tool = home.path().join("lacuna-test-tool");
    std::fs::write(&tool, "#!/bin/sh\necho ran\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let here = home.path().to_str().unwrap();
    let path = format!("PATH={here}:/usr/bin:/bin");
    let run = |arguments: &[&str]| lacuna(&[&["exec"], arguments].concat());
    // Looked up in the PATH that the command gets, not in ours.
    let found = run(&["--env", &path, "--read", here, "--", "lacuna-test-tool"]);
    assert_eq!((found.code, found.out.as_str()), (Some(0), "ran\n"), "{}", found.err);
    let nowhere = run(&["--env", "PATH=/nowhere", "--", "sh", "-c", "true"]);
    assert!(nowhere.code == Some(3) && nowhere.err.contains("in the PATH that the command gets"), "{}", nowhere.err);
    // There, and not granted: the file, the policy, and what to do.
    let refused = run(&["--env", &path, "--", "lacuna-test-tool"]);
    let words = [tool.to_str().unwrap(), "the policy", "/usr", &format!("--read {here}")];
    assert!(refused.code == Some(3) && words.iter().all(|word| refused.err.contains(word)), "{}", refused.err);
    // Granted, and its interpreter is not.
    std::fs::write(&tool, "#!/no/such/interpreter\n").unwrap();
    let broken = run(&["--env", &path, "--read", here, "--", "lacuna-test-tool"]);
    let words = [tool.to_str().unwrap(), "its interpreter /no/such/interpreter", "--read"];
    assert!(broken.code == Some(3) && words.iter().all(|word| broken.err.contains(word)), "{}", broken.err);
}

fn start(word: &str) -> Child {
    let script = "setsid sleep 77 $0 & sleep 78 & while :; do sleep 0.01; done";
    let mut command = marked(&[program(), "exec", "--", "sh", "-c", script, word]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn an_interrupt_ends_the_job_and_is_exit_130() {
    let word = format!("lacuna-test-int-{}", std::process::id());
    let mut child = start(&word);
    assert!(within(Duration::from_secs(10), || !running_inside(&word).is_empty()), "it started");
    assert!(!left_by(child.id()).is_empty(), "the search finds what is there");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(running(&word), Vec::<u32>::new());
    assert_nothing_left(child.id());
}

#[test]
fn what_is_accepted_by_name_is_shown_and_does_not_fail() {
    // No primitive speaks of the mode of a file that was passed.
    let open = "G9.chmod";
    let run = lacuna(&["probe", open, "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.out);
    let accepted = lacuna(&["probe", open, "G9.reopen", "--accept", "G8.lock,g9.chmod", "--format", "json"]);
    assert_eq!(accepted.code, Some(0), "{}\n{}", accepted.out, accepted.err);
    assert_eq!(accepted.row("rows", open)["outcome"], "not-enforced");
    assert_eq!(accepted.json()["accepted"], serde_json::json!(["G8.lock", "G9.chmod"]));
    assert_eq!(lacuna(&["probe", open, "--accept", "G8.lock"]).code, Some(1));
    assert_eq!(lacuna(&["probe", open, "--accept", "G9.chmood"]).code, Some(2));
}

#[test]
fn an_interrupted_gap_cleans_up_too() {
    let _alone = alone();
    let mut child = marked(&[program(), "gap"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let attacking = || left_by(child.id()).iter().any(|one| one.starts_with("file") || one.starts_with("cgroup"));
    assert!(within(Duration::from_secs(20), attacking), "it began to attack");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_nothing_left(child.id());
}

#[test]
fn an_interrupt_ends_a_way_that_is_being_replayed() {
    use std::os::unix::process::CommandExt;
    let _alone = alone();
    let arguments = [program(), "replay", "parallel-spawn", "--times", "100000000"];
    let start = || marked(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    // To the program alone, and as a terminal does it: to whatever it has started as well.
    for send in [rustix::process::kill_process, rustix::process::kill_process_group] {
        for _ in 0..3 {
            interrupted_at_work(start(), send);
        }
    }
}

fn interrupted_at_work(
    mut child: Child,
    send: fn(rustix::process::Pid, rustix::process::Signal) -> rustix::io::Result<()>,
) {
    // Its threads are at work: more than the check has.
    let threads = || std::fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().count() > 8;
    assert!(within(Duration::from_secs(20), threads), "it began");
    let start = Instant::now();
    send(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_nothing_left(child.id());
}

#[test]
fn an_interrupt_before_there_is_anything_to_replay_is_no_success() {
    let _alone = alone();
    for after_ms in [3, 5, 10, 20, 40, 60, 80, 120] {
        let mut child = marked(&[program(), "replay", "parallel-spawn", "--times", "100000000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The handlers are there: the shell that it was has none.
        let ours = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
            status.starts_with("Name:\tlacuna") && u64::from_str_radix(caught.trim(), 16).unwrap_or(0) & 2 != 0
        };
        assert!(within(Duration::from_secs(10), ours), "it began");
        std::thread::sleep(Duration::from_millis(after_ms));
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "after {after_ms} ms");
        assert_nothing_left(child.id());
    }
}

#[test]
fn a_replay_says_what_it_added_and_warns_of_what_is_worse() {
    let _alone = alone();
    let arguments = ["replay", "parallel-spawn", "--times", "400"];
    let text = lacuna(&arguments).out;
    assert!(text.contains("    added: role 1: fcntl(0, FD_CLOEXEC), which the trace ends before\n"), "{text}");
    assert!(text.contains("WARNING"), "{text}");
    let json = lacuna(&[&arguments[..], &["--format", "json"]].concat()).json();
    let replay = &json["replays"][0];
    assert!(!replay["added"].as_array().unwrap().is_empty() && replay["left_out"].is_array(), "{replay:#}");
    let ways: Vec<&str> =
        replay["modes"].as_array().unwrap().iter().map(|mode| mode["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["unprotected", "workaround", "workaround", "workaround", "warning"]);

    let text = lacuna(&["replay", "fork-bomb", "--times", "1"]).out;
    let calls = text.split("as calls\n").nth(1).unwrap();
    let blank = calls.lines().take_while(|line| line.starts_with("    ")).any(|line| line.trim().is_empty());
    assert!(!blank && calls.contains("    added: all of it"), "{text}");
}

#[test]
fn an_interrupted_simulation_leaves_no_file_and_one_plainly_too_long_is_refused() {
    let (keep, path) = support::file("busy.csv", "wcet,period\n1us,4us\n");
    let trace = keep.path().join("trace.json");
    let mut child = Command::new(program())
        .args(["simulate", &path, "--for", "1000s", "--trace", trace.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(2), "it ends soon");
        std::thread::sleep(Duration::from_millis(5));
    }
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (Some(130), "interrupted\n"));
    assert_eq!(std::fs::read_dir(keep.path()).unwrap().count(), 1, "the scenario alone");

    // What repeats itself is counted, as long as nobody wants to see each job.
    let run = lacuna(&["simulate", &path, "--for", "5000s"]);
    assert!(
        run.code == Some(0) && run.out.contains("1250000000 ") && run.out.contains("repeats itself"),
        "{}",
        run.out
    );
    let start = Instant::now();
    let run = lacuna(&["simulate", &path, "--for", "5000s", "--trace", trace.to_str().unwrap()]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("1250000000") && run.err.contains("--for"), "{}", run.err);
    assert!(start.elapsed() < Duration::from_secs(2));

    let done = lacuna(&["simulate", &path, "--for", "1ms", "--trace", trace.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(std::fs::read_dir(keep.path()).unwrap().count(), 2, "the trace, whole, and no part of it");
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let words = ["one", "two"].map(|name| format!("lacuna-test-{name}-{}", std::process::id()));
    let mut children = [start(&words[0]), start(&words[1])];
    for word in &words {
        assert!(within(Duration::from_secs(10), || !running_inside(word).is_empty()), "{word} started");
    }
    let pid = rustix::process::Pid::from_child(&children[0]);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(children[0].wait().unwrap().code(), Some(130));
    assert_eq!(running(&words[0]), Vec::<u32>::new());
    assert!(
        lacuna(&["clean"]).code == Some(0) && !running_inside(&words[1]).is_empty(),
        "the other goes on, also through a clean"
    );
    let pid = rustix::process::Pid::from_child(&children[1]);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(children[1].wait().unwrap().code(), Some(130));
}

#[test]
fn a_killed_supervisor_takes_its_job_along_and_clean_removes_the_rest() {
    let mut killed = Vec::new();
    for moment in 0..10u64 {
        let word = format!("lacuna-test-kill-{moment}-{}", std::process::id());
        let mut child = start(&word);
        std::thread::sleep(Duration::from_millis(moment * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        killed.push(child.id());
        let gone = within(Duration::from_secs(1), || running(&word).iter().all(|pid| !runs(*pid)));
        assert!(gone, "moment {moment}: {:?}", running(&word));
    }
    assert_eq!(lacuna(&["clean"]).code, Some(0));
    killed.into_iter().for_each(assert_nothing_left);
}

/// Is the process there, and no zombie?
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn a_gap_with_a_deadline_missed_on_paper_is_no_success_and_has_no_bound() {
    let tasks = "name,bcet,wcet,period\na,1ns,2ms,4ms\nb,1ns,4000001ns,8ms\n";
    let (_keep, path) = support::file("over.csv", tasks);
    let run = lacuna(&["gap", &path, "--format", "json"]);
    let row = run.row("rows", "G18");
    assert_eq!((run.code, row["plan"].as_str()), (Some(1), Some("unschedulable")), "{}", run.err);
    assert!(row["bound"]["bound_ns"].is_null(), "the bound of one task is not that of all: {row:#}");
}

#[test]
fn what_is_decided_in_time_is_in_the_gap() {
    let of = |scenario: &str, ids: [&str; 2]| {
        let run = lacuna(&["gap", scenario, "--format", "json"]);
        let rows = ids.map(|id| {
            let row = run.row("rows", id);
            ["ideal", "linux"].map(|column| row[column].as_str().unwrap().to_owned())
        });
        (run.code, rows.map(|row| row.join(" ")))
    };
    // Nothing that this host has closes these, and a plan under which a guarantee does not hold is no success.
    let (code, rows) = of("priority-inversion", ["G18", "G20"]);
    assert_eq!((code, rows.each_ref().map(String::as_str)), (Some(1), ["proved refuted", "proved refuted"]));
    let (code, rows) = of("covert-timing", ["G10", "G11"]);
    assert_eq!((code, rows.each_ref().map(String::as_str)), (Some(1), ["proved proved", "proved refuted"]));
    let (code, rows) = of("group-schedule", ["G18", "G22"]);
    assert_eq!((code, rows[0].starts_with("proved")), (Some(1), true), "{rows:?}");
}

#[test]
fn a_refutation_that_has_no_calls_is_not_replayed_and_no_success() {
    let text = "Scenario(name: \"x\", about: \"y\", domains: [\"d\"], objects: { \"secret\": (class: File, allow: {}) }, \
                processes: { \"p\": (domain: \"d\", contexts: { \"main\": (program: [Access(object: \"secret\", right: Read)]) }) })";
    let (_keep, path) = support::file("secret.ron", text);
    let run = lacuna(&["replay", &path]);
    assert_eq!(run.code, Some(4), "{}", run.err);
    assert!(run.out.contains("not replayed"), "{}", run.out);
}

#[test]
fn signals_become_on_this_host_what_the_model_says() {
    let run = lacuna(&["gap", "signal-kinds", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let json = run.json();
    let burst = |buffer: &str| {
        let rows = json["signals"].as_array().unwrap();
        let row = rows.iter().find(|row| row["buffer"] == buffer).unwrap_or_else(|| panic!("no {buffer}"));
        assert_eq!(row["outcome"], "enforced", "{row:#}");
        assert_eq!(row["host"]["n"], row["host"]["as_expected"], "{row:#}");
        assert_eq!(row["host"]["n"], row["host"]["controls"], "{row:#}");
        assert!(row["host"]["n"].as_u64().unwrap() >= 100, "{row:#}");
        ["sent", "refused", "processed"].map(|key| row["model"][key].as_u64().unwrap())
    };
    // Two before a dispatch are one; the limit of two refuses the third, and two are two; nothing puts the kill off.
    assert_eq!(burst("SIGTERM"), [2, 0, 1]);
    assert_eq!(burst("SIGRTMIN"), [3, 1, 2]);
    assert_eq!(burst("SIGKILL"), [1, 0, 1]);
    for id in ["G14", "G15", "G16"] {
        let row = run.row("rows", id);
        assert_eq!((&row["measured"], &row["agree"]), (&"enforced".into(), &"yes".into()), "{row:#}");
    }
    // A buffer that is no signal is not measured by one.
    let other = lacuna(&["gap", "telemetry", "--format", "json"]).json();
    assert_eq!(other["signals"], serde_json::json!([]));
}

#[test]
fn what_bounds_rest_on_is_assumed_in_the_model_and_measured_here() {
    let _alone = alone();
    // Bounds that no host breaks, and one that every host does.
    let directory = tempfile::tempdir().unwrap();
    let gap = |bounds: &str| {
        let path = directory.path().join("bounds.ron");
        let text = format!(
            r#"Scenario(
                name: "bounds", about: "One child, which is killed.", domains: ["supervisor", "child"],
                job_groups: {{ "job": (processes: 4) }},
                processes: {{
                    "supervisor": (domain: "supervisor", contexts: {{ "main": (program: [Spawn(process: "child"), Kill(group: "job"), Exit]) }}),
                    "child": (domain: "child", group: "job", contexts: {{ "main": (program: [Forever([Compute("1ms"), Fork("child")])]) }}),
                }},
                kernel_bounds: {bounds},
            )"#
        );
        std::fs::write(&path, text).unwrap();
        lacuna(&["gap", path.to_str().unwrap(), "--format", "json"]).row("rows", "G23")
    };
    let wide = gap(r#"(spawn: "60s", kill_group: "60s")"#);
    assert_eq!(
        (&wide["plan"], &wide["measured"], &wide["agree"]),
        (&"assumed".into(), &"within".into(), &"yes".into())
    );
    let spawn = wide["bounds"].as_array().unwrap().iter().find(|bound| bound["what"] == "spawn").unwrap();
    assert!(spawn["n"].as_u64() >= Some(20) && spawn["measured_max_ns"].as_u64() > Some(1_000), "{spawn:#}");
    let narrow = gap(r#"(spawn: "1us", kill_group: "60s")"#);
    assert_eq!((&narrow["measured"], &narrow["agree"]), (&"broken".into(), &"NO".into()), "{narrow:#}");
    assert!(narrow["note"].as_str().unwrap().contains("spawn took"), "{narrow:#}");
}
