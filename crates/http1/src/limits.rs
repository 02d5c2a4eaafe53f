//! How much of a message is taken before it is refused.

/// The limits of one connection.
///
/// All of them are enforced as the bytes arrive: a line that is too long is refused before its end
/// has come, so no more of a message is ever held than these numbers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request target in bytes; a longer one is 414 (RFC 9112 §3).
    pub target_bytes: usize,
    /// Longest header section in bytes, with names, colons, line ends and the empty line that ends
    /// it; a longer one is 431 (RFC 6585 §5).
    pub field_bytes: usize,
    /// Most lines of a header section, and of a trailer section; more are 431. Numbers over
    /// [`FIELD_LINES_CEILING`] count as that.
    pub field_lines: usize,
    /// Longest content of a *request* in bytes; a longer one is 413 (RFC 9110 §15.5.14).
    /// `u64::MAX` stands for no limit.
    pub body_bytes: u64,
    /// Longest line of a chunk's size and extensions in bytes (RFC 9112 §7.1.1).
    pub chunk_line_bytes: usize,
    /// Longest trailer section in bytes, counted as `field_bytes` is.
    pub trailer_bytes: usize,
    /// Whether requests of HTTP/1.0 are taken; otherwise they are 505 (RFC 9110 §15.6.6). Responses
    /// of HTTP/1.0 are always taken.
    pub allow_http10: bool,
}

/// The most field lines that [`Limits::field_lines`] can allow: the map beneath has a size limit.
pub const FIELD_LINES_CEILING: usize = 4096;

/// Longest method in bytes; the longest in the registry, `BASELINE-CONTROL` and `UPDATEREDIRECTREF`,
/// have 16 and 17. RFC 9112 §3: a longer one than any that is implemented is 501.
pub(crate) const METHOD_BYTES_MAX: usize = 32;

/// Longest `HTTP/1.1` that is looked at to tell an unsupported version from none.
pub(crate) const VERSION_BYTES_MAX: usize = 16;

/// Longest status line in bytes.
pub(crate) const STATUS_LINE_BYTES_MAX: usize = 4096;

/// Most interim (1xx) responses before a final one.
pub(crate) const INTERIM_RESPONSES_MAX: usize = 32;

/// Bytes of chunk extensions that one message may have more than it has bytes of content.
pub(crate) const EXTENSION_BYTES_ALLOWANCE: u64 = 16 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes: 8 * 1024,
            field_bytes: 32 * 1024,
            field_lines: 100,
            body_bytes: u64::MAX,
            chunk_line_bytes: 1024,
            trailer_bytes: 8 * 1024,
            allow_http10: false,
        }
    }
}
