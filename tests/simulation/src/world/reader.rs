//! A mail reader on the server's machine.

use core::time::Duration;
use std::path::{Path, PathBuf};

use super::{Account, World, maildir_of};

impl World {
    /// Changes flags, as a mail reader does.
    pub(super) async fn read(&self) {
        if !self.plan.reader || !self.plan.oddities.is_empty() {
            return;
        }
        while self.sim.clock().elapsed() < self.plan.chaos {
            let chance = self.sim.chance();
            let most = self.plan.chaos.as_millis() as usize / 20;
            self.sim.sleep(Duration::from_millis(chance.below(most) as u64)).await;
            let account = chance.pick(&self.plan.accounts);
            let files = self.server_disk.peek(maildir_of(account));
            let is_message = |path: &&PathBuf| {
                path.parent().is_some_and(|folder| [Path::new("new"), Path::new("cur")].contains(&folder))
            };
            let messages: Vec<&PathBuf> = files.keys().filter(is_message).collect();
            if messages.is_empty() {
                continue;
            }
            let path = *chance.pick(&messages);
            let flags = *chance.pick(&[":2,S", ":2,", ":2,FS", ":2,RS"]);
            if let Err(error) = self.flag(account, path, flags) {
                self.sim.fail(format!("{} can't be renamed: {error}", path.display()));
            }
            self.sim.say(format_args!("reader: {}, {}{flags}", account.name, path.display()));
            self.count(|totals| totals.flags += 1);
        }
    }

    fn flag(&self, account: &Account, path: &Path, flags: &str) -> std::io::Result<()> {
        let actor = self.server_disk.actor();
        let folder = actor.disk().open_folder(&maildir_of(account))?;
        let text = path.to_string_lossy();
        let (from, name) = text.split_once('/').unwrap_or(("new", &text));
        let base = name.split(':').next().unwrap_or(name);
        let (from, cur) = (folder.open_folder(from.as_bytes())?, folder.open_folder(b"cur")?);
        from.rename(name.as_bytes(), &*cur, (base.to_owned() + flags).as_bytes())?;
        actor.kill();
        // Otherwise a power failure might lose the message, by no fault of the programs that are tested.
        self.server_disk.sync_all();
        Ok(())
    }
}
