//! Where clients are, by databases that the user provides (`MaxMind` DB 2.0). Pure: what was read is handed in.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader};

use crate::replica::Country;

/// Where the number of an autonomous system stands.
const SYSTEM: [PathElement<'_>; 1] = [PathElement::Key("autonomous_system_number")];

type Found<'a> = LookupResult<'a, Vec<u8>>;

/// Most bytes of a database.
pub const DATABASE_BYTES_MAX: u64 = 1 << 30;

/// Databases by which it is found out where a client is. Cheap to clone.
///
/// What the first of them doesn't know the next is asked: countries and autonomous systems come in two files.
#[derive(Clone, Default)]
pub struct Geography(Arc<[Arc<Reader<Vec<u8>>>]>);

/// Where somebody is, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// In which country.
    pub country: Option<Country>,
    /// On which continent: two letters, such as `eu`.
    pub continent: Option<Country>,
    /// In which autonomous system (RFC 4271 §1.1).
    pub asn: Option<u32>,
}

/// Why bytes are no database.
#[derive(Debug, thiserror::Error)]
#[error("this is no database of places (MaxMind DB): {0}")]
pub struct GeographyFault(#[from] MaxMindDbError);

impl Geography {
    /// These and one more database, as it was read.
    ///
    /// # Errors
    /// If it is none.
    pub fn with(&self, database: Vec<u8>) -> Result<Self, GeographyFault> {
        let one_more = Arc::new(Reader::from_source(database)?);
        Ok(Self(self.0.iter().cloned().chain([one_more]).collect()))
    }

    /// Whether nothing is known of anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where `address` is.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Whereabouts {
        Whereabouts {
            country: self.letters(address, &["country", "iso_code"]),
            continent: self.letters(address, &["continent", "code"]),
            asn: self.find(address, |found| found.decode_path(&SYSTEM).ok()?),
        }
    }

    fn letters(&self, address: IpAddr, path: &[&'static str; 2]) -> Option<Country> {
        let path = path.map(PathElement::Key);
        self.find(address, |found| Country::parse(found.decode_path(&path).ok()??))
    }

    /// What the first database has that has it. One that is broken there has nothing.
    fn find<T>(&self, address: IpAddr, read: impl Fn(Found<'_>) -> Option<T>) -> Option<T> {
        let address = address.to_canonical();
        self.0.iter().find_map(|reader| read(reader.lookup(address).ok()?))
    }
}

impl fmt::Debug for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Geography({})", self.0.len())
    }
}

impl PartialEq for Geography {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::places::{Spot, database};

    fn of(geography: &Geography, address: &str) -> (Option<String>, Option<String>, Option<u32>) {
        let Whereabouts { country, continent, asn } = geography.of(address.parse().unwrap());
        (country.map(|c| c.to_string()), continent.map(|c| c.to_string()), asn)
    }

    #[test]
    fn where_somebody_is_is_known_of_all_databases_together() {
        let places = database(&[
            ("192.0.2.0/24", Spot::place("DE", "EU")),
            ("198.51.100.0/25", Spot::place("US", "NA")),
            ("2001:db8::/32", Spot::place("JP", "AS")),
        ]);
        let systems =
            database(&[("192.0.2.0/25", Spot::system(64_496)), ("2001:db8:1::/48", Spot::system(64_511))]);
        let geography = Geography::default().with(places).unwrap().with(systems).unwrap();
        let known = |country: &str, continent: &str, asn| (Some(country.into()), Some(continent.into()), asn);
        for (address, expected) in [
            ("192.0.2.1", known("de", "eu", Some(64_496))),
            ("::ffff:192.0.2.1", known("de", "eu", Some(64_496))),
            ("192.0.2.200", known("de", "eu", None)),
            ("198.51.100.127", known("us", "na", None)),
            ("198.51.100.128", (None, None, None)),
            ("2001:db8:1::7", known("jp", "as", Some(64_511))),
            ("2001:db9::", (None, None, None)),
        ] {
            assert_eq!(of(&geography, address), expected, "{address}");
        }
        assert_eq!(of(&Geography::default(), "192.0.2.1"), (None, None, None));
    }

    #[test]
    fn what_is_no_database_is_refused_and_a_broken_one_knows_nothing() {
        for bytes in [&b""[..], b"<html>", &[0; 100]] {
            let fault = Geography::default().with(bytes.to_vec()).unwrap_err();
            assert!(fault.to_string().contains("MaxMind DB"), "{fault}");
        }
        let good = database(&[("192.0.2.0/24", Spot::place("DE", "EU"))]);
        let mut known = 0;
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x55;
            if let Ok(geography) = Geography::default().with(bad) {
                known += usize::from(geography.of("192.0.2.1".parse().unwrap()) != Whereabouts::default());
            }
        }
        assert!(known > 0 && known < good.len(), "{known} of {}", good.len());
    }
}
