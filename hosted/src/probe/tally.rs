//! What a trial came to: how often the attack got through, and what stopped it otherwise.

use std::collections::BTreeMap;
use std::fmt;

use crate::actor::Claim;

/// Of one side of a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Attempts.
    pub(crate) n: u64,
    /// Attempts whose effect the judge saw.
    pub(crate) through: u64,
    /// What the effect is, for the reader.
    pub(crate) effect: &'static str,
    /// What stopped the others, and how often.
    pub(crate) refusals: BTreeMap<Refusal, u64>,
    /// Further numbers, times in nanoseconds.
    pub(crate) numbers: BTreeMap<String, u64>,
    /// Is what it attacks known to be there?
    pub(crate) surface: Surface,
}

/// Is what a probe attacks known to be on this host?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Surface {
    /// Not known.
    #[default]
    Unknown,
    /// The control reached it: whoever says that there is no such thing, says it as policy.
    Present,
}

/// What stopped an attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    call: String,
    errno: Option<i32>,
}

/// What an errno means for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Denied,
    Unreachable,
    NotThere,
    NoSuchFacility,
    OverLimit,
    Other,
}

impl Refusal {
    fn meaning(&self) -> Meaning {
        match self.errno {
            // Since Linux 6.2 `dev.tty.legacy_tiocsti` may be off, and then it takes a capability.
            Some(libc::EIO) if self.call == "ioctl(TIOCSTI)" => Meaning::Denied,
            // Nobody in this kernel tells of sockets of that family.
            Some(libc::ENOENT) if self.call == "socket(NETLINK_SOCK_DIAG)" => Meaning::NoSuchFacility,
            Some(libc::EPERM | libc::EACCES | libc::EROFS) => Meaning::Denied,
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL) => Meaning::Unreachable,
            Some(libc::ECONNREFUSED | libc::ETIMEDOUT | libc::EAGAIN) if self.call != "fork" => Meaning::Unreachable,
            Some(libc::ENOENT | libc::ESRCH | libc::ENXIO | libc::EBADF | libc::EIDRM | libc::EINVAL) => {
                Meaning::NotThere
            }
            Some(
                libc::ENOSYS
                | libc::EAFNOSUPPORT
                | libc::EPROTONOSUPPORT
                | libc::ESOCKTNOSUPPORT
                | libc::EOPNOTSUPP
                | libc::ENOPROTOOPT
                | libc::ENODEV,
            ) => Meaning::NoSuchFacility,
            Some(libc::ENOMEM | libc::EAGAIN | libc::EDQUOT | libc::EFBIG) => Meaning::OverLimit,
            _ => Meaning::Other,
        }
    }
}

impl Refusal {
    fn describe(&self, surface: Surface) -> String {
        let Some(errno) = self.errno else { return self.call.clone() };
        let error = std::io::Error::from_raw_os_error(errno).to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        let meaning = match (self.meaning(), surface) {
            (Meaning::Denied, _) => "denied by policy",
            (Meaning::Unreachable, _) => "unreachable",
            (Meaning::NotThere, _) => "does not exist",
            (Meaning::NoSuchFacility, Surface::Unknown) => "no such facility",
            (Meaning::NoSuchFacility, Surface::Present) => "denied by policy, as if there were no such facility",
            (Meaning::OverLimit, _) => "over the limit",
            (Meaning::Other, _) => "failed",
        };
        format!("{meaning}: {}: {error} (errno {errno})", self.call)
    }
}

impl Tally {
    /// Counts an attempt that was stopped.
    pub(crate) fn refused(&mut self, call: &str, errno: Option<i32>) {
        *self.refusals.entry(Refusal { call: call.into(), errno }).or_default() += 1;
    }

    /// Counts the claims of calls that failed.
    pub(crate) fn refusals_of(&mut self, claims: &[Claim]) {
        for claim in claims {
            if let Some(errno) = claim.errno {
                self.refused(&claim.call, Some(errno));
            }
        }
    }

    /// What stopped attempts, by errno, and how often; `None` is no answer.
    pub(crate) fn errnos(&self) -> impl Iterator<Item = (Option<i32>, u64)> + '_ {
        self.refusals.iter().map(|(refusal, times)| (refusal.errno, *times))
    }

    /// Was every attempt denied?
    pub(crate) fn denied(&self) -> bool {
        self.all_refused_as(Meaning::Denied)
    }

    /// Did every attempt fail because the host does not have what it attacks?
    pub(crate) fn no_such_facility(&self) -> bool {
        self.all_refused_as(Meaning::NoSuchFacility)
    }

    fn all_refused_as(&self, meaning: Meaning) -> bool {
        !self.refusals.is_empty() && self.refusals.keys().all(|refusal| refusal.meaning() == meaning)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.through, self.n)?;
        if self.through > 0 && !self.effect.is_empty() {
            write!(f, " {}", self.effect)?;
        }
        for (refusal, times) in &self.refusals {
            write!(f, "; {}, {times} times", refusal.describe(self.surface))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_that_means_something_else_of_one_call_is_read_so() {
        let of = |call: &str, errno| {
            let mut tally = Tally::default();
            tally.refused(call, Some(errno));
            (tally.denied(), tally.no_such_facility())
        };
        assert_eq!(of("ioctl(TIOCSTI)", libc::EIO), (true, false));
        assert_eq!(of("ioctl(TIOCSETD)", libc::EIO), (false, false));
        assert_eq!(of("socket(NETLINK_SOCK_DIAG)", libc::ENOENT), (false, true));
        assert_eq!(of("open", libc::ENOENT), (false, false));
        // mount(2): the kernel does not know the kind of file system.
        assert_eq!(of("mount(overlay)", libc::ENODEV), (false, true));
    }

    #[test]
    fn a_facility_that_the_control_reached_is_denied_and_not_absent() {
        let mut tally = Tally { n: 1, ..Tally::default() };
        tally.refused("socket", Some(libc::EAFNOSUPPORT));
        assert!(tally.to_string().starts_with("0/1; no such facility: socket:"), "{tally}");
        tally.surface = Surface::Present;
        assert!(tally.to_string().starts_with("0/1; denied by policy, as if"), "{tally}");
    }
}
