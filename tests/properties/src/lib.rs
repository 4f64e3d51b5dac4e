//! What holds for any octets, for every part that reads octets from others. Each property is a function that panics if
//! it does not hold. `fuzz/` looks for octets for which one does not, and the test `seeds` runs them on the octets that
//! were found so far.
//!
//! The properties of the core are in `pop3_tests::properties`.

mod maildir;
mod memory_disk;
mod proxy;
mod recordings;
mod sasl;
mod saslprep;
mod state;
mod surrogate;
mod text;
mod uid_lists;
mod url;
mod users;

pub use maildir::maildir;
pub use proxy::proxy;
pub use recordings::{capture, transcript};
pub use sasl::{sasl_client, sasl_server};
pub use saslprep::saslprep;
pub use state::{notes, state_file};
pub use surrogate::surrogates;
pub use text::text;
pub use uid_lists::uid_lists;
pub use url::url;
pub use users::users;

use pop3_tests::properties;

/// A property.
pub type Property = fn(&[u8]);

/// All properties by the names of their fuzz targets.
pub const TARGETS: [(&str, Property); 25] = [
    ("capability", properties::capability),
    ("capture", capture),
    ("client", properties::client),
    ("command", properties::command),
    ("dots", properties::dots_at),
    ("listing", properties::listing),
    ("maildir", maildir),
    ("network", properties::network),
    ("notes", notes),
    ("observer", properties::observer),
    ("proxy", proxy),
    ("reply", properties::reply),
    ("sasl_client", sasl_client),
    ("sasl_server", sasl_server),
    ("saslprep", saslprep),
    ("server", properties::server),
    ("session", properties::session),
    ("state_file", state_file),
    ("surrogate", surrogates),
    ("text", text),
    ("transcript", transcript),
    ("uid_lists", uid_lists),
    ("url", url),
    ("users", users),
    ("words", properties::words),
];
