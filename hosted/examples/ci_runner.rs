//! A small CI runner, complete: scripts from anybody, several at once, each confined and each ended whole, with evidence.
//!
//!     cargo run -p lacuna-hosted --example ci_runner -- DIRECTORY SCRIPT…
//!
//! Each script has a workspace of its own, `DIRECTORY/NAME/work`, which is all that it may write; its output is in
//! `DIRECTORY/NAME/log`, and what is known of its end in `DIRECTORY/NAME/end.json`, where it cannot write. A job that ends leaves nothing
//! running; so does the runner when it is interrupted, or killed: every job dies with it.
//!
//! Exit status: 0 if all passed, 1 if one did not, 2 if it was used wrongly, 3 if this host cannot give what is required.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use runner::Mistake;

    let words: Vec<_> = std::env::args_os().skip(1).map(std::path::PathBuf::from).collect();
    let Some((directory, scripts)) = words.split_first().filter(|(_, scripts)| !scripts.is_empty()) else {
        eprintln!("usage: ci_runner DIRECTORY SCRIPT…");
        return 2.into();
    };
    match runner::run(directory, scripts, &runner::interrupts()) {
        Ok(true) => 0.into(),
        Ok(false) => 1.into(),
        Err(mistake) => {
            eprintln!("error: {mistake}");
            if matches!(mistake, Mistake::Input(_)) { 2.into() } else { 3.into() }
        }
    }
}

#[cfg(target_os = "linux")]
mod runner {
    use std::fmt;
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use lacuna_hosted::{Access, Cause, Facts, Network, Output, Policy, SetUp};
    use lacuna_model::guarantee::GuaranteeId::{G2, G3, G4, G7};

    /// How many at once.
    const AT_ONCE: usize = 2;
    /// How long a script may take.
    const DEADLINE: Duration = Duration::from_secs(600);

    /// Why the runner cannot do its work; a script that fails is none.
    #[derive(Debug)]
    pub(crate) enum Mistake {
        /// What was typed is wrong.
        Input(String),
        /// This host lacks what is required of it.
        Host(String),
    }

    impl fmt::Display for Mistake {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (Self::Input(what) | Self::Host(what)) = self;
            f.write_str(what)
        }
    }

    /// Becomes true when somebody asks the runner to stop.
    pub(crate) fn interrupts() -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&flag)) {
                eprintln!("warning: no handler for signal {signal}: {error}");
            }
        }
        flag
    }

    /// Runs all scripts. Did all pass?
    pub(crate) fn run(directory: &Path, scripts: &[PathBuf], interrupt: &AtomicBool) -> Result<bool, Mistake> {
        let facts = Facts::detect().map_err(|error| Mistake::Host(error.to_string()))?;
        let jobs = scripts.iter().map(|script| Job::prepare(directory, script)).collect::<Result<Vec<_>, _>>()?;
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE.min(jobs.len()))
                .map(|_| {
                    scope.spawn(|| {
                        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                            if !interrupt.load(Ordering::Relaxed) && job.run(&facts, interrupt)? {
                                continue;
                            }
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(())
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| Err(Mistake::Host("a worker of the runner came to grief".into())))
            })
        })?;
        Ok(failed.into_inner() == 0)
    }

    /// One script and its place.
    struct Job {
        name: String,
        place: PathBuf,
    }

    impl Job {
        /// Makes its place, which must not be there yet: two jobs never share one.
        fn prepare(directory: &Path, script: &Path) -> Result<Self, Mistake> {
            let wrong = |what: &dyn fmt::Display| Mistake::Input(format!("{}: {what}", script.display()));
            let name =
                script.file_stem().and_then(|name| name.to_str()).ok_or_else(|| wrong(&"has no name to call it by"))?;
            let directory = std::path::absolute(directory).map_err(|error| wrong(&error))?;
            let place = directory.join(name);
            fs::create_dir_all(&directory).and_then(|()| fs::create_dir(&place)).map_err(|error| {
                Mistake::Input(format!("{}: {error}; each run wants a place of its own", place.display()))
            })?;
            fs::create_dir(place.join("work")).map_err(|error| wrong(&error))?;
            fs::copy(script, place.join("work/script.sh")).map_err(|error| wrong(&error))?;
            Ok(Self { name: name.into(), place })
        }

        /// Runs it. Did it pass?
        fn run(&self, facts: &Facts, interrupt: &AtomicBool) -> Result<bool, Mistake> {
            let host = |error: &dyn fmt::Display| Mistake::Host(format!("{}: {error}", self.name));
            let work = self.place.join("work");
            let policy = Policy::new()
                .system()
                .own_tmp()
                .dir(&work, Access::ALL)
                .network(Network::None)
                .processes(256)
                .memory_bytes(2 << 30)
                .file_bytes(1 << 30)
                .deadline(DEADLINE);
            let plan = SetUp::Tight.plan(&policy, facts).map_err(|error| host(&error))?;
            // What this runner promises whoever runs it. A host that cannot give it runs nothing.
            plan.require([G2, G3, G4, G7]).map_err(|error| host(&error))?;
            let log = File::create(self.place.join("log")).map_err(|error| host(&error))?;
            let also = log.try_clone().map_err(|error| host(&error))?;
            let job = plan
                .command("/bin/sh")
                .args(["-e", "script.sh"])
                .env_clear()
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .env("HOME", &work)
                .cwd(&work)
                .stdout(Output::Descriptor(log.into()))
                .stderr(Output::Descriptor(also.into()))
                .spawn()
                .map_err(|error| host(&error))?;
            let end = job.wait_unless(interrupt).map_err(|error| host(&error))?;
            let evidence = serde_json::to_vec_pretty(&end).map_err(|error| host(&error))?;
            fs::write(self.place.join("end.json"), evidence).map_err(|error| host(&error))?;
            let passed = end.cause == Cause::OwnAccord && end.status.success();
            println!(
                "{} {}: {:?}, {:?}; {} left behind and killed; {:.1} s; nobody is left, by {:?}",
                if passed { "passed" } else { "FAILED" },
                self.name,
                end.cause,
                end.status,
                end.survivors,
                end.run_duration.as_secs_f64(),
                end.account,
            );
            Ok(passed)
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    use super::runner::{Mistake, run};

    fn scripts(directory: &std::path::Path, texts: &[(&str, &str)]) -> Vec<PathBuf> {
        let write = |(name, text): &(&str, &str)| {
            let path = directory.join(format!("{name}.sh"));
            fs::write(&path, text).unwrap();
            path
        };
        texts.iter().map(write).collect()
    }

    /// A host where nothing can be confined tells so, and the tests have nothing to say.
    fn runs(scripts: &[PathBuf], place: &std::path::Path, interrupt: bool) -> Option<bool> {
        match run(place, scripts, &AtomicBool::new(interrupt)) {
            Ok(passed) => Some(passed),
            Err(Mistake::Host(why)) => {
                // Past the harness, which keeps what a test that passes prints to itself.
                std::io::stderr().write_all(format!("skipped: ci_runner: {why}\n").as_bytes()).unwrap();
                None
            }
            Err(mistake) => panic!("{mistake}"),
        }
    }

    #[test]
    fn what_passes_has_a_log_and_an_end_and_leaves_its_workspace() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out");
        let two = scripts(directory.path(), &[("good", "echo said; echo made > made\n"), ("also", "true\n")]);
        let Some(passed) = runs(&two, &place, false) else { return };
        assert!(passed);
        assert_eq!(fs::read_to_string(place.join("good/log")).unwrap(), "said\n");
        assert_eq!(fs::read_to_string(place.join("good/work/made")).unwrap(), "made\n");
        let end: serde_json::Value = serde_json::from_slice(&fs::read(place.join("good/end.json")).unwrap()).unwrap();
        assert_eq!(end["cause"], "own-accord");
    }

    #[test]
    fn one_that_fails_or_reaches_for_another_fails_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out");
        let secret = directory.path().join("secret");
        fs::write(&secret, "canary").unwrap();
        let reach = format!("cat {} && exit 0\nexit 7\n", secret.display());
        let Some(passed) = runs(&scripts(directory.path(), &[("reach", &reach)]), &place, false) else { return };
        assert!(!passed);
        assert!(!fs::read_to_string(place.join("reach/log")).unwrap().contains("canary"));
        // The same by hand reads it: the script is not what fails.
        let control = std::process::Command::new("/bin/sh").arg(directory.path().join("reach.sh")).output().unwrap();
        assert!(control.status.success() && control.stdout == b"canary");
    }

    #[test]
    fn a_place_is_used_once_and_an_interrupt_starts_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out");
        let one = scripts(directory.path(), &[("one", "true\n")]);
        let Some(passed) = runs(&one, &place, true) else { return };
        assert!(!passed && !place.join("one/log").exists());
        assert!(matches!(run(&place, &one, &AtomicBool::new(false)), Err(Mistake::Input(_))));
    }
}
