//! Errors with their causes.

/// An error and what caused it, in one line. What an error repeats of its cause is shown once.
///
/// The text is not [escaped](crate::Escaped).
#[must_use]
pub fn reasons(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors repeat their cause themselves.
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}
