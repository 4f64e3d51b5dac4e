//! The steps of an exchange.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem;

use super::scram::{Proved, Started};
use super::{ClientSetup, Credentials, ExchangeError, Unusable};
use crate::saslprep::StringKind;
use crate::{Mechanism, Secret, cram_md5, text};

/// One exchange on the client, from the first message to the reply of the server (RFC 4422 section 3). The [crate]
/// has an example with SCRAM.
///
/// [`initial`](Self::initial) is the message that can be sent with the command. If you send it, take it with
/// [`take_initial`](Self::take_initial). Otherwise it answers the first, empty challenge of the server. Pass each
/// challenge to [`respond`](Self::respond). An error ends the exchange: cancel it with `*`. When the server
/// announces success, call [`finish`](Self::finish), and close the connection if it fails.
///
/// The exchange does not check whether the connection may carry a secret: see [`MechanismPolicy`](super::MechanismPolicy).
///
/// ```
/// use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
/// use pop3_sasl::{Mechanism, Nonce};
///
/// let fred = Credentials::new("fred").with_password("secret");
/// // Take the octets of the nonce from a random source.
/// let setup = ClientSetup::new(Nonce::from_random([1; 18]));
/// let mut exchange = ClientExchange::new(Mechanism::Plain, &fred, &setup)?;
///
/// // Send `AUTH PLAIN AGZyZWQAc2VjcmV0`.
/// let initial = exchange.take_initial().ok_or("the server speaks first")?;
/// assert_eq!(initial.expose(), b"\0fred\0secret");
///
/// // The server replied `+OK`.
/// exchange.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientExchange {
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

impl ClientExchange {
    /// Creates an exchange and its first message. For SCRAM, this also prepares the password. The slow computation
    /// follows in [`respond`](Self::respond), when the salt is known.
    ///
    /// # Errors
    /// Returns an error if the credentials or the connection do not suit the mechanism, or if it is not
    /// [available](Mechanism::is_available).
    pub fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        setup: &ClientSetup,
    ) -> Result<Self, Unusable> {
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
                // As in draft-ietf-sasl-crammd5. A password that SASLprep rejects is used unchanged.
                let password =
                    text::prepared(typed, StringKind::Stored).unwrap_or_else(|| Secret::from(typed));
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

    /// Returns the mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Returns the message that can be sent with the command, not yet encoded. Returns `None` if the server speaks
    /// first, or if the message was already taken or sent. An empty message is written as `=` (RFC 5034 section 4).
    #[must_use]
    pub const fn initial(&self) -> Option<&Secret> {
        self.first.as_ref()
    }

    /// Returns the same message as [`initial`](Self::initial) and marks it as sent.
    pub const fn take_initial(&mut self) -> Option<Secret> {
        self.first.take()
    }

    /// Returns the response to a challenge. Both are without base64.
    ///
    /// With SCRAM, the response to the first challenge takes time, depending on the iterations of the server: about
    /// 10 ms for each 10,000. In an event loop, compute it on another thread.
    ///
    /// # Errors
    /// Returns an error if the server violates the mechanism or does not prove what it must. The exchange is then
    /// over.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Secret, ExchangeError> {
        let state = mem::replace(&mut self.state, State::Over);
        if challenge.len() > MAX_CHALLENGE {
            return Err(ExchangeError::TooLong);
        }
        if let Some(first) = self.first.take() {
            if !challenge.is_empty() {
                return Err(ExchangeError::Malformed("the first challenge is not empty"));
            }
            self.state = state;
            return Ok(first);
        }
        let (state, response) = match state {
            // The texts of the prompts vary and are ignored. The first one asks for the name.
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
                return Err(ExchangeError::Unexpected);
            }
            State::Sent => return Err(ExchangeError::Unexpected),
            State::Over => return Err(ExchangeError::Over),
        };
        self.state = state;
        Ok(response)
    }

    /// Checks whether a success that the server announced can be believed (RFC 5034 section 4).
    ///
    /// # Errors
    /// Returns an error if the server has not proved that it knows the keys of the user, or cannot have seen the
    /// credentials. Close the connection.
    pub const fn finish(&self) -> Result<(), ExchangeError> {
        if self.first.is_some() {
            return Err(ExchangeError::Premature);
        }
        match self.state {
            State::Sent | State::Token => Ok(()),
            State::ScramFirst(_) | State::ScramFinal(_) => Err(ExchangeError::NotVerified),
            State::LoginName { .. }
            | State::LoginPassword { .. }
            | State::CramMd5 { .. }
            | State::TokenRefused(_) => Err(ExchangeError::Premature),
            State::Over => Err(ExchangeError::Over),
        }
    }

    /// Returns the server's explanation for refusing the token: unchecked JSON of at most 8,192 octets (RFC 7628
    /// section 3.2.2).
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
fn named_digest(name: &str, password: &Secret, challenge: &[u8]) -> Result<Secret, ExchangeError> {
    let digits = |octet: &u8| [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16));
    // Without the feature `md5` an exchange does not get so far.
    let digest = cram_md5::digest(password.expose(), challenge).ok_or(ExchangeError::Unexpected)?;
    let digest: String = digest.expose().iter().flat_map(digits).flatten().collect();
    Ok(Secret::join(&[name.as_bytes(), b" ", digest.as_bytes()]))
}
