//! What the public tests share: a store in memory, both roles driven by a virtual clock, and properties
//! that hold for any input. The fuzz targets use the same.
//!
//! Each file in `tests/tests` covers one behaviour. `// 1939-5.20` names the requirement that a test
//! checks: the RFC, the section, and a running number.

pub mod client;
pub mod credentials;
pub mod dialogue;
pub mod model;
pub mod observed;
pub mod pair;
pub mod properties;
pub mod sasl;
pub mod sasl_properties;
pub mod server;
pub mod split;
pub mod store;

/// The initial time of the virtual clock. It is not zero, so that it cannot be mistaken for "never".
pub const START: pop3_proto::Instant = pop3_proto::Instant::new(core::time::Duration::from_secs(1_000_000));

/// Settings that differ from the defaults, in the middle of an expression.
pub fn configured<T: Default>(change: impl FnOnce(&mut T)) -> T {
    let mut settings = T::default();
    change(&mut settings);
    settings
}

/// The README and the chapters of the book. Their code is compiled, and executed where possible.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[doc = include_str!("../../docs/client.md")]
    mod client {}
    #[doc = include_str!("../../docs/driving.md")]
    mod driving {}
    #[doc = include_str!("../../docs/backend.md")]
    mod backend {}
    #[doc = include_str!("../../docs/tls.md")]
    mod tls {}
    #[doc = include_str!("../../docs/migrating.md")]
    mod migrating {}
    #[doc = include_str!("../../docs/decisions/0020-one-builder.md")]
    mod one_builder {}
}
