//! What is known of a user's password: enough to recognise it.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier};
use bcrypt::HashParts;

use crate::seal::{Seal, Sealed};

/// Highest cost of bcrypt: each step doubles the time, and this one takes some seconds.
pub const BCRYPT_COST_MAX: u32 = 16;

/// Most memory that checking one password may take, in KiB.
pub const ARGON2_KIB_MAX: u32 = 1 << 20;

/// Most memory that one password's check may go through altogether, in KiB: its memory times its passes.
const ARGON2_WORK_MAX: u64 = 16 << 20;

/// Somebody who may ask.
#[derive(Clone)]
pub struct Account {
    user: String,
    secret: Secret,
}

/// What a password is compared with.
#[derive(Clone)]
pub(crate) enum Secret {
    /// The password's digest under a key of this process.
    Plain(Seal, Sealed),
    /// `$2b$12$...`: by Blowfish; the first 72 bytes of the password count.
    Bcrypt(String),
    /// `$argon2id$v=19$m=...`: by Argon2 (RFC 9106), in the PHC string format.
    Argon2(Box<PasswordHash>),
}

/// Text that is no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// There is no colon.
    #[error("an account is written USER:PASSWORD or USER:HASH")]
    Form,
    /// A control character in the name or the password.
    #[error("neither the name nor the password of {0:?} may hold a control character (RFC 7617 section 2)")]
    Control(String),
    /// No password: whoever knows the name would be let in.
    #[error("{0:?} has no password")]
    Empty(String),
    /// It begins like a hash, but like none that we know.
    #[error(
        "the hash of {0:?} is of a kind that is not supported: make one with `htpasswd -nB {0}` (bcrypt) \
         or with argon2, whose begin with $2y$, $2b$ or $argon2id$"
    )]
    Kind(String),
    /// It begins like one that we know, but doesn't go on like one.
    #[error("the hash of {user:?} is not whole: {reason}")]
    Hash {
        /// Whose it is.
        user: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It would take too long or too much memory.
    #[error(
        "the hash of {0:?} costs too much to check: at most bcrypt's cost 16 or argon2's m=1048576 and 16 GiB in all passes"
    )]
    Dear(String),
}

impl Account {
    /// Takes `USER:HASH` as from htpasswd(1), or `USER:PASSWORD`. What begins with `$` or `{` is a hash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, AccountFault> {
        let (user, secret) = text.split_once(':').ok_or(AccountFault::Form)?;
        let user = user.to_owned();
        if text.chars().any(char::is_control) {
            return Err(AccountFault::Control(user));
        }
        let secret = match secret {
            "" => return Err(AccountFault::Empty(user)),
            hash if hash.starts_with("$2") => bcrypt(&user, hash)?,
            hash if hash.starts_with("$argon2") => argon2(&user, hash)?,
            hash if hash.starts_with(['$', '{']) => return Err(AccountFault::Kind(user)),
            password => Secret::plain(password),
        };
        Ok(Self { user, secret })
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether the password itself was given and not a hash of it: whoever saw it can use it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.secret, Secret::Plain(..))
    }

    pub(crate) fn into_secret(self) -> Secret {
        self.secret
    }
}

impl Secret {
    fn plain(password: &str) -> Self {
        let seal = Seal::new();
        let sealed = seal.of(&[password.as_bytes()]);
        Self::Plain(seal, sealed)
    }

    /// Whether it takes so long to check a password that it must not be done on a thread that serves.
    pub(crate) fn is_slow(&self) -> bool {
        !matches!(self, Self::Plain(..))
    }

    /// Whether that is the password. Each kind compares in constant time, or digests under a key.
    pub(crate) fn is(&self, password: &[u8]) -> bool {
        match self {
            Self::Plain(seal, sealed) => seal.of(&[password]) == *sealed,
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2(hash) => Argon2::default().verify_password(password, hash.as_ref()).is_ok(),
        }
    }
}

fn bcrypt(user: &str, hash: &str) -> Result<Secret, AccountFault> {
    let broken = |reason: String| AccountFault::Hash { user: user.to_owned(), reason };
    let parts = HashParts::from_str(hash).map_err(|error| broken(error.to_string()))?;
    if parts.get_cost() > BCRYPT_COST_MAX {
        return Err(AccountFault::Dear(user.to_owned()));
    }
    Ok(Secret::Bcrypt(hash.to_owned()))
}

fn argon2(user: &str, hash: &str) -> Result<Secret, AccountFault> {
    let broken = |reason: String| AccountFault::Hash { user: user.to_owned(), reason };
    let hash = PasswordHash::new(hash).map_err(|error| broken(error.to_string()))?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str());
    algorithm.map_err(|error| broken(error.to_string()))?;
    let params = Params::try_from(&hash).map_err(|error| broken(error.to_string()))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(broken("it has no salt or no hash".to_owned()));
    }
    let work = u64::from(params.m_cost()).saturating_mul(params.t_cost().into());
    if params.m_cost() > ARGON2_KIB_MAX || work > ARGON2_WORK_MAX {
        return Err(AccountFault::Dear(user.to_owned()));
    }
    Ok(Secret::Argon2(Box::new(hash)))
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(..) => "Plain(..)",
            Self::Bcrypt(_) => "Bcrypt(..)",
            Self::Argon2(_) => "Argon2(..)",
        })
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
