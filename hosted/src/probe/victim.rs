//! A process outside that a trial starts to be attacked, and what the judge can see of it.
//!
//! It bears a secret in its environment, so that whoever knows the secret has looked into it. Source: environ(7),
//! proc_pid_stat(5) `env_start`.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::stage::{Setting, Trouble, secret};
use super::tally::Tally;
use crate::actor::Claim;

/// Each round costs a victim.
const VICTIMS: u64 = 3;
/// The variable that holds the secret.
pub(super) const CANARY: &str = "LACUNA_CANARY";

/// A process to be attacked, of which nobody else knows; killed and reaped when dropped.
pub(super) struct Victim(Child);

impl Victim {
    /// One in a process group of its own that sleeps, with more set on it.
    pub(super) fn start(secret: &str, with: impl FnOnce(&mut Command)) -> Result<Self, Trouble> {
        let mut command = Command::new("sleep");
        command.arg("20").env_clear().env(CANARY, secret).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        with(&mut command);
        Ok(Self(command.spawn().map_err(Trouble::io("start a victim"))?))
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.0.id().cast_signed())
    }

    pub(super) fn died(&mut self) -> bool {
        // A death under way has had the time that the attacker took to end; more for a busy machine. Only a victim that
        // nobody killed is waited for in vain.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// A file of its directory in `/proc`, as text; empty if it is gone.
    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read(format!("/proc/{}/{name}", self.id()))
            .map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where its secret is in its memory.
    pub(super) fn address(&self) -> Option<u64> {
        let stat = self.file("stat");
        // The second field may hold anything; `env_start` is the fiftieth.
        let start: u64 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(47)?.parse().ok()?;
        let name = format!("{CANARY}=");
        let at = self.file("environ").find(&name)?;
        (start > 0).then_some(start + (at + name.len()) as u64)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An attack on victims, one a round, as it went.
pub(super) struct Hunt<'a> {
    setting: Setting<'a>,
    victims: Vec<Victim>,
    claims: Vec<Claim>,
}

impl<'a> Hunt<'a> {
    /// Starts the victims and has them attacked, with further targets.
    pub(super) fn hold(
        setting: &Setting<'a>,
        secret: &str,
        targets: &[(&str, String)],
        with: impl Fn(&mut Command) -> Result<(), Trouble>,
    ) -> Result<Self, Trouble> {
        let setting = Setting { rounds: setting.rounds.min(VICTIMS), ..*setting };
        let start = |_| {
            let mut set = Ok(());
            let victim = Victim::start(secret, |command| set = with(command));
            set.and(victim)
        };
        let victims = (0..setting.rounds).map(start).collect::<Result<Vec<_>, _>>()?;
        let mut attack = setting.attack();
        for (round, victim) in victims.iter().enumerate() {
            attack.targets.insert(format!("victim{round}"), victim.id().to_string());
            let address = victim.address().unwrap_or_default().to_string();
            attack.targets.insert(format!("address{round}"), address);
        }
        attack.targets.extend(targets.iter().map(|(name, value)| ((*name).into(), value.clone())));
        let claims = setting.claims(attack)?;
        Ok(Self { setting, victims, claims })
    }

    /// Victims on which the judge sees the effect.
    pub(super) fn judged(mut self, effect: &'static str, judge: impl Fn(&mut Victim) -> bool) -> Tally {
        let through = self.victims.iter_mut().map(judge).filter(|effect| *effect).count();
        self.setting.tally(effect, through as u64, &self.claims)
    }

    /// Rounds in which something was told that of this victim is true.
    pub(super) fn told(self, effect: &'static str, is_true: impl Fn(&Victim, &str) -> bool) -> Tally {
        let told = |claim: &&Claim| {
            let victim = usize::try_from(claim.round).ok().and_then(|round| self.victims.get(round));
            victim.zip(claim.saw.as_deref()).is_some_and(|(victim, saw)| is_true(victim, saw))
        };
        let through = self.claims.iter().filter(told).count();
        self.setting.tally(effect, through as u64, &self.claims)
    }

    /// Rounds that came to something else, which the caller has seen.
    pub(super) fn seen(self, effect: &'static str, through: u64) -> Tally {
        self.setting.tally(effect, through, &self.claims)
    }
}

/// Has victims attacked, and counts those on which the judge sees the effect.
pub(super) fn attacked(
    setting: &Setting<'_>,
    effect: &'static str,
    judge: impl Fn(&mut Victim) -> bool,
) -> Result<Tally, Trouble> {
    Ok(Hunt::hold(setting, "", &[], |_| Ok(()))?.judged(effect, judge))
}

/// Has victims attacked that bear a secret, and counts the rounds in which it was told.
pub(super) fn betrayed(
    setting: &Setting<'_>,
    effect: &'static str,
    targets: &[(&str, String)],
    with: impl Fn(&mut Command, &str) -> Result<(), Trouble>,
) -> Result<Tally, Trouble> {
    let secret = secret()?;
    let hunt = Hunt::hold(setting, &secret, targets, |command| with(command, &secret))?;
    Ok(hunt.told(effect, |_, saw| saw.contains(&secret)))
}

/// Has victims attacked, where nobody outside can see it: the attacker's word counts.
pub(super) fn by_its_word(setting: &Setting<'_>) -> Result<Tally, Trouble> {
    let hunt = Hunt::hold(setting, "", &[], |_| Ok(()))?;
    let through = hunt.claims.iter().filter(|claim| claim.errno.is_none()).count() as u64;
    Ok(hunt.seen("let through, by the attacker's own word", through))
}
