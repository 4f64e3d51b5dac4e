//! The builder of clients.

use pop3_builder::{Adapter, Over, Plan};
use pop3_driver::tls::TlsInfo;
use pop3_driver::wait;

use crate::calls::Client;
use crate::socket::Socket;
use crate::stream::Stream;
use crate::{ClientError, connect, connect_in_tls, connect_over};

/// The builder of clients; see [`Client::builder`].
pub type Builder = pop3_builder::Builder<Client>;

impl Client {
    /// Creates a builder for a client of this host, which is a DNS name or an IP address.
    /// A port may follow, as in `pop.example.org:1995` or `[::1]:1995`.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), pop3_std::ClientError> {
    /// use pop3_std::Client;
    ///
    /// let mut client = Client::builder("pop.example.org").login("mrose", "tanstaaf").connect()?;
    /// println!("{} messages", client.stat()?.messages);
    /// client.quit()
    /// # }
    /// ```
    pub fn builder(host: &str) -> Builder {
        Builder::new(host)
    }
}

impl Adapter for Client {
    type Connected = Result<Self, ClientError>;

    fn connect(plan: Plan) -> Result<Self, ClientError> {
        let plan = plan.prepare()?;
        let connecting = async { connect(plan.host(), plan.port(), plan.security(), plan.options()) };
        wait(plan.finish(connecting)).map(Self::from)
    }
}

impl<S: Stream> Over<S> for Client {
    type ConnectedOver = Result<Client<Socket<S>>, ClientError>;

    fn connect_over(stream: S, plan: Plan) -> Self::ConnectedOver {
        let plan = plan.prepare()?;
        let connecting = async { connect_over(stream, plan.security(), plan.options()) };
        wait(plan.finish(connecting)).map(Client::from)
    }

    fn connect_in_tls(stream: S, tls: Option<TlsInfo>, plan: Plan) -> Self::ConnectedOver {
        let plan = plan.prepare_in_tls()?;
        let connecting = async { connect_in_tls(stream, tls, plan.options()) };
        wait(plan.finish(connecting)).map(Client::from)
    }
}
