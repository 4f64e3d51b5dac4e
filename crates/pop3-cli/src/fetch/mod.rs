//! `pop3 fetch`.

pub(crate) mod inbox;
pub(crate) mod plan;
pub(crate) mod state;

#[cfg(test)]
mod interrupted;
