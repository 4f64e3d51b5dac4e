//! A user with a mail program of the usual kind, who must be served whatever hostile clients do.

use core::time::Duration;
use std::sync::Arc;

use pop3_driver::Transport as _;
use pop3_driver::client::{Client, ClientOptions, LoginPolicy};

use super::World;
use crate::process::Alive;

/// How long a short session may take on a network without faults: connecting, TLS, the login and the rest.
const LONGEST: Duration = Duration::from_secs(15);

/// The last octet of the owner's address.
const OWNER: u8 = 30;

impl World {
    /// Looks for mail until the chaos is over.
    pub(super) async fn look_for_mail(self: &Arc<Self>) {
        while self.plan.is_fair() && self.sim.clock().elapsed() < self.plan.chaos {
            let most = self.plan.chaos.as_millis() as usize / 6;
            self.sim.sleep(Duration::from_millis(500 + self.sim.chance().below(most) as u64)).await;
            let begun = self.sim.clock().elapsed();
            let looked = self.look().await;
            let lasted = self.sim.clock().elapsed() - begun;
            self.count(|totals| totals.looks += 1);
            match looked {
                Ok(()) if lasted <= LONGEST => {}
                Ok(()) => self.sim.fail(format!("an honest client was served in {lasted:?}")),
                Err(why) => {
                    self.sim.fail(format!("an honest client was not served, after {lasted:?}: {why}"))
                }
            }
        }
    }

    async fn look(&self) -> Result<(), String> {
        let port = self.plan.port();
        let told = |what: &str, error: &dyn core::fmt::Display| format!("{what}: {error}");
        let socket = self.network.connect(OWNER, port, &Alive::always()).await;
        let socket = socket.map_err(|error| told("can't connect", &error))?;
        let options = ClientOptions::new();
        let deadline = socket.now().after(options.connect_timeout);
        let client = Client::open(socket, &self.plan.security(), options, deadline).await;
        let mut client = client.map_err(|error| told("can't connect", &error))?;
        let owner = &self.plan.owner;
        let login = client.login_with(&owner.credentials(), &LoginPolicy::default()).await;
        login.map_err(|error| told("can't log in", &error))?;
        client.stat().await.map_err(|error| told("no STAT", &error))?;
        client.quit().await.map(drop).map_err(|error| told("no QUIT", &error))
    }
}
