//! Where one direction of a connection is, and where it can go from there.
//!
//! The same table serves both directions and both sides. What is not in the table can't happen: in
//! what we receive it would be a fault of this crate, in what we send it is one of our caller's.

/// Where one direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Before a message, or within its head.
    Start,
    /// After a head that has content after it.
    Body,
    /// After the exact end of a message.
    Complete,
    /// The other side has closed, between two messages.
    Closed,
    /// Something was wrong; nothing more is interpreted, or sent.
    Broken,
}

/// What happens in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The head of an interim (1xx) response.
    Interim,
    /// The head of a message with content.
    Head,
    /// A head that is the whole message.
    Whole,
    /// A piece of content.
    Data,
    /// The end of the content.
    End,
    /// Both directions go on to the next exchange (RFC 9112 §9.3).
    Turn,
    /// The other side closes its direction.
    Close,
    /// Something is wrong.
    Fail,
}

impl State {
    /// Where `step` leads; `None` if it can't happen here.
    pub(crate) fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (_, Step::Fail) => Some(Self::Broken),
            (Self::Start, Step::Interim) | (Self::Complete, Step::Turn) => Some(Self::Start),
            (Self::Start, Step::Head) | (Self::Body, Step::Data) => Some(Self::Body),
            (Self::Start, Step::Whole) | (Self::Body, Step::End) => Some(Self::Complete),
            (Self::Start, Step::Close) => Some(Self::Closed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Step};

    const STATES: [State; 5] = [State::Start, State::Body, State::Complete, State::Closed, State::Broken];

    #[test]
    fn the_table_is_this_and_nothing_else() {
        use State::{Body, Broken, Closed, Complete, Start};
        let some = Some(Broken);
        // From:            Start           Body            Complete     Closed  Broken
        let table = [
            (Step::Interim, [Some(Start), None, None, None, None]),
            (Step::Head, [Some(Body), None, None, None, None]),
            (Step::Whole, [Some(Complete), None, None, None, None]),
            (Step::Data, [None, Some(Body), None, None, None]),
            (Step::End, [None, Some(Complete), None, None, None]),
            (Step::Turn, [None, None, Some(Start), None, None]),
            (Step::Close, [Some(Closed), None, None, None, None]),
            (Step::Fail, [some, some, some, some, some]),
        ];
        for (step, expected) in table {
            let found = STATES.map(|state| state.after(step));
            assert_eq!(found, expected, "{step:?}");
        }
    }

    #[test]
    fn nothing_leads_out_of_broken() {
        for step in [Step::Interim, Step::Head, Step::Whole, Step::Data, Step::End, Step::Turn, Step::Close] {
            assert_eq!(State::Broken.after(step), None);
        }
    }
}
