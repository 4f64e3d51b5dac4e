//! What an error of a fetch means to the user: the exit code, and what to do.

use pop3_connect::Dial;
use pop3_fetch::{FetchError, ListingError};
use pop3_text::reasons;

use crate::exit::{Exit, Failure};

/// What the error means to the user, once there is a connection.
pub(super) fn failure(error: &FetchError, dial: &Dial) -> Failure {
    match error {
        FetchError::Client(error) => dial.explain(error).into(),
        FetchError::Listing(error) => listing(error, dial.place()),
        FetchError::OutOfStep(_) => Failure::new(Exit::Protocol, format!("{}: {error}", dial.place())),
        FetchError::Store(error) => {
            Failure::new(Exit::Partial, format!("{} (the rest stays on the server)", reasons(error)))
        }
        FetchError::Unusable(_) | FetchError::Running(_) | _ => unopened(error),
    }
}

/// What the error means to the user, as long as there is none.
pub(super) fn unopened(error: &FetchError) -> Failure {
    let exit = if matches!(error, FetchError::Running(_)) { Exit::Running } else { Exit::Usage };
    Failure::new(exit, reasons(error))
}

fn listing(error: &ListingError, place: &str) -> Failure {
    const BY_CONTENT: &str = "use --recognise-by content, which fetches the messages on the server once more";
    let passing = error.is_passing();
    let exit = if passing { Exit::TryLater } else { Exit::Protocol };
    let advice = match error {
        ListingError::NoUniqueIds { .. } if !passing => format!("; {BY_CONTENT}"),
        ListingError::NoUniqueIds { .. }
        | ListingError::MissingUniqueIds { .. }
        | ListingError::TwoUniqueIds(_) => format!("; try again later; if that never helps, {BY_CONTENT}"),
        ListingError::NoSizes { .. } if passing => "; try again later".to_owned(),
        ListingError::NoSizes { .. } => "; --max-size needs the sizes of the messages".to_owned(),
        ListingError::TooMany(_) | _ => String::new(),
    };
    Failure::new(exit, format!("{place}: {error}{advice}"))
}
