//! A command really runs, confined, and its end is told: status, output, deadline, survivors.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use lacuna_hosted::{
    Access, Cause, End, Facts, Input, LaunchError, Output, Plan, Policy, PrimitiveId, SetUp, Status, Temporary,
};

const ALL: [SetUp; 3] = [SetUp::Bare, SetUp::Minimal, SetUp::Tight];

fn plan(set_up: SetUp, policy: &Policy) -> Plan {
    set_up.plan(policy, &Facts::detect().unwrap()).unwrap()
}

fn shell(plan: &Plan, script: &str) -> (String, End) {
    let mut job = plan.command("/bin/sh").args(["-c", script]).cwd("/").spawn().unwrap();
    let mut text = String::new();
    job.output().read_to_string(&mut text).unwrap();
    (text, job.wait().unwrap())
}

#[test]
fn a_command_runs_and_its_status_comes_back() {
    for set_up in ALL {
        let plan = plan(set_up, &Policy::new().system());
        let (text, end) = shell(&plan, "echo out; echo err >&2; exit 7");
        assert_eq!(
            (text.as_str(), end.status, end.cause),
            ("out\nerr\n", Status::Exited(7), Cause::OwnAccord),
            "{set_up:?}"
        );
        assert_eq!(end.survivors, 0, "{set_up:?}");
        let planned: Vec<_> = plan.steps().iter().map(|step| step.primitive).collect();
        assert_eq!(end.applied, planned, "{set_up:?}");
        let (_, end) = shell(&plan, "kill -TERM $$");
        assert_eq!(end.status, Status::Signaled(15), "{set_up:?}");
    }
}

#[test]
fn who_detached_is_counted_and_killed() {
    for set_up in ALL {
        let plan = plan(set_up, &Policy::new().system());
        let (_, end) = shell(&plan, "for i in 1 2 3; do (setsid sleep 1000 >/dev/null 2>&1 &) ; done; sleep 0.1");
        assert!(end.survivors >= 1, "{set_up:?} {end:?}");
        assert!(end.kill_duration < Duration::from_secs(2), "{set_up:?} {end:?}");
    }
}

#[test]
fn the_deadline_ends_it() {
    for set_up in ALL {
        let plan = plan(set_up, &Policy::new().system().deadline(Duration::from_millis(300)));
        let begin = Instant::now();
        let (text, end) = shell(&plan, "echo begun; sleep 1000");
        assert_eq!(text, "begun\n");
        assert!(end.killed_by_deadline(), "{set_up:?} {end:?}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{set_up:?} {end:?}");
    }
}

#[test]
fn streams_words_and_environment_are_as_said() {
    for set_up in ALL {
        let plan = plan(set_up, &Policy::new().system());
        let (mut read, write) = std::io::pipe().unwrap();
        let mut job = plan
            .command("sh")
            .args(["-c", "read line; echo \"$line $1 $ONLY ${HOME-nothing}\"; pwd >&2", "sh", "a b"])
            .env_clear()
            .env("ONLY", "this")
            .env("PATH", "/usr/bin:/bin")
            .cwd("/usr")
            .stdin(Input::Pipe)
            .stderr(Output::Descriptor(write.into()))
            .spawn()
            .unwrap();
        let mut input = std::fs::File::from(job.take_input().unwrap());
        input.write_all(b"said\n").unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        job.output().read_to_string(&mut out).unwrap();
        assert!(job.wait().unwrap().status.success());
        read.read_to_string(&mut err).unwrap();
        assert_eq!((out.as_str(), err.as_str()), ("said a b this nothing\n", "/usr\n"), "{set_up:?}");
    }
}

#[test]
fn nothing_of_our_signals_is_inherited() {
    // The test's own runtime ignores SIGPIPE (13); a job that inherited that would not end at a closed pipe.
    for set_up in ALL {
        let policy = Policy::new().system().dir("/proc", Access::READ);
        let (text, _) = shell(&plan(set_up, &policy), "grep -E '^Sig(Ign|Blk)' /proc/self/status");
        assert_eq!(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "{set_up:?}");
    }
}

#[test]
fn a_job_can_be_signalled_by_its_handle() {
    let plan = plan(SetUp::Tight, &Policy::new().system());
    let script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut job = plan.command("/bin/sh").args(["-c", script]).cwd("/").spawn().unwrap();
    let mut ready = [0; 6];
    job.output().read_exact(&mut ready).unwrap();
    assert!(job.pidfd().is_some() && job.id() > 0);
    job.signal(15).unwrap();
    let mut rest = String::new();
    job.output().read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), job.wait().unwrap().status), ("told\n", Status::Exited(5)));
}

#[test]
fn a_tmp_of_its_own_is_empty_bounded_and_gone_afterwards() {
    let granted = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(granted.path().join("given"), "given").unwrap();
    let policy = Policy::new().system().dir(granted.path(), Access::READ).own_tmp().memory_bytes(64 << 20);
    let minimal = plan(SetUp::Minimal, &policy);
    if !minimal.has(PrimitiveId::PrivateRoot) {
        println!("skipped: a_tmp_of_its_own: no private root on this host");
        assert!(!minimal.own_tmp() && minimal.unmet().iter().any(|unmet| unmet.part == "a /tmp of its own"));
        return;
    }
    let name = granted.path().file_name().unwrap().to_str().unwrap().to_owned();
    // Landlock must allow it, and is not all there is; a private root alone has it too.
    let rooted = minimal.only(&[PrimitiveId::UserNamespace, PrimitiveId::PrivateRoot]).unwrap();
    for plan in [&minimal, &rooted] {
        let written = format!("/tmp/lacuna-test-{}", std::process::id());
        let script = format!(
            "ls -A /tmp; echo one > {written} && mkdir /tmp/d && mv {written} /tmp/d/two && cat /tmp/d/two /tmp/{name}/given; \
             (echo x > /tmp/{name}/given) 2>/dev/null || echo refused; \
             head -c 80000000 /dev/zero > /tmp/big 2>/dev/null || echo full"
        );
        // Twice: the second finds nothing of the first.
        for _ in 0..2 {
            let (text, _) = shell(plan, &script);
            assert_eq!(text, format!("{name}\none\ngivenrefused\nfull\n"));
        }
        assert!(!std::path::Path::new(&written).exists() && !std::path::Path::new("/tmp/d/two").exists());
    }
    // The control: without it there is nothing to write to.
    let none = plan(SetUp::Minimal, &Policy::new().system());
    assert_eq!(shell(&none, "(echo x > /tmp/made) 2>/dev/null || echo refused").0, "refused\n");
    // Whoever is granted the host's has that one, by whatever name, and no rights in it that were not granted.
    let link = granted.path().join("link");
    std::os::unix::fs::symlink("/tmp", &link).unwrap();
    for host in ["/tmp".into(), "/".into(), link] {
        let policy = Policy::new().system().dir(&host, Access::READ).own_tmp();
        let plan = plan(SetUp::Minimal, &policy);
        assert!(!plan.own_tmp(), "{host:?}");
        assert_eq!(plan.policy().temporary() == Temporary::Own, host.ends_with("link"));
    }
}

#[test]
fn a_program_is_found_among_what_the_job_may_execute() {
    let home = tempfile::tempdir().unwrap();
    let place = |name: &str, text: &str| {
        let directory = home.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        let tool = directory.join("tool");
        std::fs::write(&tool, format!("#!/bin/sh\necho {text}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&tool, mode).unwrap();
        directory
    };
    let (closed, open) = (place("closed", "closed"), place("open", "open"));
    let run = |set_up, policy: &Policy, program: &str| {
        let path = std::env::join_paths([&closed, &open]).unwrap();
        let mut job = plan(set_up, policy).command(program).env("PATH", path).cwd("/").spawn()?;
        let mut text = String::new();
        job.output().read_to_string(&mut text).unwrap();
        job.wait().unwrap();
        Ok::<_, LaunchError>(text)
    };
    let policy = Policy::new().system().dir(&open, Access::READ | Access::EXECUTE);
    assert_eq!(run(SetUp::Bare, &policy, "tool").unwrap(), "closed\n");
    assert_eq!(run(SetUp::Minimal, &policy, "tool").unwrap(), "open\n");
    // There, and not granted: by name or by path, seen or only readable.
    let named = closed.join("tool");
    for policy in [Policy::new().system(), Policy::new().system().dir(&closed, Access::READ)] {
        for program in ["tool", named.to_str().unwrap()] {
            let error = run(SetUp::Minimal, &policy, program).unwrap_err();
            assert!(matches!(&error, LaunchError::NotGranted(path) if *path == named), "{program}: {error}");
        }
    }
    let error = run(SetUp::Minimal, &policy, "no-such-tool").unwrap_err();
    assert!(matches!(error, LaunchError::NoProgram(_)), "{error}");
    std::fs::write(open.join("tool"), "#!/no/such/interpreter\n").unwrap();
    let error = run(SetUp::Minimal, &policy, "tool").unwrap_err();
    assert!(matches!(&error, LaunchError::Exec { program, .. } if *program == open.join("tool")), "{error}");
}
