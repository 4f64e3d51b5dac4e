//! The client side of an exchange.
//!
//! [`candidates`] selects which of the server's mechanisms to use. [`ClientExchange`] creates and processes the
//! messages. When the server announces success, call [`ClientExchange::finish`] before you rely on it.

mod choose;
mod credentials;
mod error;
mod exchange;
mod scram;
mod setup;

pub use choose::{MechanismPolicy, candidates, offers_plus};
pub use credentials::Credentials;
pub use error::{Denial, ExchangeError, Unusable};
pub use exchange::ClientExchange;
pub use setup::ClientSetup;
