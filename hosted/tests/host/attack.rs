//! The attacker: one word, one attempt; it prints `ok` or the error number.

use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

pub(crate) fn main(words: &[String]) {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let result = attempt(&words);
    match result {
        Ok(said) => println!("{said}"),
        Err(error) => println!("errno {}", error.raw_os_error().unwrap_or(-1)),
    }
}

fn attempt(words: &[&str]) -> io::Result<String> {
    let done = |()| "ok".to_owned();
    let number = |text: &str| text.parse::<usize>().unwrap();
    match words {
        ["read", path] => std::fs::read(path).map(|_| "ok".into()),
        ["write", path] => std::fs::write(path, "attack").map(done),
        ["truncate", path] => {
            let path = std::ffi::CString::new(*path).unwrap();
            // SAFETY: the path ends in NUL.
            check(unsafe { libc::truncate(path.as_ptr(), 0) }.into()).map(done)
        }
        ["stat", path] => std::fs::metadata(path).map(|_| "ok".into()),
        ["chmod", path] => {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(path, mode).map(done)
        }
        ["list", path] => {
            let mut names: Vec<_> =
                std::fs::read_dir(path)?.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
            names.sort();
            Ok(names.join(" "))
        }
        ["tcp", address] => TcpStream::connect(address).map(|_| "ok".into()),
        ["udp", address] => UdpSocket::bind("0.0.0.0:0")?.send_to(b"attack", address).map(|_| "ok".into()),
        ["unix", path] => UnixStream::connect(path).map(|_| "ok".into()),
        ["abstract", name] => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?).map(|_| "ok".into()),
        ["fds"] => {
            let open = (0..4096).filter(|fd| check(unsafe_fcntl(*fd)).is_ok());
            Ok(open.map(|fd| fd.to_string()).collect::<Vec<_>>().join(" "))
        }
        ["signal", pid] => {
            // SAFETY: takes numbers only; signal 0 only asks.
            check(unsafe { libc::kill(pid.parse().unwrap(), 0) }.into()).map(done)
        }
        ["stop-parent"] => loop {
            // SAFETY: takes numbers only. Whoever may not stop it goes on trying.
            unsafe { libc::kill(libc::getppid(), libc::SIGSTOP) };
            std::thread::sleep(std::time::Duration::from_millis(1));
        },
        ["call", number] => {
            // SAFETY: with all arguments 0 the calls listed in the tests read and write nothing.
            check(unsafe { libc::syscall(number.parse().unwrap(), 0, 0, 0, 0, 0, 0) }).map(done)
        }
        ["capabilities"] => {
            let status = std::fs::read_to_string("/proc/self/status")?;
            Ok(status
                .lines()
                .filter(|line| line.starts_with("Cap"))
                .map(|line| &line[8..])
                .collect::<Vec<_>>()
                .join(" "))
        }
        ["ipc", key] => {
            // SAFETY: takes numbers only.
            check(unsafe { libc::shmget(key.parse().unwrap(), 4096, 0) }.into()).map(done)
        }
        ["fork", most] => Ok(fork_bomb(number(most)).to_string()),
        ["allocate", mebibytes] => {
            let mut block = vec![0u8; number(mebibytes) << 20];
            block.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
            Ok(format!("ok {}", block.iter().step_by(4096).filter(|byte| **byte == 1).count() / 256))
        }
        ["detach", count] => {
            detach(number(count));
            Ok("ok".into())
        }
        ["relay", lanes] => {
            relay(number(lanes));
            Ok("ok".into())
        }
        ["leave", procs] => {
            // A child in the group that holds the supervisor; then nothing in the job's own is left but the attacker.
            // SAFETY: this process has one thread.
            if unsafe { libc::fork() } == 0 {
                let left = std::fs::write(procs, std::process::id().to_string());
                println!("{}", if left.is_ok() { "left" } else { "held" });
                // SAFETY: the streams are not used any more.
                unsafe { libc::close(1) };
                // SAFETY: as above.
                unsafe { libc::close(2) };
                sleep_for_ever();
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            Ok("ok".into())
        }
        ["sleep"] => {
            println!("asleep");
            io::stdout().flush()?;
            std::thread::sleep(std::time::Duration::from_secs(1000));
            Ok("woke".into())
        }
        other => panic!("no attack {other:?}"),
    }
}

fn unsafe_fcntl(fd: i32) -> i64 {
    // SAFETY: takes numbers only.
    unsafe { libc::fcntl(fd, libc::F_GETFD) }.into()
}

fn check(returned: i64) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: waits for a signal, and nothing else.
        unsafe { libc::pause() };
    }
}

/// Forks children that sleep, up to a number; how many were born.
fn fork_bomb(most: usize) -> usize {
    for born in 0..most {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => sleep_for_ever(),
            -1 => return born,
            _ => {}
        }
    }
    most
}

/// Children in sessions of their own, twice forked, that sleep.
fn detach(count: usize) {
    for _ in 0..count {
        // SAFETY: this process has one thread.
        unsafe {
            if libc::fork() == 0 {
                libc::setsid();
                if libc::fork() == 0 {
                    libc::close(1);
                    libc::close(2);
                    sleep_for_ever();
                }
                libc::_exit(0);
            }
            libc::wait(std::ptr::null_mut());
        }
    }
}

/// Lanes of processes that each fork a successor and exit, for ever: no list of members is ever right.
fn relay(lanes: usize) {
    for _ in 0..lanes {
        // SAFETY: this process has one thread.
        unsafe {
            if libc::fork() == 0 {
                libc::setsid();
                libc::close(1);
                libc::close(2);
                loop {
                    match libc::fork() {
                        0 => continue,
                        -1 => drop(libc::usleep(100)),
                        _ => libc::_exit(0),
                    }
                }
            }
        }
    }
}
