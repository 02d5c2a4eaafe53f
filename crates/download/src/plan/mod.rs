//! Who fetches what: the next piece for each connection, and when there is none to open.
//!
//! Pure: time is an argument, counted from the beginning of the download, and so is chance. The
//! [`Plan`](plan::Plan) knows sources and connections by number only; what they are is
//! [`transfer`](crate::transfer)'s knowledge.
//!
//! - One connection at a time is *open*: it runs from the first gap towards its end. All others take
//!   pieces from the far end, as long as they deliver in some seconds, shorter towards the end of the
//!   file. So connections are used again, nothing is asked for twice, and a single source is asked once.
//! - When nothing is left to be given, whoever is free takes over what the slowest would need longest for:
//!   the download ends when all end, not at 99 %.
//! - A source that fails is left alone for a while, longer each time, and its piece is anybody's. One that
//!   stays far behind its peers loses what it holds.
//! - A further connection to a source is opened on trial, and kept only if all together became faster.

pub(crate) mod pieces;
pub(crate) mod planner;
pub(crate) mod ramp;
pub(crate) mod source;
pub(crate) mod task;
pub(crate) mod terms;
