//! The server's side with clients that do something wrong.

mod exchanges;
mod passwords;
mod scram;
mod support;
mod tokens;
