//! Who may ask, by user name and password.
//!
//! A browser sends the same credentials with every request, and a hash that is any good takes tens of
//! milliseconds to check. So a check that was passed is remembered for a while, by a keyed digest of the
//! credentials. One that was failed is not: that would be a list for strangers to fill.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, header};
use message::field::basic::{Credentials, challenge};
use message::fields::Fields;
use workshop::workshop::Workshop;

use crate::seal::{Seal, Sealed};
use crate::secret::{Account, Secret};

/// What people are shown when they are asked for a password, if nothing else is said.
pub const REALM: &str = "files";

/// How long credentials that were right need not be checked again, if nothing else is said. An account
/// that is taken out goes with the process that knew it.
pub const REMEMBERED: Duration = Duration::from_secs(300);

/// Most credentials that are remembered. The oldest are forgotten first.
pub const REMEMBERED_MAX: usize = 4096;

/// Most passwords that are checked at the same time, if nothing else is said. Each takes a core, and with
/// Argon2 its memory.
pub const CHECKED_MAX: usize = 2;

/// How long a request waits for its password to be checked before it is told to ask again (503).
pub const CHECK_WAIT: Duration = Duration::from_secs(10);

/// Who may ask, and what they are asked for access to.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Everybody who may ask. Of two of one name the later one counts.
    pub accounts: Vec<Account>,
    /// What people are shown when they are asked for a password.
    pub realm: String,
    /// How long credentials that were right need not be checked again.
    pub remembered: Duration,
    /// Most passwords whose hashes are checked at the same time, at least 1; who waits longer than
    /// [`CHECK_WAIT`] gets 503.
    pub checks: usize,
}

/// On whose behalf credentials are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A server's: `Authorization` (RFC 9110 §11.6.2).
    Server,
    /// A proxy's: `Proxy-Authorization` (RFC 9110 §11.7.2).
    Proxy,
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It has no credentials, or wrong ones: the challenge (RFC 9110 §11.6.1, §11.7.1).
    Credentials(HeaderValue),
    /// Too many credentials are being checked already.
    Busy,
}

/// Lets those in who have an account.
#[derive(Debug)]
pub struct Gate {
    side: Side,
    seal: Seal,
    secrets: Secrets,
    known: Arc<Mutex<Known>>,
    checks: Arc<Workshop<Sealed, bool>>,
    remembered: Duration,
    challenge: HeaderValue,
}

/// The secret of each user, by the digest of the name: so that it takes as long to find none as one.
#[derive(Debug)]
struct Secrets {
    by_user: HashMap<Sealed, Arc<Secret>>,
    all: Vec<Arc<Secret>>,
}

/// The credentials that were right, and until when that is taken for granted.
#[derive(Debug, Default)]
struct Known {
    until: HashMap<Sealed, SystemTime>,
    /// The same, the oldest first.
    order: VecDeque<Sealed>,
}

impl Accounts {
    /// These accounts, with everything else at its default.
    #[must_use]
    pub fn new(accounts: Vec<Account>) -> Self {
        Self { accounts, realm: REALM.to_owned(), remembered: REMEMBERED, checks: CHECKED_MAX }
    }
}

impl Side {
    /// Where the credentials stand.
    fn field(self) -> HeaderName {
        match self {
            Self::Server => header::AUTHORIZATION,
            Self::Proxy => header::PROXY_AUTHORIZATION,
        }
    }
}

impl Gate {
    /// One that lets those accounts in.
    #[must_use]
    pub fn new(accounts: &Accounts, side: Side) -> Self {
        let seal = Seal::new();
        Self {
            side,
            secrets: Secrets::of(&accounts.accounts, &seal),
            seal,
            known: Arc::default(),
            checks: Workshop::new(accounts.checks),
            remembered: accounts.remembered,
            challenge: challenge(&accounts.realm),
        }
    }

    /// Lets a request in that was received at `now`.
    ///
    /// # Errors
    /// [`Denied::Credentials`] without an account's, [`Denied::Busy`] if they can't be checked now.
    pub async fn admit(&self, request: &Fields, now: SystemTime) -> Result<(), Denied> {
        let refused = || Denied::Credentials(self.challenge.clone());
        let credentials = Credentials::of(request, &self.side.field()).ok_or_else(refused)?;
        let sealed = self.seal.of(&[credentials.user(), credentials.password()]);
        if lock(&self.known).is_known(&sealed, now) {
            return Ok(());
        }
        let right = self.check(credentials, sealed, now).await.ok_or(Denied::Busy)?;
        if right { Ok(()) } else { Err(refused()) }
    }

    /// Whether those credentials are right, and remembers them then; `None` if nobody has the time.
    async fn check(&self, credentials: Credentials, sealed: Sealed, now: SystemTime) -> Option<bool> {
        let user = self.seal.of(&[credentials.user()]);
        let Some((secret, is_user)) = self.secrets.of_user(&user) else { return Some(false) };
        // Both are always looked at: a name that is not there takes as long as one that is.
        if !secret.is_slow() {
            return Some(secret.is(credentials.password()) & is_user);
        }
        let (known, until) = (Arc::clone(&self.known), now.checked_add(self.remembered));
        let check = move || {
            let right = secret.is(credentials.password()) & is_user;
            if let Some(until) = until.filter(|_| right) {
                lock(&known).remember(sealed, until);
            }
            Some(right)
        };
        let known = || lock(&self.known).is_known(&sealed, now).then_some(true);
        self.checks.get(sealed, CHECK_WAIT, known, check).await
    }

    /// How many slow checks were begun since the start.
    #[must_use]
    pub fn checks(&self) -> u64 {
        self.checks.begun()
    }
}

impl Secrets {
    fn of(accounts: &[Account], seal: &Seal) -> Self {
        let mut by_user = HashMap::with_capacity(accounts.len());
        for account in accounts.iter().cloned() {
            let user = seal.of(&[account.user().as_bytes()]);
            by_user.insert(user, Arc::new(account.into_secret()));
        }
        let all = by_user.values().cloned().collect();
        Self { by_user, all }
    }

    /// The secret of that user; or else anybody's, always the same one, for the time that it takes. `None`
    /// if nobody has an account.
    fn of_user(&self, user: &Sealed) -> Option<(Arc<Secret>, bool)> {
        let anybodys = self.all.get(user.place(self.all.len()))?;
        let found = self.by_user.get(user);
        Some((Arc::clone(found.unwrap_or(anybodys)), found.is_some()))
    }
}

impl Known {
    fn is_known(&self, sealed: &Sealed, now: SystemTime) -> bool {
        self.until.get(sealed).is_some_and(|until| now < *until)
    }

    fn remember(&mut self, sealed: Sealed, until: SystemTime) {
        if self.until.insert(sealed, until).is_some() {
            self.order.retain(|other| *other != sealed);
        }
        self.order.push_back(sealed);
        while self.order.len() > REMEMBERED_MAX {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.until.remove(&oldest));
        }
    }
}

/// A panic elsewhere leaves nothing half remembered.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the times are the test's own")]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn only_so_many_credentials_are_remembered_and_the_oldest_go_first() {
        let seal = Seal::new();
        let sealed = |number: usize| seal.of(&[&number.to_ne_bytes()]);
        let mut known = Known::default();
        let until = at(0) + REMEMBERED;
        for number in 0..REMEMBERED_MAX {
            known.remember(sealed(number), until);
        }
        known.remember(sealed(0), until);
        known.remember(sealed(REMEMBERED_MAX), until);
        assert_eq!((known.order.len(), known.until.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!known.is_known(&sealed(1), at(0)));
        assert!(known.is_known(&sealed(0), at(0)), "it was right again since");
        assert!(known.is_known(&sealed(REMEMBERED_MAX), at(0)));
    }
}
