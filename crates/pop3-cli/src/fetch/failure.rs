//! What an error of a fetch means to the user: the exit code, and what to do.

use pop3_connect::Dial;
use pop3_fetch::{Error, ListingError};
use pop3_text::{Escaped, reasons};

use crate::exit::{Exit, Failure};

/// What the error means to the user, once there is a connection.
pub(super) fn failure(error: &Error, dial: &Dial) -> Failure {
    match error {
        Error::Client(error) => dial.explain(error).into(),
        Error::Listing(error) => listing(error, dial.place()),
        Error::OutOfStep(_) => Failure::new(Exit::Protocol, format!("{}: {error}", dial.place())),
        Error::Store(error) => {
            Failure::new(Exit::Partial, format!("{} (the rest stays on the server)", reasons(error)))
        }
        Error::Unusable(_) | Error::Running(_) | _ => unopened(error),
    }
}

/// What the error means to the user, as long as there is none.
pub(super) fn unopened(error: &Error) -> Failure {
    let exit = if matches!(error, Error::Running(_)) { Exit::Running } else { Exit::Usage };
    Failure::new(exit, reasons(error))
}

fn listing(error: &ListingError, place: &str) -> Failure {
    const UNTOUCHED: &str = "nothing was fetched or deleted";
    const BY_CONTENT: &str = "--recognise-by content does without, and fetches once more what is still there";
    match error {
        ListingError::NoUniqueIds { refusal, promised } => {
            let text = Escaped::new(&refusal.text);
            let (exit, advice) = if *promised {
                (Exit::TryLater, "try again later; if it never works, ")
            } else {
                (Exit::Protocol, "")
            };
            Failure::new(
                exit,
                format!(
                    "{place} refused UIDL, by which its messages are recognised: {text} ({UNTOUCHED}; {advice}{BY_CONTENT})"
                ),
            )
        }
        ListingError::NoSizes { refusal, promised } => {
            let text = Escaped::new(&refusal.text);
            let (exit, advice) = if *promised {
                (Exit::TryLater, "try again later")
            } else {
                (Exit::Protocol, "--max-size needs the sizes of the messages")
            };
            Failure::new(exit, format!("{place} refused LIST: {text} ({UNTOUCHED}; {advice})"))
        }
        ListingError::MissingUniqueIds { first, count } => Failure::new(
            Exit::Protocol,
            format!(
                "{place} gives no unique-id for {count} of its messages, the first being {first} ({UNTOUCHED}; try again later; if it is always so, {BY_CONTENT})"
            ),
        ),
        ListingError::TwoUniqueIds(number) => Failure::new(
            Exit::Protocol,
            format!(
                "{place} gives message {number} two unique-ids ({UNTOUCHED}; try again later; if it is always so, {BY_CONTENT})"
            ),
        ),
        ListingError::TooMany(count) => Failure::new(
            Exit::Protocol,
            format!("{place} says that it has {count} messages, and lists none ({UNTOUCHED})"),
        ),
        error => Failure::new(Exit::Protocol, format!("{place}: {error}")),
    }
}
