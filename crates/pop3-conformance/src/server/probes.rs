//! Making the tries that several rows look at.

use crate::bench::Bench;
use crate::facts::number_and_rest;
use crate::probes::{Removal, WrongPassword};
use crate::verdict::{Stop, ensure, skip};

impl Bench<'_> {
    /// The login with a wrong password.
    pub(crate) fn wrong(&mut self) -> Result<WrongPassword, Stop> {
        if let Some((result, transcript)) = &self.probes.wrong {
            self.record.put_back(transcript);
            return result.clone();
        }
        let result = self.try_wrong();
        let transcript = self.record.take();
        self.record.put_back(&transcript);
        self.probes.wrong = Some((result.clone(), transcript));
        result
    }

    fn try_wrong(&mut self) -> Result<WrongPassword, Stop> {
        self.end_session();
        let mut wire = self.open()?;
        let user = wire.reply(&format!("USER {}", self.user()))?;
        if !user.positive {
            return skip("USER is refused");
        }
        let reply = wire.reply_secretly("PASS (wrong)", &[b"PASS ", &*self.wrong_password()].concat())?;
        let mut probe = WrongPassword { reply, closed: true, stat: None, password_alone: None, then: None };
        if wire.ends(wire.pause) {
            return Ok(probe);
        }
        probe.closed = false;
        probe.stat = Some(wire.reply("STAT")?);
        probe.password_alone = Some(self.pass(&mut wire)?);
        if !wire.logged_in {
            probe.then = Some(self.try_log_in(&mut wire)?);
        }
        wire.quit();
        Ok(probe)
    }

    /// The removal of the last message, where that may be done.
    pub(crate) fn removal(&mut self) -> Result<Removal, Stop> {
        if !self.destructive {
            return skip("needs --destructive");
        }
        if let Some((result, transcript)) = &self.probes.removal {
            self.record.put_back(transcript);
            return result.clone();
        }
        let result = self.try_removal();
        let transcript = self.record.take();
        self.record.put_back(&transcript);
        self.probes.removal = Some((result.clone(), transcript));
        result
    }

    fn try_removal(&mut self) -> Result<Removal, Stop> {
        let facts = self.facts.clone();
        let Some(&(number, size)) = facts.sizes.last() else { return skip("the maildrop is empty") };
        let mut wire = self.fresh()?;
        wire.accepted(&format!("DELE {number}"))?;
        let quit = wire.reply("QUIT")?;
        let ended = wire.ends(wire.timeout);
        drop(wire);
        let mut wire = self.log_in()?;
        let stat = wire.accepted("STAT")?;
        let (count_after, octets_after) = crate::facts::two_numbers(stat.text.as_bytes()).unwrap_or_default();
        let mut others_kept = None;
        if let (Some(before), Some(lines)) = (&facts.uids, wire.multiline_if("UIDL")?) {
            let after: Vec<Vec<u8>> =
                lines.iter().filter_map(|line| Some(number_and_rest(line)?.1)).collect();
            // Where two messages share it, it is there still, which is another row.
            let twice = |uid: &Vec<u8>| before.iter().filter(|(_, other)| other == uid).count() > 1;
            let gone = before
                .iter()
                .filter(|(at, _)| *at == number)
                .all(|(_, uid)| twice(uid) || !after.contains(uid));
            let kept = before.iter().filter(|(at, _)| *at != number).all(|(_, uid)| after.contains(uid));
            others_kept = Some((gone, kept));
        }
        ensure(wire.unread() == 0, || "unsolicited octets arrived".to_owned())?;
        wire.quit();
        Ok(Removal { quit, ended, size, count_after, octets_after, others_kept })
    }
}
