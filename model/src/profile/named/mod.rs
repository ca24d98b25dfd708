//! The profiles that have names, a kernel a file: what it offers, how it is used, and the source of every choice.

mod freebsd;
mod ideal;
mod linux;
mod macos;
mod netbsd;
mod openbsd;
mod sel4;
mod windows;

use super::{Kernel, Profile};

/// A profile that has a name.
#[derive(Debug)]
pub struct Named {
    /// Its name, as in `--kernel`.
    pub name: &'static str,
    /// A line on it.
    pub about: &'static str,
    /// The kernel that is used so.
    pub kernel: &'static Kernel,
    /// For each axis, in the order of [`Profile::choices`], where the choice is from.
    pub sources: &'static [(&'static str, &'static str)],
    profile: fn() -> Profile,
}

impl Named {
    /// The profile.
    pub fn profile(&self) -> Profile {
        (self.profile)()
    }
}

/// All of them.
pub(super) const ALL: &[&Named] = &[
    &ideal::IDEAL,
    &sel4::SEL4_MCS,
    &linux::LINUX,
    &linux::LINUX_HARDENED,
    &windows::WINDOWS,
    &windows::WINDOWS_JOB,
    &macos::MACOS,
    &freebsd::FREEBSD,
    &freebsd::FREEBSD_CAPSICUM,
    &openbsd::OPENBSD,
    &netbsd::NETBSD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_uses_only_what_its_kernel_offers() {
        for named in ALL {
            assert_eq!(named.kernel.offers(&named.profile()), Ok(()), "{}", named.name);
            assert_eq!(named.profile().name, named.name);
        }
        assert_eq!(linux::KERNEL.offers(&Profile::ideal()), Err("creation"));
        assert_eq!(ideal::KERNEL.offers(&Profile::linux()), Err("inheritance"));
    }

    #[test]
    fn every_choice_has_a_source() {
        for named in ALL {
            let axes: Vec<_> = named.profile().choices().into_iter().map(|(axis, _)| axis).collect();
            let sources: Vec<_> = named.sources.iter().map(|(axis, _)| *axis).collect();
            assert_eq!(axes, sources, "{}", named.name);
            assert!(named.sources.iter().all(|(_, source)| source.len() > 3), "{}", named.name);
        }
    }
}
