//! The value that a service attaches to a connection.

use core::any::Any;
use core::fmt;
use std::sync::Arc;

/// A value of any type, or none, that a service attaches to a connection as soon as it is accepted, for example to
/// count it. All clones share the value.
///
/// The driver drops it when the connection is closed, for whatever reason, before it calls
/// [`Service::ended`](super::Service::ended).
#[derive(Clone, Default)]
pub struct Place(Option<Arc<dyn Any + Send + Sync>>);

impl Place {
    /// Creates a place without a value.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Creates a place with this value.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(value: Arc<T>) -> Self {
        Self(Some(value))
    }

    /// Returns the value if there is one and it has this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.as_ref().and_then(|value| Arc::clone(value).downcast().ok())
    }
}

impl PartialEq for Place {
    /// Returns whether both share the same value, or have none.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(value), Some(other)) => Arc::ptr_eq(value, other),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Place(..)" } else { "Place(none)" })
    }
}
