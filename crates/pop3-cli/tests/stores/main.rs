//! The commands that work on stores of maildrops: `pop3 deliver`, `pop3 store` and `pop3 user --store`.

#[cfg(feature = "tokio")]
mod database;
mod deliver;
#[cfg(feature = "tokio")]
mod lmtp;
mod moves;
mod support;
