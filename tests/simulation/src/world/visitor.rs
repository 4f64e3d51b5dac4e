//! A client that looks at all that a server has, and removes nothing. It sees in which ways the server is odd.

use std::sync::Arc;

use pop3_driver::Transport as _;
use pop3_driver::client::{Client, ClientError, ClientOptions, LoginPolicy};
use pop3_proto::{Command, LanguageRange, MessageNumber, Quirk};

use super::{Oddity, World};
use crate::network::Socket;
use crate::process::Alive;

/// The last octet of its address.
const VISITOR: u8 = 40;

impl World {
    /// Visits a server that departs from the protocol, until the chaos is over.
    pub(super) async fn visit(self: &Arc<Self>) {
        for visit in 1..=3 {
            if self.plan.oddities.is_empty() {
                return;
            }
            self.sim.sleep_until(self.plan.chaos * visit / 3).await;
            let socket = self.network.connect(VISITOR, self.plan.port(), &Alive::always()).await;
            let Ok(socket) = socket else { continue };
            let options = ClientOptions::new();
            let deadline = socket.now().after(options.connect_timeout);
            let client = Client::open(socket, &self.plan.security(), options, deadline).await;
            match client {
                Ok(mut client) => {
                    let seen = self.look_around(&mut client).await;
                    self.sim.say(format_args!("visitor: {seen:?}, quirks: {:?}", client.quirks()));
                    self.seen(client.quirks());
                    // What is retrieved would be removed. The reply to QUIT is the last thing that a client reads, and
                    // its quirk is told to nobody.
                    let unended = Oddity::Quirk(Quirk::UnendedLine);
                    let quits = seen.is_ok() && !self.plan.oddities.contains(&Oddity::RemovesRetrieved);
                    if quits && client.quit().await.is_ok() && self.plan.oddities.contains(&unended) {
                        self.seen(&[Quirk::UnendedLine]);
                    }
                }
                Err(error) => self.sim.say(format_args!("visitor: {error}")),
            }
        }
    }

    async fn look_around(&self, client: &mut Client<Socket>) -> Result<(), ClientError> {
        let account = &self.plan.accounts[0];
        client.capabilities().await?;
        client.login_with(&account.credentials(), &LoginPolicy::default()).await?;
        client.capabilities().await?;
        client.stat().await?;
        let listed = client.list().await?;
        let _ = client.uidl().await;
        client.call_all([Command::Noop, Command::Rset], |_, _| {}).await?;
        if let Some(german) = LanguageRange::parse(b"de") {
            let _ = client.lang(german).await;
        }
        // What is retrieved may be removed.
        if self.plan.oddities.contains(&Oddity::RemovesRetrieved) {
            return Ok(());
        }
        let first = listed.first().map_or(MessageNumber::FIRST, |(number, _)| *number);
        client.call_all([Command::Uidl(Some(first))], |_, _| {}).await?;
        for (number, _) in listed.into_iter().take(20) {
            let Ok(mut message) = client.message(number).await else { continue };
            while message.chunk().await?.is_some() {}
        }
        Ok(())
    }

    fn seen(&self, quirks: &[Quirk]) {
        let mut seen = self.quirks();
        for quirk in quirks {
            if !seen.contains(quirk) {
                seen.push(*quirk);
            }
        }
    }
}
