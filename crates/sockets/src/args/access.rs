//! Who may ask, and whose scripts may read.

use std::time::Duration;

use access::gate::REALM;
use access::{Account, Accounts, Network, Networks};
use clap::Args;
use origin::{Config, Cors, WebOrigin};

use crate::args::units;

/// Arguments about who may ask.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Who may ask")]
pub(crate) struct AccessArgs {
    /// A user who may ask, with a password or its bcrypt or Argon2 hash, as from htpasswd -nB, may be repeated [default: everybody]
    #[arg(long, env = "SOCKETS_AUTH", value_name = "USER:HASH", value_delimiter = '\n', value_parser = Account::parse)]
    #[arg(hide_env_values = true)]
    pub(crate) auth: Vec<Account>,
    /// What people are shown when they are asked for a password
    #[arg(long, env = "SOCKETS_REALM", value_name = "TEXT", default_value = REALM)]
    pub(crate) realm: String,
    /// How long a password that was right is not checked again
    #[arg(long, env = "SOCKETS_AUTH_REMEMBER", value_name = "DURATION", default_value = "5m", value_parser = units::duration)]
    pub(crate) auth_remember: Duration,
    /// Most passwords whose hashes are checked at a time; who waits over 10s gets 503
    #[arg(long, env = "SOCKETS_AUTH_CHECKS", value_name = "N", default_value = "2", value_parser = units::whole(1_usize, 1024))]
    pub(crate) auth_checks: usize,
    /// A network that may ask, such as 192.0.2.0/24, may be repeated [default: all]
    #[arg(long, env = "SOCKETS_ALLOW", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    pub(crate) allow: Vec<Network>,
    /// A network that may not, allowed or not, may be repeated
    #[arg(long, env = "SOCKETS_DENY", value_name = "NET", value_delimiter = ',', value_parser = Network::parse)]
    pub(crate) deny: Vec<Network>,
    // Not a comment for documentation, which would want the URL in brackets.
    #[arg(
        help = "A web site whose scripts may read, such as https://app.example.org; * is any, may be repeated [default: none]"
    )]
    #[arg(long, env = "SOCKETS_CORS", value_name = "ORIGIN|*", value_delimiter = ',', value_parser = reader)]
    pub(crate) cors: Vec<Reader>,
}

/// Whose scripts may read.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    Any,
    Site(WebOrigin),
}

impl AccessArgs {
    /// The same configuration with what is asked for here.
    pub(crate) fn apply(&self, config: Config) -> Config {
        let networks = Networks { allow: self.allow.clone(), deny: self.deny.clone() };
        Config { accounts: self.accounts(), networks, cors: self.cors(), ..config }
    }

    fn accounts(&self) -> Option<Accounts> {
        let accounts = Accounts {
            accounts: self.auth.clone(),
            realm: self.realm.clone(),
            remembered: self.auth_remember,
            checks: self.auth_checks,
        };
        (!self.auth.is_empty()).then_some(accounts)
    }

    fn cors(&self) -> Option<Cors> {
        let site = |reader: &Reader| match reader {
            Reader::Any => None,
            Reader::Site(origin) => Some(origin.clone()),
        };
        // One star stands for all, whoever is named beside it.
        let all_sites: Option<Vec<WebOrigin>> = self.cors.iter().map(site).collect();
        (!self.cors.is_empty()).then(|| all_sites.map_or(Cors::Any, Cors::Sites))
    }
}

fn reader(text: &str) -> Result<Reader, String> {
    match text {
        "*" => Ok(Reader::Any),
        text => WebOrigin::parse(text).map(Reader::Site).map_err(|fault| fault.to_string()),
    }
}
