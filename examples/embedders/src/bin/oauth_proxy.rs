//! A login relay: clients that know only passwords use a provider that accepts only OAuth 2.0.
//!
//! The password that a client sends is the name of a file with an access token. The relay logs in to the provider with
//! this token, over TLS and with XOAUTH2 or OAUTHBEARER. From then on it forwards octets in both directions, and the
//! provider answers the client's commands.
//!
//! Another program must keep the tokens fresh. The relay reads the file at each login.

use core::error::Error;
use core::future::pending;
use core::net::SocketAddr;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use pop3_tokio::Stop;
use pop3_tokio::backend::{Admission, Backend, Context, LoginAttempt};
use pop3_tokio::client::{self, Retry};
use pop3_tokio::proto::server::{Extent, ServerConfig};
use pop3_tokio::proto::{Deletions, MessageNumber, Rejection};
use pop3_tokio::sasl::Secret;
use pop3_tokio::server::{Entrance, Peer, Service, SessionReport, TakenOver, Welcome};
use pop3_tokio::tls::Role;
use pop3_tokio::trust::Whom;
use pop3_tokio::{Builder, Client, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, split};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Arguments {
    /// The address to listen on. Passwords are accepted from this machine only.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The directory with one file for each token.
    #[arg(long)]
    tokens: PathBuf,
    /// A file with certificate authorities to trust in addition to the system's (PEM).
    #[arg(long)]
    roots: Option<PathBuf>,
    /// The provider's host.
    host: String,
    #[arg(long, default_value_t = 995)]
    port: u16,
}

struct Provider {
    /// Connects with TLS and verifies the certificate. It never sends a token otherwise.
    builder: Builder,
    tokens: PathBuf,
}

impl Provider {
    /// Reads the token in the file of this name.
    async fn token(&self, name: &[u8]) -> Result<Secret, Rejection> {
        // The name must not lead out of the directory.
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        let name = str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.bytes().all(is_plain));
        let path = self.tokens.join(name.ok_or_else(Rejection::credentials)?);
        let token = match tokio::fs::read(path).await {
            Ok(token) => Secret::new(token),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Rejection::credentials()),
            Err(_) => return Err(Rejection::temporary("the token can't be read")),
        };
        Ok(token.expose().trim_ascii().into())
    }

    /// Logs in to the provider, and returns the connection after its reply.
    async fn log_in(&self, user: &str, token: Secret) -> Result<Socket, client::ClientError> {
        self.builder.clone().login_with_token(user, token).connect().await?.into_transport().await
    }
}

/// Returns what the client is told if the login to the provider fails. The details are for the log.
fn refused(error: &client::ClientError) -> Rejection {
    eprintln!("the login to the provider failed: {}", pop3_tokio::reasons(error));
    match error.advice() {
        Retry::OtherCredentials => Rejection::credentials(),
        Retry::Now | Retry::Later => Rejection::temporary("the provider can't be reached"),
        Retry::Never | _ => Rejection::permanent("the provider can't be used"),
    }
}

struct Session {
    provider: Arc<Provider>,
    upstream: Option<Socket>,
}

impl Backend for Session {
    type Message = Cursor<Vec<u8>>;

    async fn authenticate(&mut self, attempt: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
        let (Ok(user), Some(password)) = (str::from_utf8(&attempt.name), attempt.password()) else {
            return Err(Rejection::credentials());
        };
        let token = self.provider.token(password.expose()).await?;
        self.upstream = Some(self.provider.log_in(user, token).await.map_err(|error| refused(&error))?);
        Ok(Admission::TakeOver)
    }

    // The driver itself serves no session, so it never makes these calls.

    async fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Self::Message, Rejection> {
        Err(Rejection::permanent("the mail is at the provider"))
    }

    async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
        deletions.len()
    }
}

struct Proxy {
    config: Arc<ServerConfig>,
    provider: Arc<Provider>,
}

impl Service for Proxy {
    type Backend = Session;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Session>, Rejection> {
        let session = Session { provider: Arc::clone(&self.provider), upstream: None };
        let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
        Ok(Welcome::new(Arc::clone(&self.config), session).with_trusted(trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        println!("session={} peer={peer} user={:?} ended={:?}", peer.session, report.user, report.close);
    }
}

/// Connects the two sessions after both logins, until the provider closes its side. The provider also decides how
/// long a client may be idle.
async fn relay(taken: TakenOver<Socket, Session>) -> io::Result<()> {
    let Some(upstream) = taken.backend.upstream else { return Ok(()) };
    let (from_client, mut to_client) = split(taken.transport);
    let (mut from_provider, mut to_provider) = split(upstream);
    to_client.write_all(b"+OK logged in\r\n").await?;
    to_client.flush().await?;
    // A client that does not wait for replies has already sent commands after its login. They come first.
    let mut from_client = taken.unread.as_slice().chain(from_client);
    let up = async {
        // When the client closes its side, tell the provider. The provider may still have replies to send.
        copy(&mut from_client, &mut to_provider).await?;
        to_provider.shutdown().await?;
        pending().await
    };
    let down = async {
        copy(&mut from_provider, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! { result = up => result, result = down => result }
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oauth_proxy: {}", pop3_tokio::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { listen, tokens, roots, host, port } = arguments;
    // The certificate authorities are read once, and not for each login.
    let config = Whom::new().with_ca_file(roots).config()?;
    let builder = Client::builder(&host).port(port).tls_config(config);
    let provider = Arc::new(Provider { builder, tokens });
    let service = Arc::new(Proxy { config: ServerConfig::default().into(), provider });
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    let take_over = async |taken: TakenOver<Socket, Session>| {
        let session = taken.peer.session;
        if let Err(error) = relay(taken).await {
            eprintln!("session={session} the relay broke off: {error}");
        }
    };
    pop3_tokio::serve_or_hand_over(listener, Entrance::Plain, Role::None, service, Stop::new(), take_over)
        .await;
    Ok(())
}
