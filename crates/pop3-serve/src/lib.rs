//! A POP3 server over Maildirs, with its users, its limits and its log.

mod announced;
mod brake;
mod certificate;
mod config;
mod delays;
mod descriptors;
mod error;
mod external;
mod gate;
mod guarded;
mod listeners;
#[cfg(feature = "log")]
pub mod log;
mod offer;
mod places;
mod policy;
mod server;
mod source;
mod store;
mod throttle;
mod tokens;
mod users;
mod workers;

pub use certificate::Certificate;
pub use config::{Config, Limits};
pub use descriptors::raise as raise_open_files;
pub use error::{Error, ErrorKind};
pub use listeners::Runtime;
pub use offer::Offer;
pub use pop3_driver::Stop;
pub use pop3_driver::server::Entrance;
pub use server::Server;
pub use tokens::TokenCommand;
pub use users::{SaltKey, Table, TableError, UserName, Users, parse_days};
