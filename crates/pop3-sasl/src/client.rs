//! The client's side of an exchange.
//!
//! [`candidates`] tells which of the server's mechanisms to use, [`ClientExchange`] makes the messages of one.
//! A success that the server announces counts only after [`ClientExchange::finish`] agrees.

mod choose;
mod credentials;
mod error;
mod exchange;
mod scram;
mod setup;

pub use choose::{Policy, candidates, offers_plus};
pub use credentials::Credentials;
pub use error::{Denial, ExchangeError, Unusable};
pub use exchange::ClientExchange;
pub use setup::ClientSetup;
