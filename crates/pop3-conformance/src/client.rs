//! Scripts for clients: servers that do odd things on purpose, and what a client must make of them.
//!
//! A [`Stage`] listens; each client that connects meets the next script. What the client sends is
//! judged, as nothing else of it can be seen: a client that fetches all messages and deletes them shows
//! by its DELE that it believes to have a message, and by its QUIT that it believes to be in step. With a
//! command to run for each script its exit code is judged too.

mod mail;
mod mail_rows;
mod player;
mod script;
mod scripts;
mod session_rows;
mod stage;

pub use scripts::GROUPS;
pub use stage::Stage;
