//! Tests clients with scripted servers that deliberately do unusual things.
//!
//! A [`Stage`] listens. Each client that connects meets the next script. The verdict depends only on what the client
//! sends: a client that fetches and deletes all messages shows by DELE that it believes to have a message, and by
//! QUIT that it believes to be in step. If a command is run for each script, its exit code counts,
//! too.

mod mail;
mod mail_rows;
mod player;
mod script;
mod scripts;
mod session_rows;
mod stage;

pub use scripts::GROUPS;
pub use stage::Stage;
