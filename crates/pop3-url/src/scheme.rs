//! The schemes of POP URLs.

/// The scheme of a [`Url`](crate::Url), which determines how the connection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `pop://` (RFC 2384): plain TCP first, port 110.
    Pop,
    /// `pop3://`: the same as `pop://`, under the name that curl and others use.
    Pop3,
    /// `pops://`: TLS from the first octet, port 995. It is in common use, but not in an RFC.
    Pops,
    /// `pop3s://`: the same as `pops://`, under the name that curl and others use.
    Pop3s,
}

impl Scheme {
    /// Returns whether the connection uses TLS from the first octet.
    #[must_use]
    pub const fn implicit_tls(self) -> bool {
        matches!(self, Self::Pops | Self::Pop3s)
    }

    /// Returns the default port: 110, or 995 with implicit TLS.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        if self.implicit_tls() { 995 } else { 110 }
    }

    /// Returns the name of the scheme, without `://`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pop => "pop",
            Self::Pop3 => "pop3",
            Self::Pops => "pops",
            Self::Pop3s => "pop3s",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Pop, Self::Pop3, Self::Pops, Self::Pop3s]
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }
}
