//! Mail that arrives at the server's machine.

use core::time::Duration;
use std::io::Write as _;

use pop3_disk::Open;

use super::{Account, World, maildir_of};
use crate::mail::Mail;

impl World {
    /// Delivers messages, as a mail server does.
    pub(super) async fn deliver(&self) {
        for number in 0..self.plan.messages {
            let chance = self.sim.chance();
            let pause = self.plan.chaos.as_millis() as usize / self.plan.messages;
            self.sim.sleep(Duration::from_millis(chance.below(pause) as u64)).await;
            let account = chance.pick(&self.plan.accounts).clone();
            let mail = Mail::new(u32::try_from(number).unwrap_or_default(), &chance.fork());
            if !self.plan.oddities.is_empty() {
                self.count(|totals| totals.messages += 1);
                self.sim.say(format_args!("delivered message {number}"));
                self.odd_delivery(&account, mail);
                continue;
            }
            match self.put(&account, &mail) {
                Ok(()) => {
                    self.count(|totals| totals.messages += 1);
                    self.sim.say(format_args!("delivered message {number} to {}", account.name));
                    self.delivered(&account, mail);
                }
                Err(error) => self.sim.fail(format!("message {number} can't be delivered: {error}")),
            }
        }
    }

    fn put(&self, account: &Account, mail: &Mail) -> std::io::Result<()> {
        let actor = self.server_disk.actor();
        let folder = actor.disk().open_folder(&maildir_of(account))?;
        let (tmp, new) = (folder.open_folder(b"tmp")?, folder.open_folder(b"new")?);
        let seconds = actor.disk().now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let name = format!("{seconds}.M{}P1.host", mail.number);
        let mut file = tmp.open(name.as_bytes(), Open::writing().make_new(0o600))?;
        file.write_all(&mail.stored(self.sim.chance()))?;
        file.sync()?;
        tmp.rename(name.as_bytes(), &*new, name.as_bytes())?;
        new.sync()?;
        actor.kill();
        Ok(())
    }
}
