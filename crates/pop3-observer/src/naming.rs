//! The name before the password, on both sides.

/// What the client has said of who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Nothing,
    User,
    /// A command other than PASS came behind USER.
    Interrupted,
    Refused,
}

/// Whether the server has a name that waits for its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    No,
    /// APOP was refused after USER was accepted. Only PASS has to use up the name, but a server may forget it.
    Perhaps,
    Yes,
}
