//! The server's side of an exchange.
//!
//! [`ServerExchange`] is created for one `AUTH` command and is given what the client sends, already decoded.
//! It never looks a user up: it asks the caller ([`Question`]) for stored keys, or whether a
//! password, a digest, a token or a certificate is right, and waits for the [`Decision`], which may come
//! as late as it likes. The clear password is asked for by CRAM-MD5 only.

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
