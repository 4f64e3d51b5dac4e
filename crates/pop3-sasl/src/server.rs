//! The server side of an exchange.
//!
//! Create a [`ServerExchange`] for each `AUTH` command and pass it the decoded messages of the client. It does not
//! look up users. Instead, it asks the caller a [`Question`]: for stored keys, or whether a password, a digest, a
//! token or a certificate is right. It waits for the [`Decision`] as long as necessary. Only CRAM-MD5 needs the
//! password in clear text.

mod cram_md5;
mod exchange;
mod failure;
mod offer;
mod scram;
mod setup;
mod token;
mod token_refusal;
mod vocabulary;

pub use cram_md5::CramMd5;
pub use exchange::ServerExchange;
pub use failure::{ExchangeMisuse, Failure};
pub use offer::Offer;
pub use setup::ServerSetup;
pub use token_refusal::{TokenRefusal, TokenStatus};
pub use vocabulary::{Decision, ExchangeStep, Identity, Question};
