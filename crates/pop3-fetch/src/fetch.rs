//! One run: from the listing to QUIT.

mod catalogue;
mod chunk;
#[cfg(test)]
mod found;
#[cfg(test)]
mod grouped;
mod inbox;
#[cfg(test)]
mod interrupted;
mod lent;
mod listing;
#[cfg(test)]
mod panicked;
mod place;
mod plan;
mod publishing;
mod reception;
#[cfg(test)]
mod resumed;
mod session;
mod shelf;
mod state;
mod storing;

pub use session::Fetch;
pub use state::{account, default_path as default_state};
