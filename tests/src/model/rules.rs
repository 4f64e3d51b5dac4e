//! The rules: what is answered to each command in each state.

use super::said::{Client, NONSENSE, is_base64};
use super::{
    End, Expected, Maildrop, Model, Phase, Privacy, RANGES, Response, Said, Sasl, Texts, Trouble, Who,
};
use crate::store::{Message, content, top, wire};

impl Model {
    /// The reply to a line, or `None` if there is none.
    pub fn say(&mut self, said: &Said) -> Option<Expected> {
        if self.session.deaf {
            return None;
        }
        match self.session.phase {
            Phase::Over(_) => None,
            Phase::Authorization => Some(self.in_authorization(said)),
            Phase::Exchange { .. } => Some(self.in_exchange(&said.text())),
            Phase::Transaction(_) => {
                self.session.quiet = 0;
                Some(self.in_transaction(said))
            }
        }
    }

    /// RFC 1939 section 4 and 7, RFC 2449 section 5, RFC 2595 section 4, RFC 5034 section 4, RFC 6856.
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is refused")]
    fn in_authorization(&mut self, said: &Said) -> Expected {
        match said {
            Said::User(who) => {
                self.session.named = (self.is_private() && self.takes(*who)).then_some(*who);
                yes_if(self.session.named.is_some())
            }
            Said::Pass(right) => match self.session.named.take() {
                Some(who) if self.is_private() => self.log_in(*right && who == Who::User),
                _ => Expected::Negative,
            },
            Said::Apop(who, right) if self.setup.apop && self.takes(*who) => {
                self.session.named = None;
                self.log_in(*right && *who == Who::User)
            }
            Said::Auth(sasl, initial) => self.auth(*sasl, *initial),
            Said::AuthList if !self.setup.sasl.is_empty() => {
                Expected::Lines(self.usable().map(|sasl| sasl.name().to_owned()).collect())
            }
            Said::Stls if self.takes_stls() => {
                // RFC 2595 section 4: what was learned before TLS is discarded.
                (self.session.tls, self.session.deaf) = (true, true);
                (self.session.named, self.session.utf8) = (None, false);
                self.session.texts = Texts::Ascii;
                Expected::Positive
            }
            Said::Utf8 if self.setup.utf8 => {
                self.session.utf8 = true;
                Expected::Positive
            }
            Said::Xclient(client) if self.setup.proxy && !self.session.proxied => {
                if *client != Client::Malformed {
                    self.session.named = None;
                }
                self.session.proxied = *client == Client::Known;
                yes_if(self.session.proxied)
            }
            Said::Quit => {
                self.session.phase = Phase::Over(End::Quit);
                Expected::Positive
            }
            Said::Capa => self.capabilities(),
            Said::Lang(range) if self.setup.lang => self.lang(*range),
            // A name that was not understood takes the place of the one before.
            Said::Nonsense(place) if NONSENSE[*place].starts_with("USER") => {
                self.session.named = None;
                Expected::Negative
            }
            _ => Expected::Negative,
        }
    }

    /// RFC 1939 sections 5 to 7.
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is refused")]
    fn in_transaction(&mut self, said: &Said) -> Expected {
        let unreadable = self.trouble == Trouble::Unreadable;
        match said {
            Said::Capa => return self.capabilities(),
            Said::Lang(range) if self.setup.lang => return self.lang(*range),
            Said::Quit => return self.update(),
            _ => {}
        }
        let last = self.setup.last;
        let Phase::Transaction(maildrop) = &mut self.session.phase else { return Expected::Negative };
        match said {
            Said::Stat => {
                let octets: usize = maildrop.there().map(|(_, message)| message.content().len()).sum();
                Expected::Line(format!("+OK {} {octets}\r\n", maildrop.there().count()).into_bytes())
            }
            Said::List(None) => maildrop.listing(size),
            Said::Uidl(None) => maildrop.listing(uid),
            Said::List(Some(number)) => maildrop.entry(*number, size),
            Said::Uidl(Some(number)) => maildrop.entry(*number, uid),
            Said::Retr(number) => match maildrop.find(*number) {
                Some((_, message)) if !unreadable => {
                    let message = Expected::Multi(wire(&message.content()));
                    maildrop.retrieved[*number as usize - 1] = true;
                    maildrop.highest = maildrop.highest.max(*number as usize);
                    message
                }
                _ => Expected::Negative,
            },
            Said::Top(number, lines) => match maildrop.find(*number) {
                Some((_, message)) if !unreadable => {
                    Expected::Multi(wire(&top(&content(&message.stored), *lines)))
                }
                _ => Expected::Negative,
            },
            Said::Dele(number) => {
                let there = maildrop.find(*number).is_some();
                if there {
                    maildrop.deleted[*number as usize - 1] = true;
                    maildrop.highest = maildrop.highest.max(*number as usize);
                }
                yes_if(there)
            }
            Said::Noop => Expected::Positive,
            Said::Rset => {
                maildrop.deleted.fill(false);
                maildrop.highest = 0;
                Expected::Positive
            }
            Said::Last if last => Expected::Line(format!("+OK {}\r\n", maildrop.highest).into_bytes()),
            _ => Expected::Negative,
        }
    }

    /// RFC 1939 section 6: only here messages disappear.
    fn update(&mut self) -> Expected {
        let Phase::Transaction(maildrop) = &self.session.phase else { return Expected::Negative };
        let expires = self.setup.expires;
        let mut gone: Vec<usize> = (0..maildrop.messages.len())
            .filter(|&index| maildrop.deleted[index] || (expires && maildrop.retrieved[index]))
            .collect();
        let stuck = if let Trouble::Stuck(stuck) = self.trouble { stuck.min(gone.len()) } else { 0 };
        gone.truncate(gone.len() - stuck);
        // New messages are behind those of the session.
        let mut index = 0..;
        self.store.retain(|_| !gone.contains(&index.next().unwrap_or_default()));
        self.session.phase = Phase::Over(End::Quit);
        yes_if(stuck == 0)
    }

    /// RFC 5034 section 4.
    fn auth(&mut self, sasl: Sasl, initial: Option<Response>) -> Expected {
        if initial == Some(Response::NotBase64) || !self.usable().any(|usable| usable == sasl) {
            return Expected::Negative;
        }
        match initial {
            // The server speaks first.
            Some(_) if sasl == Sasl::CramMd5 => Expected::Negative,
            Some(response) => {
                self.session.phase = Phase::Exchange { sasl, message: 0, spoilt: false };
                self.in_exchange(&Said::Respond(response).text())
            }
            None => {
                self.session.phase = Phase::Exchange { sasl, message: 0, spoilt: false };
                Expected::Challenge
            }
        }
    }

    /// RFC 5034 section 4: a failed AUTH is as if it had not been issued.
    fn in_exchange(&mut self, text: &str) -> Expected {
        let Phase::Exchange { sasl, message, spoilt } = self.session.phase else { return Expected::Negative };
        self.session.phase = Phase::Authorization;
        if !is_base64(text.as_bytes()) {
            return Expected::Negative;
        }
        let right = sasl != Sasl::Endless && text == super::right(sasl, message);
        // LOGIN does not tell that it does not know a name.
        let goes_on =
            right || sasl == Sasl::Endless || (sasl == Sasl::Login && message == 0 && !text.is_empty());
        let spoilt = spoilt || !right;
        match goes_on {
            true if message + 1 == sasl.messages() && spoilt => Expected::Refused("AUTH"),
            true if message + 1 == sasl.messages() => {
                let named = self.session.named;
                let reply = self.log_in(true);
                self.session.named = named.filter(|_| !self.is_logged_in());
                reply
            }
            true => {
                self.session.phase = Phase::Exchange { sasl, message: message + 1, spoilt };
                Expected::Challenge
            }
            false => Expected::Negative,
        }
    }

    /// A name and its proof are complete.
    fn log_in(&mut self, right: bool) -> Expected {
        if !right {
            return Expected::Refused("AUTH");
        }
        if self.trouble == Trouble::InUse {
            return Expected::Refused("IN-USE");
        }
        self.session.named = None;
        self.session.quiet = 0;
        let count = self.store.len();
        self.session.phase = Phase::Transaction(Maildrop {
            messages: self.store.clone(),
            deleted: vec![false; count],
            retrieved: vec![false; count],
            highest: 0,
        });
        Expected::Positive
    }

    /// RFC 6856 section 3.2, with the lookup of RFC 4647 section 3.4.
    fn lang(&mut self, range: Option<usize>) -> Expected {
        let Some(range) = range else {
            return Expected::Lines(vec!["de Deutsch".to_owned(), "en English".to_owned()]);
        };
        let tag = match RANGES[range] {
            "*" | "de" => "de",
            "EN-us" => "en",
            _ => return Expected::Negative,
        };
        self.session.texts = Texts::Utf8;
        Expected::Named(tag)
    }

    /// RFC 2449 section 5 and 6.
    fn capabilities(&self) -> Expected {
        let setup = self.setup;
        let mut lines: Vec<String> =
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"].map(str::to_owned).into();
        let names: Vec<&str> = self.usable().map(Sasl::name).collect();
        let sasl = format!("SASL {}", names.join(" "));
        let utf8 = if setup.utf8_names { "UTF8 USER" } else { "UTF8" };
        for (there, line) in [
            (self.is_private(), "USER"),
            (!names.is_empty(), &sasl),
            (self.takes_stls() && !self.is_logged_in(), "STLS"),
            (setup.utf8, utf8),
            (setup.lang, "LANG"),
            (setup.expires, "EXPIRE 0"),
        ] {
            if there {
                lines.push(line.to_owned());
            }
        }
        Expected::Lines(lines)
    }

    /// RFC 2595 section 4; RFC 6856 section 2.1 forbids it after UTF8.
    const fn takes_stls(&self) -> bool {
        self.setup.stls && !self.session.tls && !self.session.utf8
    }

    /// Whether a password may be sent.
    fn is_private(&self) -> bool {
        self.session.tls || self.setup.privacy != Privacy::None
    }

    /// RFC 6856 section 2.2.
    fn takes(&self, who: Who) -> bool {
        who != Who::Foreigner || (self.setup.utf8 && self.setup.utf8_names)
    }

    /// The mechanisms that may be used on this connection.
    fn usable(&self) -> impl Iterator<Item = Sasl> + use<> {
        let (private, tls) = (self.is_private(), self.session.tls);
        self.setup.sasl.iter().copied().filter(move |sasl| match sasl {
            Sasl::Plain | Sasl::Login => private,
            Sasl::External => tls,
            Sasl::CramMd5 | Sasl::ScramSha1 | Sasl::Endless => true,
            Sasl::Unknown => false,
        })
    }
}

impl Maildrop {
    /// The messages that are not marked as deleted, with their numbers.
    fn there(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.messages.iter().enumerate();
        numbered.filter(|(index, _)| !self.deleted[*index]).map(|(index, message)| (index + 1, message))
    }

    fn find(&self, number: u32) -> Option<(usize, &Message)> {
        self.there().find(|(own, _)| *own == number as usize)
    }

    fn listing(&self, column: impl Fn(&Message) -> String) -> Expected {
        let lines: String =
            self.there().map(|(number, message)| format!("{number} {}\r\n", column(message))).collect();
        Expected::Multi((lines + ".\r\n").into_bytes())
    }

    fn entry(&self, number: u32, column: impl Fn(&Message) -> String) -> Expected {
        self.find(number).map_or(Expected::Negative, |(number, message)| {
            Expected::Line(format!("+OK {number} {}\r\n", column(message)).into_bytes())
        })
    }
}

fn size(message: &Message) -> String {
    message.content().len().to_string()
}

fn uid(message: &Message) -> String {
    message.uid.clone()
}

const fn yes_if(positive: bool) -> Expected {
    if positive { Expected::Positive } else { Expected::Negative }
}
