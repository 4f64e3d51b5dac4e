//! Creates a client from a transport: TLS and the greeting.

use core::time::Duration;
#[cfg(feature = "rustls")]
use std::io;

#[cfg(feature = "rustls")]
use pop3_proto::Command;
use pop3_proto::client::{ClientConfig, ClientConnection};
use pop3_proto::{Channel, Instant, Octets};

use super::sizes::Sizes;
use super::{Client, ClientError, Tracer};
use crate::buffer::{Output, ReadBuffer};
use crate::stop::Stop;
#[cfg(feature = "rustls")]
use crate::stop::unless;
#[cfg(feature = "rustls")]
use crate::tls::Connector;
use crate::tls::Role;
use crate::transport::Transport;

/// How a connection is protected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Security {
    /// TLS from the first octet: port 995 (RFC 8314 section 3.3). Needs the feature `rustls`.
    #[cfg(feature = "rustls")]
    Implicit(Connector),
    /// TLS with STLS before any other command: port 110 (RFC 2595 section 4). If the server refuses it, the
    /// connection fails. Needs the feature `rustls`.
    #[cfg(feature = "rustls")]
    StartTls(Connector),
    /// No TLS, but passwords are sent: for the loopback interface or a tunnel.
    TrustedPlaintext,
    /// No TLS. The client refuses to send a name, a password or a token.
    Plaintext,
}

/// The settings of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The protocol's settings. Default: lenient, pipelining.
    pub config: ClientConfig,
    /// How long connecting, the handshake and the greeting may take together. Default: 60 seconds.
    pub connect_timeout: Duration,
    /// A function that receives the dialogue, for a log. Default: none. With one, the client keeps the secrets of the
    /// login in memory until the connection ends, and masks them if the server repeats them
    /// ([`ClientConfig::keep_secrets`]).
    pub tracer: Option<Tracer>,
    /// Whether the client sends CAPA. Default: `true`. Without it, the client cannot choose a mechanism and does not
    /// pipeline. Disable it for old servers that close the connection after an unknown command.
    pub capabilities: bool,
    /// A switch that ends the session. Once it is stopped, [`Client::retr_all`] and [`Client::dele_all`] send no
    /// further commands, and the server has [`GRACE`] to answer the earlier ones. Then calls fail with
    /// [`ClientError::Stopped`]. A TLS handshake fails immediately. Default: none.
    pub stop: Option<Stop>,
    /// Whether PLAIN, XOAUTH2 and OAUTHBEARER send the password or token in the AUTH line (RFC 5034 section 4),
    /// which saves a round trip. Default: `false`. A server that does not support this refuses it, which looks like
    /// wrong credentials, or asks for the secret again.
    pub initial_response: bool,
    /// How long a call may wait for the rest of a dropped call. Default: 60 seconds. After that, the connection can
    /// no longer be used, and the call fails with [`ClientError::Interrupted`].
    pub drain_timeout: Duration,
    /// How many octets of messages [`Client::retr_all`] may request ahead, by the sizes that the server has listed. A
    /// message whose size is unknown counts as 64 KiB, and one message may always be requested. Default: 8 MiB.
    pub max_octets_expected: Octets,
}

/// The time that a [stopped](ClientOptions::stop) client has to wait for outstanding replies and to send further
/// commands, for example QUIT.
pub const GRACE: Duration = Duration::from_secs(3);

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: ClientConfig::default(),
            connect_timeout: Duration::from_secs(60),
            tracer: None,
            capabilities: true,
            stop: None,
            initial_response: false,
            drain_timeout: Duration::from_secs(60),
            max_octets_expected: 8 << 20,
        }
    }

    /// Sets [`config`](Self::config).
    #[must_use]
    pub fn with_config(self, config: ClientConfig) -> Self {
        Self { config, ..self }
    }

    /// Sets [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Sets [`capabilities`](Self::capabilities).
    #[must_use]
    pub fn with_capabilities(self, capabilities: bool) -> Self {
        Self { capabilities, ..self }
    }

    /// Sets [`stop`](Self::stop).
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Sets [`initial_response`](Self::initial_response).
    #[must_use]
    pub fn with_initial_response(self, initial_response: bool) -> Self {
        Self { initial_response, ..self }
    }

    /// Sets [`drain_timeout`](Self::drain_timeout).
    #[must_use]
    pub fn with_drain_timeout(self, drain_timeout: Duration) -> Self {
        Self { drain_timeout, ..self }
    }

    /// Sets [`max_octets_expected`](Self::max_octets_expected).
    #[must_use]
    pub fn with_max_octets_expected(self, max_octets_expected: Octets) -> Self {
        Self { max_octets_expected, ..self }
    }

    /// Sets [`tracer`](Self::tracer).
    #[must_use]
    pub fn with_tracer(self, tracer: Tracer) -> Self {
        Self { tracer: Some(tracer), ..self }
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Security {
    /// The side that a transport takes in the handshake.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            #[cfg(feature = "rustls")]
            Self::Implicit(connector) | Self::StartTls(connector) => Role::Client(connector.clone()),
            Self::TrustedPlaintext | Self::Plaintext => Role::None,
        }
    }
}

/// The maximum number of octets read at a time.
const BUFFER: usize = 64 * 1024;

impl<T: Transport> Client<T> {
    /// Creates a client from a connection that was just opened: starts TLS as requested and waits for the greeting,
    /// all before the deadline.
    ///
    /// Dropping the future closes the connection.
    ///
    /// If the transport is already in TLS, pass [`Security::Plaintext`]. The client then relies on the TLS of the
    /// transport and sends passwords.
    ///
    /// # Errors
    /// See [`ClientError`]. No name and no password was sent.
    pub async fn open(
        transport: T,
        security: &Security,
        options: ClientOptions,
        deadline: Instant,
    ) -> Result<Self, ClientError> {
        let (transport, channel) = match security {
            #[cfg(feature = "rustls")]
            Security::Implicit(_) => {
                (handshake(transport, deadline, options.stop.as_ref()).await?, Channel::Tls)
            }
            // The creator of the transport is responsible for its TLS.
            Security::TrustedPlaintext | Security::Plaintext if transport.is_tls() => {
                (transport, Channel::Tls)
            }
            #[cfg(feature = "rustls")]
            Security::StartTls(_) => (transport, Channel::Plaintext),
            Security::Plaintext => (transport, Channel::Plaintext),
            Security::TrustedPlaintext => (transport, Channel::TrustedPlaintext),
        };
        let now = transport.now();
        // The protocol crate reports what took too long, if it can.
        let mut config = options.config;
        config.greeting_timeout = config.greeting_timeout.min(deadline.since(now));
        let input = ReadBuffer::new(BUFFER.max(config.min_buffer()));
        config.keep_secrets |= options.tracer.is_some();
        let (strict, raw_credentials) = (config.strict, config.raw_credentials);
        let connection = ClientConnection::new(config, channel, now);
        let mut client = Self {
            transport,
            connection,
            input,
            input_ended: false,
            out: Output::with_capacity(1024),
            unflushed: false,
            greeting: Vec::new(),
            quirks: Vec::new(),
            tracer: options.tracer,
            taken: 0,
            held: Vec::new(),
            lost: false,
            draining: None,
            drain_timeout: options.drain_timeout,
            max_octets_expected: options.max_octets_expected,
            strict,
            raw_credentials,
            asks_capabilities: options.capabilities,
            without_capabilities: false,
            asked_logged_in: false,
            initial_response: options.initial_response,
            bound: false,
            login_method: None,
            max_iterations: pop3_sasl::scram::MAX_ITERATIONS,
            sizes: Sizes::default(),
            limit: Some(deadline),
            stop: options.stop,
            stopping: false,
        };
        if client.channel().is_tls() {
            client.trace_tls();
        }
        client.greet().await?;
        #[cfg(feature = "rustls")]
        if matches!(security, Security::StartTls(_)) {
            client = client.start_tls(deadline).await?;
        }
        client.limit = None;
        Ok(client)
    }

    #[cfg(feature = "rustls")]
    async fn start_tls(mut self, deadline: Instant) -> Result<Self, ClientError> {
        self.call(&Command::Stls, |_| Ok(())).await?;
        let size = self.input.size();
        self.transport = handshake(self.transport, deadline, self.stop.as_ref()).await?;
        // Discard what was received in clear text. The protocol crate has already refused anything after the reply.
        self.input = ReadBuffer::new(size);
        self.connection.tls_established(self.transport.now()).map_err(|_| ClientError::Internal)?;
        self.trace_tls();
        Ok(self)
    }
}

#[cfg(feature = "rustls")]
async fn handshake<T: Transport>(
    transport: T,
    deadline: Instant,
    stop: Option<&Stop>,
) -> Result<T, ClientError> {
    let secured = unless(stop, Box::pin(transport.secure(deadline))).await.ok_or(ClientError::Stopped)?;
    secured.map_err(|error| {
        // The switch has woken a blocking socket.
        if error.kind() == io::ErrorKind::Interrupted && stop.is_some_and(Stop::is_stopped) {
            ClientError::Stopped
        } else if error.kind() == io::ErrorKind::TimedOut {
            ClientError::Tls(io::Error::new(error.kind(), "the TLS handshake timed out"))
        } else if crate::tls::is_not_tls(&error) {
            ClientError::NotTls(error)
        } else {
            ClientError::Tls(error)
        }
    })
}
