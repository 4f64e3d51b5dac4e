//! The server's side against clients that do wrong.

mod exchanges;
mod passwords;
mod scram;
mod support;
mod tokens;
