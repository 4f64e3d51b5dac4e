//! Dialogues with the server: each recipient gets a reply of its own, and a message ends where all agree that it does.

mod endings;
mod replies;
mod support;
