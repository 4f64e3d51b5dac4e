//! The steps of an exchange.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem;

use super::scram::{Proved, Started};
use super::{Credentials, Error, Setup, Unusable};
use crate::saslprep::Kind;
use crate::{Mechanism, Secret, cram_md5, text};

/// One exchange, from the first message to the server's verdict.
///
/// [`initial`](Self::initial) is what may go with the command; if it goes, take it with
/// [`take_initial`](Self::take_initial), or it is the answer to the server's first, empty challenge.
/// Each challenge goes to [`respond`](Self::respond). An error ends the exchange: cancel it with `*`.
/// When the server announces success, ask [`finish`](Self::finish), and close when that fails.
///
/// Whether the channel may carry a secret is not known here: see [`Policy`](super::Policy).
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    /// The first message of a mechanism where the client speaks first, until it is sent.
    first: Option<Secret>,
    state: State,
}

#[derive(Debug)]
enum State {
    LoginName {
        name: String,
        password: Secret,
    },
    LoginPassword {
        password: Secret,
    },
    CramMd5 {
        name: String,
        password: Secret,
    },
    ScramFirst(Box<Started>),
    ScramFinal(Proved),
    Token,
    TokenRefused(Vec<u8>),
    /// All is sent, or verified: the verdict is to come.
    Sent,
    Over,
}

/// The most octets of a challenge.
const MAX_CHALLENGE: usize = 8192;

impl Exchange {
    /// Makes the first message. For SCRAM the password is prepared here; what takes time is done when the
    /// salt comes, see [`respond`](Self::respond).
    ///
    /// # Errors
    /// When the credentials or the connection do not suit the mechanism, or it is not
    /// [available](Mechanism::is_available).
    pub fn new(mechanism: Mechanism, credentials: &Credentials, setup: &Setup) -> Result<Self, Unusable> {
        credentials.suit(mechanism)?;
        let (first, state) = match mechanism {
            Mechanism::Plain => (Some(plain(credentials)?), State::Sent),
            Mechanism::Login => {
                let name = credentials.typed_name()?.to_string();
                (None, State::LoginName { name, password: Secret::from(credentials.typed_password()?) })
            }
            Mechanism::CramMd5 => {
                let name = credentials.typed_name()?.to_string();
                let typed = credentials.typed_password()?;
                // By draft-ietf-sasl-crammd5; a password that can't be prepared goes as it is.
                let password = text::prepared(typed, Kind::Stored).unwrap_or_else(|| Secret::from(typed));
                (None, State::CramMd5 { name, password })
            }
            Mechanism::OAuthBearer => (Some(oauthbearer(credentials)?), State::Token),
            Mechanism::XOAuth2 => (Some(xoauth2(credentials)?), State::Token),
            Mechanism::External => {
                (Some(Secret::from(credentials.target()?.unwrap_or_default())), State::Sent)
            }
            Mechanism::Anonymous => {
                (Some(Secret::from(credentials.trace.as_deref().unwrap_or_default())), State::Sent)
            }
            Mechanism::ScramSha512Plus
            | Mechanism::ScramSha256Plus
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha512
            | Mechanism::ScramSha256
            | Mechanism::ScramSha1 => {
                let hash = mechanism.scram_hash().ok_or(Unusable::NoBinding)?;
                let (started, first) = Started::new(mechanism, hash, credentials, setup)?;
                (Some(first), State::ScramFirst(Box::new(started)))
            }
        };
        Ok(Self { mechanism, first, state })
    }

    /// Its mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The message that may go with the command, not yet encoded. `None` where the server speaks first,
    /// and after it was taken or sent. It may be empty, which is written `=` (RFC 5034 section 4).
    #[must_use]
    pub const fn initial(&self) -> Option<&Secret> {
        self.first.as_ref()
    }

    /// The same, and from now on it counts as sent.
    pub const fn take_initial(&mut self) -> Option<Secret> {
        self.first.take()
    }

    /// The answer to a challenge, both decoded.
    ///
    /// For SCRAM the answer to the first challenge takes as long as the server's number of iterations
    /// makes it: about 10 ms for each 10,000, which a busy event loop may want to spend elsewhere.
    ///
    /// # Errors
    /// When the server does not keep to the mechanism, or does not prove what it has to. The exchange is
    /// over then.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Secret, Error> {
        let state = mem::replace(&mut self.state, State::Over);
        if challenge.len() > MAX_CHALLENGE {
            return Err(Error::TooLong);
        }
        if let Some(first) = self.first.take() {
            if !challenge.is_empty() {
                return Err(Error::Malformed("the first challenge is not empty"));
            }
            self.state = state;
            return Ok(first);
        }
        let (state, response) = match state {
            // What the prompts say differs and is ignored: the first is for the name.
            State::LoginName { name, password } => (State::LoginPassword { password }, Secret::from(name)),
            State::LoginPassword { password } => (State::Sent, password),
            State::CramMd5 { name, password } => (State::Sent, named_digest(&name, &password, challenge)?),
            State::ScramFirst(started) => {
                let (proved, response) = started.prove(challenge)?;
                (State::ScramFinal(proved), response)
            }
            State::ScramFinal(proved) => {
                proved.verify(challenge)?;
                (State::Sent, Secret::default())
            }
            State::Token => {
                let dummy: &[u8] = if self.mechanism == Mechanism::OAuthBearer { b"\x01" } else { b"" };
                (State::TokenRefused(challenge.to_vec()), Secret::from(dummy))
            }
            State::TokenRefused(details) => {
                self.state = State::TokenRefused(details);
                return Err(Error::Unexpected);
            }
            State::Sent => return Err(Error::Unexpected),
            State::Over => return Err(Error::Over),
        };
        self.state = state;
        Ok(response)
    }

    /// Whether a success that the server announces is one (RFC 5034 section 4).
    ///
    /// # Errors
    /// When the server has not proved that it knows the user's keys, or can't have seen the credentials.
    /// Close the connection.
    pub const fn finish(&self) -> Result<(), Error> {
        if self.first.is_some() {
            return Err(Error::Premature);
        }
        match self.state {
            State::Sent | State::Token => Ok(()),
            State::ScramFirst(_) | State::ScramFinal(_) => Err(Error::NotVerified),
            State::LoginName { .. }
            | State::LoginPassword { .. }
            | State::CramMd5 { .. }
            | State::TokenRefused(_) => Err(Error::Premature),
            State::Over => Err(Error::Over),
        }
    }

    /// What the server said about the token that it refused: JSON, as it came (RFC 7628 section 3.2.2).
    /// At most 8,192 octets that may be anything.
    #[must_use]
    pub fn failure_details(&self) -> Option<&[u8]> {
        if let State::TokenRefused(details) = &self.state { Some(details) } else { None }
    }
}

fn plain(credentials: &Credentials) -> Result<Secret, Unusable> {
    Ok(Secret::join(&[
        credentials.typed_authorization()?.unwrap_or_default().as_bytes(),
        b"\0",
        credentials.typed_name()?.as_bytes(),
        b"\0",
        credentials.typed_password()?.as_bytes(),
    ]))
}

fn oauthbearer(credentials: &Credentials) -> Result<Secret, Unusable> {
    let name = credentials.target()?.map_or(String::new(), |name| alloc::format!("a={}", text::escape(name)));
    let endpoint = credentials
        .endpoint()?
        .map_or(String::new(), |(host, port)| alloc::format!("host={host}\x01port={port}\x01"));
    let token = credentials.token()?;
    let head = [b"n,", name.as_bytes(), b",\x01", endpoint.as_bytes(), b"auth=Bearer ", token, b"\x01\x01"];
    Ok(Secret::join(&head))
}

fn xoauth2(credentials: &Credentials) -> Result<Secret, Unusable> {
    let name = credentials.target()?.ok_or(Unusable::NoName)?;
    let token = credentials.token()?;
    Ok(Secret::join(&[b"user=", name.as_bytes(), b"\x01auth=Bearer ", token, b"\x01\x01"]))
}

/// The name, a space, and the digest in hexadecimal (RFC 2195 section 2).
fn named_digest(name: &str, password: &Secret, challenge: &[u8]) -> Result<Secret, Error> {
    let digits = |octet: &u8| [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16));
    // Without the feature `md5` an exchange does not get so far.
    let digest = cram_md5::digest(password.expose(), challenge).ok_or(Error::Unexpected)?;
    let digest: String = digest.expose().iter().flat_map(digits).flatten().collect();
    Ok(Secret::join(&[name.as_bytes(), b" ", digest.as_bytes()]))
}
