//! The server core from outside: what it answers, stores, refuses and limits.

mod announced;
mod apop;
mod auth;
mod broken_messages;
mod capabilities;
mod deadlines;
mod declined;
mod deleting;
mod lang;
mod limits;
mod lines;
mod listings;
mod login;
mod messages;
mod misuse;
mod numbers;
mod properties;
mod sasl_frame;
mod stls;
mod utf8;
mod xclient;
