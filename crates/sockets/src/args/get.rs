//! `sockets get`

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use download::{Digest, Pattern, Url};
use message::field::range::Ranges;
use message::{Authority, HeaderName, HeaderValue};

use crate::args::units::{self, Pin};

/// More connections than this are an attack.
const CONNECTIONS_MAX: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Deeper than this nobody has files.
const DEPTH_MAX: NonZeroU32 = NonZeroU32::new(64).unwrap();

/// Downloads files.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  sockets get localhost:8000/index.html               saved as index.html
  sockets get http://example.org/big.iso -o /tmp/big.iso
  sockets get --proxy localhost:9000 localhost:8000/index.html
  sockets get --balancer localhost:8080 localhost:8000/index.html

  sockets get http://a.example/x.iso --mirror http://b.example/x.iso --checksum sha256=9f86d0...

  sockets get -i list.txt --dir files                 all that the list names
  sockets get -R http://a.example/pub/ --dir pub --include '*.iso'   a tree, by its listings
  sockets get -I localhost:8000/index.html            only what the server says of it

http_proxy and no_proxy of the environment are heeded; --proxy goes before them.
A file appears under its name only when it is whole. Until then it is NAME.part, with a journal beside it,
NAME.part.sockets: the same command goes on where the last one ended, also where it was killed.

Exit status:
  0  saved
  1  a fault of our own
  2  the command line can't be used as it is
  3  file: it exists, the disk is full, no permission
  4  network: no connection, too slow, cut short
  5  TLS
  6  user name and password wanted (401, 407)
  7  protocol: what came is not HTTP, or answers something else
  8  the server answered, and not with the file
  9  the file does not match its checksum
  130  interrupted")]
pub(crate) struct GetArgs {
    /// What to download; http:// may be left out
    #[arg(value_name = "URL", required_unless_present_any = ["input", "metalink"], value_parser = units::url)]
    pub(crate) urls: Vec<Url>,
    /// Download what this file lists, too: a URL per line, and behind it -o FILE, --dir DIR, --mirror URL or
    /// --checksum ALGO=HEX; - reads standard input
    #[arg(short = 'i', long, env = "SOCKETS_INPUT", value_name = "LIST")]
    pub(crate) input: Option<PathBuf>,
    /// Download what this metalink (RFC 5854) names, from everywhere and checked: a file, or a URL
    #[arg(long, env = "SOCKETS_METALINK", value_name = "FILE|URL")]
    pub(crate) metalink: Option<String>,
    /// Download what is beneath the URL, a directory whose listing the server shows, into --dir: only what is new
    /// or newer, unless --force or --no-clobber says otherwise
    #[arg(short = 'R', long, env = "SOCKETS_RECURSIVE", value_parser = FalseyValueParser::new(), conflicts_with_all = ["input", "metalink", "output", "checksum", "checksums", "head"])]
    pub(crate) recursive: bool,
    /// With -R: how many directories deep; 1 is the URL's own files only
    #[arg(long, env = "SOCKETS_DEPTH", value_name = "N", default_value = "16", value_parser = units::whole(NonZeroU32::MIN, DEPTH_MAX))]
    pub(crate) depth: NonZeroU32,
    /// With -R: only files that match one of these, such as '*.iso' or 'pool/**'; may be given several times
    #[arg(long, env = "SOCKETS_INCLUDE", value_name = "GLOB", value_delimiter = ' ', value_parser = units::pattern)]
    pub(crate) include: Vec<Pattern>,
    /// With -R: no files and directories that match one of these, such as '*.tmp' or 'old/'
    #[arg(long, env = "SOCKETS_EXCLUDE", value_name = "GLOB", value_delimiter = ' ', value_parser = units::pattern)]
    pub(crate) exclude: Vec<Pattern>,
    /// With -R: when all is there, remove from --dir what the listings don't name
    #[arg(long, env = "SOCKETS_DELETE", value_parser = FalseyValueParser::new(), requires = "recursive")]
    pub(crate) delete: bool,
    /// At most this many files at the same time
    #[arg(short = 'j', long, env = "SOCKETS_JOBS", value_name = "N", default_value = "64", value_parser = units::whole(NonZeroUsize::MIN, CONNECTIONS_MAX))]
    pub(crate) jobs: NonZeroUsize,
    /// Save as this file, whatever --dir says; - writes to standard output
    #[arg(short = 'o', long, env = "SOCKETS_OUTPUT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Save in this directory, under the name in the URL
    #[arg(long, env = "SOCKETS_DIR", default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Save under the name that the server gives (Content-Disposition), made safe; with a number if that is taken
    #[arg(long, env = "SOCKETS_CONTENT_DISPOSITION", value_parser = FalseyValueParser::new(), conflicts_with_all = ["output", "recursive", "head"])]
    pub(crate) content_disposition: bool,
    /// Only these bytes: FIRST-LAST, FIRST- or -LENGTH, counted from 0, such as 0-499 or -500
    #[arg(short = 'r', long, env = "SOCKETS_RANGE", value_name = "RANGE", value_parser = units::range, allow_hyphen_values = true, conflicts_with_all = ["checksum", "checksums", "metalink", "recursive", "newer", "head"])]
    pub(crate) range: Option<Ranges>,
    /// Let servers compress what they send (zstd, br, gzip), and save it uncompressed; over one connection then, and
    /// not to be gone on with
    #[arg(long, env = "SOCKETS_COMPRESSED", value_parser = FalseyValueParser::new(), conflicts_with = "range")]
    pub(crate) compressed: bool,
    /// For this host and port connect to these addresses, whatever its name means; may be given several times
    #[arg(long, env = "SOCKETS_RESOLVE", value_name = "HOST:PORT:ADDRESS[,ADDRESS]", value_delimiter = ' ', value_parser = units::pin)]
    pub(crate) resolve: Vec<Pin>,
    /// Connect by IPv4 only
    #[arg(short = '4', long, env = "SOCKETS_IPV4", value_parser = FalseyValueParser::new(), conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Connect by IPv6 only; by default both are tried, and the one that answers first is taken
    #[arg(short = '6', long, env = "SOCKETS_IPV6", value_parser = FalseyValueParser::new())]
    pub(crate) ipv6: bool,
    /// Ask this proxy
    #[arg(long, env = "SOCKETS_PROXY", value_name = "HOST:PORT", value_parser = units::place)]
    pub(crate) proxy: Option<Authority>,
    /// Ask this balancer for the file, and follow it to the server that it chooses
    #[arg(long, env = "SOCKETS_BALANCER", value_name = "HOST:PORT", value_parser = units::place)]
    pub(crate) balancer: Option<Authority>,
    /// Another place of the same file; may be given several times
    #[arg(long, env = "SOCKETS_MIRROR", value_name = "URL", value_parser = units::url, value_delimiter = ' ')]
    pub(crate) mirror: Vec<Url>,
    /// The digest that the file must have: md5, sha1, sha256 or sha512, and the digest in hexadecimal
    #[arg(long, env = "SOCKETS_CHECKSUM", value_name = "ALGO=HEX", value_parser = units::checksum)]
    pub(crate) checksum: Vec<Digest>,
    /// Take the digests from this list, such as SHA256SUMS or x.iso.sha256: a file, or a URL
    #[arg(long, env = "SOCKETS_CHECKSUMS", value_name = "FILE|URL")]
    pub(crate) checksums: Option<String>,
    /// At most this many connections
    #[arg(short = 'n', long, env = "SOCKETS_CONNECTIONS", value_name = "N", default_value = "16", value_parser = units::whole(NonZeroUsize::MIN, CONNECTIONS_MAX))]
    pub(crate) connections: NonZeroUsize,
    /// At most this many connections to one host and port
    #[arg(long, env = "SOCKETS_PER_SERVER", value_name = "N", default_value = "4", value_parser = units::whole(NonZeroUsize::MIN, CONNECTIONS_MAX))]
    pub(crate) per_server: NonZeroUsize,
    /// How often to try, when the network fails or the server is busy
    #[arg(long, env = "SOCKETS_TRIES", value_name = "N", default_value = "3", value_parser = units::whole(NonZeroU32::MIN, NonZeroU32::MAX))]
    pub(crate) tries: NonZeroU32,
    /// Give a try up when nothing has come for this long
    #[arg(long, env = "SOCKETS_STALL", value_name = "DURATION", default_value = "5s", value_parser = units::interval)]
    pub(crate) stall: Duration,
    /// Give a try up when no answer has come for this long, connecting included
    #[arg(long, env = "SOCKETS_ANSWER_WITHIN", value_name = "DURATION", default_value = "30s", value_parser = units::interval)]
    pub(crate) answer_within: Duration,
    /// Give everything up after this long
    #[arg(long, env = "SOCKETS_MAX_TIME", value_name = "DURATION", value_parser = units::interval)]
    pub(crate) max_time: Option<Duration>,
    /// Take no file that is larger
    #[arg(long, env = "SOCKETS_MAX_SIZE", value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_size: Option<u64>,
    /// Follow at most this many redirects for one answer
    #[arg(long, env = "SOCKETS_MAX_REDIRECTS", value_name = "N", default_value = "10", value_parser = units::whole(0_usize, 100))]
    pub(crate) max_redirects: usize,
    /// At most so many bytes a second, all together, such as 500k or 10Mi
    #[arg(long, env = "SOCKETS_LIMIT_RATE", value_name = "RATE", value_parser = units::size)]
    pub(crate) limit_rate: Option<u64>,
    /// A field for every request, such as 'Accept-Language: de'; may be given several times
    #[arg(short = 'H', long, env = "SOCKETS_HEADER", value_name = "NAME: VALUE", value_delimiter = '\n', value_parser = units::field)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// Name and password for the URL's own server, and for no other; without it ~/.netrc is looked into
    #[arg(long, env = "SOCKETS_USER", value_name = "NAME:PASSWORD")]
    pub(crate) user: Option<String>,
    /// Don't look into ~/.netrc
    #[arg(long, env = "SOCKETS_NO_NETRC", value_parser = FalseyValueParser::new())]
    pub(crate) no_netrc: bool,
    /// Who asks
    #[arg(short = 'A', long, env = "SOCKETS_USER_AGENT", value_name = "TEXT", value_parser = units::field_value)]
    pub(crate) user_agent: Option<HeaderValue>,
    /// Where the link was found
    #[arg(short = 'e', long, env = "SOCKETS_REFERER", value_name = "URL", value_parser = units::field_value)]
    pub(crate) referer: Option<HeaderValue>,
    /// Replace a file that exists
    #[arg(long, env = "SOCKETS_FORCE", value_parser = FalseyValueParser::new(), conflicts_with_all = ["newer", "no_clobber"])]
    pub(crate) force: bool,
    /// Replace a file that exists only by a newer one
    #[arg(short = 'N', long, alias = "timestamping", env = "SOCKETS_NEWER", value_parser = FalseyValueParser::new(), conflicts_with = "no_clobber")]
    pub(crate) newer: bool,
    /// Leave a file that exists alone, which is then no failure
    #[arg(long, env = "SOCKETS_NO_CLOBBER", value_parser = FalseyValueParser::new())]
    pub(crate) no_clobber: bool,
    /// Print the head of the answer, and download nothing
    #[arg(short = 'I', long, env = "SOCKETS_HEAD", value_parser = FalseyValueParser::new())]
    pub(crate) head: bool,
    /// Print what would be downloaded, from where and checked by what, and download nothing
    #[arg(long, env = "SOCKETS_PRINT_PLAN", value_parser = FalseyValueParser::new(), conflicts_with = "head")]
    pub(crate) print_plan: bool,
    /// Print what happens as JSON, an object per line, to standard output
    #[arg(long, env = "SOCKETS_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
    /// Show the heads of requests and answers
    #[arg(short, long, env = "SOCKETS_VERBOSE", value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,
    /// Say nothing but what went wrong
    #[arg(short, long, env = "SOCKETS_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
}
