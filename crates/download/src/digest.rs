//! Digests that a file must have, and how they are computed.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use message::field::digest::{CONTENT_DIGEST, DigestAlgorithm, REPR_DIGEST, ReprDigest};
use message::{Fields, HeaderName, HeaderValue, StatusCode};
use sha2::digest::DynDigest;

use crate::journal::from_hex;

/// How much of a file is hashed at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// The field of RFC 3230, which RFC 9530 made obsolete.
const DIGEST: HeaderName = HeaderName::from_static("digest");

/// By what a digest is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5: tells accidents, not attacks.
    Md5,
    /// SHA-1: tells accidents, not attacks.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What a file, or a piece of one, must hash to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

/// A digest on its way.
pub(crate) struct Hasher {
    algorithm: Algorithm,
    state: Box<dyn DynDigest + Send>,
}

impl Algorithm {
    /// The algorithm of that name, as people, RFC 9530 and metalinks (RFC 5854) write it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "md5" => Some(Self::Md5),
            "sha" | "sha1" | "sha-1" => Some(Self::Sha1),
            "sha256" | "sha-256" => Some(Self::Sha256),
            "sha512" | "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl Digest {
    /// A digest in hexadecimal; `None` if it does not have its algorithm's length.
    #[must_use]
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        Self::of_bytes(algorithm, from_hex(text)?)
    }

    fn of_bytes(algorithm: Algorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.length()).then_some(Self { algorithm, bytes })
    }

    /// `sha256=HEX`, as `--checksum` takes it; also `sha256:HEX`, and HEX alone, of which the length tells
    /// the algorithm.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((name, hex)) = text.split_once(['=', ':']) {
            return Self::from_hex(Algorithm::parse(name)?, hex);
        }
        let all = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        let algorithm = all.into_iter().find(|algorithm| algorithm.length() * 2 == text.len())?;
        Self::from_hex(algorithm, text)
    }

    /// By what it is computed.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest for the file `name` in the text of a list such as `SHA256SUMS` or `x.iso.sha256`. A list
    /// of one digest without a name is of that file.
    #[must_use]
    pub fn in_list(text: &str, name: &str) -> Option<Self> {
        let lines = || text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let mut alone = None;
        for line in lines() {
            match parse_sum(line.trim())? {
                (digest, Some(named)) if named.rsplit('/').next() == Some(name) => return Some(digest),
                (_, Some(_)) => {}
                (digest, None) => alone = Some(digest),
            }
        }
        alone.filter(|_| lines().count() == 1)
    }

    /// Whether `file`, from its start and `length` bytes long, has this digest. Reads all of it.
    pub(crate) fn is_of(&self, file: &File, start: u64, length: u64) -> io::Result<bool> {
        let mut hasher = Hasher::new(self.algorithm);
        let mut block = vec![0; BLOCK];
        let (mut at, end) = (start, start.saturating_add(length));
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
            let read = file.read_at(block.get_mut(..want).unwrap_or_default(), at)?;
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut short"));
            }
            hasher.update(block.get(..read).unwrap_or_default());
            at = at.saturating_add(u64::try_from(read).unwrap_or_default());
        }
        Ok(hasher.finish() == *self)
    }
}

/// One line of a list: `HEX  name`, `HEX *name`, BSD's `SHA256 (name) = HEX`, or HEX alone.
fn parse_sum(line: &str) -> Option<(Digest, Option<&str>)> {
    if let Some((head, hex)) = line.rsplit_once(") = ")
        && let Some((algorithm, name)) = head.split_once(" (")
    {
        return Some((Digest::from_hex(Algorithm::parse(algorithm)?, hex)?, Some(name)));
    }
    match line.split_once([' ', '\t']) {
        Some((hex, name)) => Some((Digest::parse(hex)?, Some(name.trim_start().trim_start_matches('*')))),
        None => Some((Digest::parse(line)?, None)),
    }
}

/// The digests that a response says the whole file has: `Repr-Digest` (RFC 9530 §3); `Content-Digest` and
/// the old `Digest` where the content is the whole representation. Insecure algorithms are left out: a
/// server has nothing to gain by them, and a wrong one would refuse a good file.
pub(crate) fn told(fields: &Fields, status: StatusCode) -> Vec<Digest> {
    let mut digests = of_dictionary(&ReprDigest::of(fields));
    if digests.is_empty() && status == StatusCode::OK {
        let mut renamed = Fields::new();
        for line in fields.lines(&CONTENT_DIGEST) {
            renamed.append(REPR_DIGEST, line.clone());
        }
        digests = of_dictionary(&ReprDigest::of(&renamed));
    }
    if digests.is_empty() && status == StatusCode::OK {
        digests = fields.lines(&DIGEST).flat_map(of_rfc_3230).collect();
    }
    digests
}

/// The digests that `Repr-Digest` says, the strongest first.
pub(crate) fn of_dictionary(told: &ReprDigest) -> Vec<Digest> {
    let pairs = [(DigestAlgorithm::Sha512, Algorithm::Sha512), (DigestAlgorithm::Sha256, Algorithm::Sha256)];
    let found = pairs.into_iter().filter_map(|(key, algorithm)| Some((algorithm, told.get(key)?.to_vec())));
    found.filter_map(|(algorithm, bytes)| Digest::of_bytes(algorithm, bytes)).collect()
}

/// `SHA-256=base64, ...` (RFC 3230 §4.3.2).
fn of_rfc_3230(line: &HeaderValue) -> Vec<Digest> {
    let members = line.to_str().unwrap_or_default().split(',').filter_map(|member| {
        let (name, value) = member.trim().split_once('=')?;
        let algorithm = Algorithm::parse(name)?;
        let secure = matches!(algorithm, Algorithm::Sha256 | Algorithm::Sha512);
        Digest::of_bytes(algorithm, STANDARD.decode(value).ok()?).filter(|_| secure)
    });
    members.collect()
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let state: Box<dyn DynDigest + Send> = match algorithm {
            Algorithm::Md5 => Box::new(md5::Md5::default()),
            Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
            Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
            Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
        };
        Self { algorithm, state }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest { algorithm: self.algorithm, bytes: self.state.finalize().into_vec() }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm).finish()
    }
}

/// `sha256=HEX`
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.algorithm.name())?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const OF_ABC_64: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[test]
    fn known_answers_fips_180_4() {
        for (algorithm, hex) in [
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha256, OF_ABC),
        ] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), Digest::parse(hex).unwrap());
        }
    }

    #[test]
    fn people_write_digests_in_many_ways() {
        for text in
            [format!("sha256={OF_ABC}"), format!("SHA-256:{}", OF_ABC.to_uppercase()), OF_ABC.to_owned()]
        {
            assert_eq!(Digest::parse(&text).unwrap().to_string(), format!("sha256={OF_ABC}"));
        }
        for text in ["", "sha256=", "sha256=ab", "crc=00", &format!("sha512={OF_ABC}"), "zz"] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_tells_the_digest_of_each_name() {
        let other = OF_ABC.replace('b', "c");
        for list in [
            format!("# made today\n{other}  y\n{OF_ABC}  x\n"),
            format!("{OF_ABC} *x"),
            format!("{other}  y\n{OF_ABC}  ./dir/x"),
            format!("SHA256 (y) = {other}\nSHA256 (x) = {OF_ABC}\n"),
            format!("{OF_ABC}\n"),
        ] {
            assert_eq!(Digest::in_list(&list, "x"), Digest::parse(OF_ABC), "{list}");
        }
        for list in [String::new(), format!("{OF_ABC}  y"), format!("{OF_ABC}\n{OF_ABC}\n"), "<html>".into()]
        {
            assert_eq!(Digest::in_list(&list, "x"), None, "{list}");
        }
    }

    #[test]
    fn responses_tell_digests_old_and_new_9530() {
        let told_by = |name: &'static str, value: &str, status| {
            let mut fields = Fields::new();
            fields.set(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            told(&fields, status)
        };
        let abc = vec![Digest::parse(OF_ABC).unwrap()];
        let new = format!("sha-256=:{OF_ABC_64}:");
        let old = format!("MD5=kAFQmDzST7DWlj99KOF/cg==, SHA-256={OF_ABC_64}");
        for (name, value, status, expected) in [
            ("repr-digest", &new, StatusCode::OK, abc.clone()),
            ("repr-digest", &new, StatusCode::PARTIAL_CONTENT, abc.clone()),
            ("content-digest", &new, StatusCode::OK, abc.clone()),
            ("content-digest", &new, StatusCode::PARTIAL_CONTENT, vec![]),
            ("digest", &old, StatusCode::OK, abc),
            ("digest", &old, StatusCode::PARTIAL_CONTENT, vec![]),
        ] {
            assert_eq!(told_by(name, value, status), expected, "{name} {status}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_end_and_no_further() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"xabcx").unwrap();
        let digest = Digest::parse(OF_ABC).unwrap();
        assert!(digest.is_of(&file, 1, 3).unwrap() && !digest.is_of(&file, 0, 3).unwrap());
        assert!(digest.is_of(&file, 1, 9).is_err());
    }
}
