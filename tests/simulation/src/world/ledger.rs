//! What must hold: where each message is, at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use pop3_fetch::Target;

use super::{Account, Fetcher, Oddity, World, maildir_of};
use crate::disk::Found;
use crate::mail::{Inventory, Mail, Number};

/// What is known of the messages of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) mails: BTreeMap<Number, Mail>,
    accounts: BTreeMap<String, Maildrop>,
}

/// The messages of an account.
#[derive(Debug, Default)]
struct Maildrop {
    delivered: BTreeSet<Number>,
    /// What must be on the server.
    present: BTreeSet<Number>,
    /// How many sessions remove messages now. One may have done so and not know it yet when the next one begins.
    removing: usize,
    /// How many messages they may remove together.
    allowed: usize,
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|octets| octets == wanted)
}

/// The file beside an mbox that is there while something is appended.
fn append_file(mbox: &Path) -> PathBuf {
    let mut path = mbox.to_owned().into_os_string();
    path.push(".pop3-append");
    path.into()
}

impl World {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was delivered, durably.
    pub(super) fn delivered(&self, account: &Account, mail: Mail) {
        let mut ledger = self.ledger();
        let maildrop = ledger.accounts.entry(account.name.clone()).or_default();
        maildrop.delivered.insert(mail.number);
        maildrop.present.insert(mail.number);
        ledger.mails.insert(mail.number, mail);
    }

    /// Checks that the server has all messages that it must have, unless a commit goes on.
    pub(super) fn check_server(&self, account: &Account, when: &str) {
        let mut ledger = self.ledger();
        let found = self.on_server(&ledger, account);
        for wrong in &found.wrong {
            self.sim.fail(format!("on the server of {}, {when}: {wrong}", account.name));
        }
        let Some(maildrop) = ledger.accounts.get_mut(&account.name) else { return };
        if maildrop.removing > 0 {
            return;
        }
        for number in &maildrop.present {
            match found.counts.get(number) {
                Some(1) => {}
                Some(count) => {
                    self.sim.fail(format!("message {number} is {count} times on the server, {when}"))
                }
                None => self.sim.fail(format!("message {number} is not on the server any more, {when}")),
            }
        }
        // What was removed may be back after a crash.
        maildrop.present = found.counts.keys().copied().collect();
    }

    /// QUIT was received from the client of the session that has the maildrop.
    pub(super) fn commit_begins(&self, account: &Account, marked: usize) {
        self.check_server(account, "when QUIT was received");
        self.sim.say(format_args!("server: {} removes {marked}", account.name));
        let mut ledger = self.ledger();
        let Some(maildrop) = ledger.accounts.get_mut(&account.name) else { return };
        maildrop.removing += 1;
        maildrop.allowed += marked;
    }

    /// The messages that were marked are removed, or some of them if something failed.
    pub(super) fn commit_ends(&self, account: &Account) {
        let mut ledger = self.ledger();
        let found = self.on_server(&ledger, account);
        let Ledger { accounts, .. } = &mut *ledger;
        let Some(maildrop) = accounts.get_mut(&account.name) else { return };
        let most = maildrop.allowed;
        let gone: Vec<Number> =
            maildrop.present.iter().copied().filter(|number| !found.counts.contains_key(number)).collect();
        maildrop.present.retain(|number| found.counts.contains_key(number));
        self.sim.say(format_args!("server: {} messages of {} are gone: {gone:?}", gone.len(), account.name));
        if gone.len() > most {
            self.sim.fail(format!("{} messages are gone, but only {most} were marked", gone.len()));
        }
        maildrop.allowed = most.saturating_sub(gone.len());
        maildrop.removing = maildrop.removing.saturating_sub(1);
        if maildrop.removing == 0 {
            maildrop.allowed = 0;
        }
        self.check_kept(&ledger, account, &gone);
    }

    /// A message has arrived at a server that departs from the protocol.
    pub(super) fn odd_delivery(&self, account: &Account, mail: Mail) {
        self.odd_maildrop().messages.push(mail.clone());
        self.delivered(account, mail);
    }

    /// A server that departs from the protocol removes messages at QUIT.
    pub(super) fn odd_removal(&self, numbers: &BTreeSet<Number>) {
        let mut gone = Vec::new();
        self.odd_maildrop().messages.retain(|mail| {
            let goes = numbers.contains(&mail.number);
            if goes {
                gone.push(mail.number);
            }
            !goes
        });
        self.sim.say(format_args!("server: removes {gone:?}"));
        let mut ledger = self.ledger();
        for maildrop in ledger.accounts.values_mut() {
            maildrop.present.retain(|number| !gone.contains(number));
        }
        for account in &self.plan.accounts {
            self.check_kept(&ledger, account, &gone);
        }
    }

    /// Checks that a client has what was removed from the server.
    fn check_kept(&self, ledger: &Ledger, account: &Account, gone: &[Number]) {
        if gone.is_empty() {
            return;
        }
        self.count(|totals| totals.removed += gone.len() as u64);
        // What the client has must survive even if its machine loses power now.
        let after = self.client_disk.after_crash(self.sim.chance().fork());
        let targets = self.plan.fetchers.iter().filter(|fetcher| fetcher.account == *account);
        let kept: Vec<Inventory> =
            targets.map(|fetcher| Inventory::of_target(&after, &fetcher.target, &ledger.mails)).collect();
        for number in gone {
            if !kept.iter().any(|kept| kept.has(*number, self.plan.may_alter())) {
                self.sim.fail(format!(
                    "message {number} was removed from the server, but a power failure of the client's machine \
                     would lose it"
                ));
            }
        }
    }

    /// The server has ended in the middle of what it did.
    pub(super) fn server_ended(&self) {
        for maildrop in self.ledger().accounts.values_mut() {
            // How far it came, the next look tells.
            (maildrop.removing, maildrop.allowed) = (0, 0);
        }
    }

    fn on_server(&self, ledger: &Ledger, account: &Account) -> Inventory {
        if !self.plan.oddities.is_empty() {
            let numbers = self.odd_maildrop().messages.iter().map(|mail| (mail.number, 1)).collect();
            return Inventory { counts: numbers, ..Inventory::default() };
        }
        Inventory::of_maildir(&self.server_disk, &maildir_of(account), &ledger.mails)
    }

    /// Checks that what is in a target is complete and there once.
    pub(super) fn check_target(&self, fetcher: &Fetcher) {
        let ledger = self.ledger();
        let target = Inventory::of_target(&self.client_disk, &fetcher.target, &ledger.mails);
        let oddities = &self.plan.oddities;
        // While an mbox is appended to, a file beside it tells how to undo that.
        let is_torn = match &fetcher.target {
            Target::Mbox(path) => self.client_disk.read(append_file(path)).is_some(),
            Target::Maildir(_) | Target::Dir(_) | Target::Stdout | _ => false,
        };
        for wrong in target.wrong.iter().filter(|_| !is_torn && !self.plan.may_alter()) {
            self.sim.fail(format!("in {}: {wrong}", fetcher.target));
        }
        let doubled = target.counts.iter().filter(|(_, count)| **count > 1);
        for (number, count) in doubled.filter(|_| !oddities.iter().any(|oddity| oddity.may_double())) {
            self.sim.fail(format!("message {number} is {count} times in {}", fetcher.target));
        }
    }

    /// Checks that the log of the server has no password in it.
    pub(super) fn check_log(&self, octets: &[u8]) {
        for account in self.plan.accounts.iter().chain([&self.plan.owner]) {
            if contains(octets, account.password.as_bytes()) {
                self.sim.fail(format!("the password of {} is in the log of the server", account.name));
            }
        }
    }

    /// Checks, after everything has calmed down, that nothing is left behind, and that no file tells a secret.
    pub(super) fn check_files(&self) {
        for (path, found) in self.client_disk.peek("/home") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_temporary = path.parent().is_some_and(|folder| folder.ends_with("tmp"))
                || name.contains(".pop3-part")
                || name.contains(".pop3-append")
                || name == "mbox.lock"
                || name.ends_with(".new");
            // The lock of an account may stay, as an empty file.
            let is_lock = name.contains(".pop3-") && name.ends_with(".lock");
            if is_temporary && !is_lock {
                self.sim.fail(format!("{} is left behind", path.display()));
            }
            let Found::File(octets) = found else { continue };
            for account in &self.plan.accounts {
                if contains(&octets, account.password.as_bytes()) {
                    self.sim.fail(format!("the password of {} is in {}", account.name, path.display()));
                }
            }
        }
    }

    /// Checks, after everything has calmed down, that each message is where it must be, and once.
    pub(super) fn check_all(&self) {
        self.check_files();
        for account in &self.plan.accounts {
            self.check_server(account, "at the end");
            let ledger = self.ledger();
            let server = self.on_server(&ledger, account);
            let Some(maildrop) = ledger.accounts.get(&account.name) else { continue };
            let mut stored = BTreeSet::new();
            let fetchers = self.plan.fetchers.iter().filter(|fetcher| fetcher.account == *account);
            for fetcher in fetchers.clone() {
                let target = Inventory::of_target(&self.client_disk, &fetcher.target, &ledger.mails);
                if !self.plan.may_alter() {
                    for wrong in &target.wrong {
                        self.sim.fail(format!("at the end, in {}: {wrong}", fetcher.target));
                    }
                }
                for number in target.counts.keys() {
                    if !maildrop.delivered.contains(number) {
                        self.sim
                            .fail(format!("message {number} of another account is in {}", fetcher.target));
                    }
                }
                // If all have the same unique-id and some are gone, nothing tells which of the others are new.
                let tells_new = !self.plan.oddities.contains(&Oddity::RepeatedUids);
                for number in server.counts.keys().filter(|_| tells_new) {
                    if !target.has(*number, self.plan.may_alter()) {
                        self.sim.fail(format!("message {number} was not fetched into {}", fetcher.target));
                    }
                }
                stored.extend(target.counts.keys().chain(&target.altered).copied());
            }
            for number in &maildrop.delivered {
                if !stored.contains(number) && !server.counts.contains_key(number) {
                    self.sim.fail(format!("message {number} of {} is lost", account.name));
                }
            }
            if fetchers.clone().any(|fetcher| fetcher.delete) && !server.counts.is_empty() {
                let left: Vec<_> = server.counts.keys().collect();
                self.sim
                    .fail(format!("messages of {} were not deleted on the server: {left:?}", account.name));
            }
        }
    }
}
