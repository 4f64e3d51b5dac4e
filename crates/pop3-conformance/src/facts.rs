//! What is known of a server before the rows are tried: what it announces, and what lies in the maildrop.

use crate::verdict::{Stop, skip};
use crate::wire::{Reply, Wire, trimmed};

/// The most messages that are fetched to be looked at.
const MOST_MESSAGES: usize = 60;

/// The largest message, and the most octets, that are fetched to be looked at.
const LARGEST: u64 = 2 * 1024 * 1024;
const MOST_OCTETS: u64 = 16 * 1024 * 1024;

/// What is known.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// With its line end.
    pub(crate) greeting: Vec<u8>,
    /// What is announced in clear text; none in implicit TLS.
    pub(crate) clear: Option<Capabilities>,
    /// What is announced before the login, on a connection as it logs in.
    pub(crate) before: Option<Capabilities>,
    /// What is announced after the login.
    pub(crate) after: Option<Capabilities>,
    pub(crate) count: u64,
    pub(crate) octets: u64,
    pub(crate) sizes: Vec<(u64, u64)>,
    pub(crate) uids: Option<Vec<(u64, Vec<u8>)>>,
    pub(crate) messages: Vec<Message>,
    /// The first line of the reply to STAT and the lines of the listings, as they came.
    pub(crate) stat_line: Vec<u8>,
    pub(crate) list_lines: Vec<Vec<u8>>,
    pub(crate) uidl_lines: Vec<Vec<u8>>,
    /// Whether the login is protected by TLS.
    pub(crate) tls: bool,
    /// Whether the certificate of the server is trusted; why not, else.
    pub(crate) trust: Result<(), String>,
    pub(crate) removes: bool,
}

/// A message that was fetched.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) number: u64,
    /// What LIST says.
    pub(crate) size: u64,
    /// The lines as they came, with their ends and the dots that were stuffed.
    pub(crate) lines: Vec<Vec<u8>>,
    /// Where RETR was refused.
    pub(crate) refused: Option<Reply>,
    /// What came where the next reply was due, where that was no reply.
    pub(crate) out_of_step: Option<String>,
}

/// The lines of CAPA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) lines: Vec<Vec<u8>>,
}

impl Capabilities {
    /// The words of each line, in upper case.
    pub(crate) fn words(&self) -> Vec<Vec<String>> {
        let upper = |line: &Vec<u8>| String::from_utf8_lossy(trimmed(line)).to_uppercase();
        self.lines.iter().map(|line| upper(line).split_whitespace().map(str::to_owned).collect()).collect()
    }

    /// The parameters of a capability, of all its lines; nothing where it is not announced.
    pub(crate) fn get(&self, tag: &str) -> Option<Vec<String>> {
        let mut found = None;
        for words in self.words() {
            if words.first().is_some_and(|word| word == tag) {
                found.get_or_insert_with(Vec::new).extend(words.into_iter().skip(1));
            }
        }
        found
    }

    pub(crate) fn has(&self, tag: &str) -> bool {
        self.get(tag).is_some()
    }
}

impl Message {
    /// The octets of the message: without the dots that were stuffed.
    pub(crate) fn data(&self) -> Vec<u8> {
        unstuffed(&self.lines)
    }

    /// How many lines the header has, its blank line included; all, where there is none.
    pub(crate) fn header_lines(&self) -> usize {
        self.lines
            .iter()
            .position(|line| trimmed(line).is_empty())
            .map_or(self.lines.len(), |index| index + 1)
    }

    /// Whether there is a blank line behind the header.
    pub(crate) fn has_blank_line(&self) -> bool {
        self.lines.iter().any(|line| trimmed(line).is_empty())
    }
}

impl Facts {
    /// Some message that was fetched.
    pub(crate) fn message(&self) -> Result<&Message, Stop> {
        match self.fetched().next() {
            Some(message) => Ok(message),
            None if self.count == 0 => skip("the maildrop is empty"),
            None => skip("no message could be fetched"),
        }
    }

    /// The messages that were fetched whole.
    pub(crate) fn fetched(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.refused.is_none() && message.out_of_step.is_none())
    }

    /// The lowest number.
    pub(crate) fn first(&self) -> Result<u64, Stop> {
        match self.sizes.first() {
            Some((number, _)) => Ok(*number),
            None => skip("the maildrop is empty"),
        }
    }

    /// A number above all.
    pub(crate) fn beyond(&self) -> u64 {
        self.sizes.iter().map(|(number, _)| *number).max().unwrap_or(0).max(self.count) + 1
    }

    /// The mechanisms that are announced before the login.
    pub(crate) fn mechanisms(&self) -> Vec<String> {
        self.before.as_ref().and_then(|list| list.get("SASL")).unwrap_or_default()
    }

    /// That the mechanism is announced.
    pub(crate) fn offers(&self, mechanism: &str) -> Result<(), Stop> {
        if self.mechanisms().iter().any(|name| name == mechanism) {
            Ok(())
        } else {
            skip(format!("{mechanism} is not offered"))
        }
    }

    /// That the capability is announced before the login, and its parameters.
    pub(crate) fn announced(&self, tag: &str) -> Result<Vec<String>, Stop> {
        match self.before.as_ref() {
            None => skip("CAPA is not known"),
            Some(list) => list.get(tag).map_or_else(|| skip(format!("{tag} is not announced")), Ok),
        }
    }

    /// What CAPA lists, before and after the login.
    pub(crate) fn both(&self) -> Result<(&Capabilities, &Capabilities), Stop> {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => Ok((before, after)),
            _ => skip("CAPA is not known in both states"),
        }
    }

    /// Whether TOP and UIDL work, by what is known.
    pub(crate) fn with_uidl(&self) -> Result<&[(u64, Vec<u8>)], Stop> {
        self.uids.as_deref().map_or_else(|| skip("UIDL is not known"), Ok)
    }

    /// The timestamp of the greeting, with its brackets.
    pub(crate) fn timestamp(&self) -> Result<String, Stop> {
        timestamp(&self.greeting).map_or_else(|| skip("there is no timestamp in the greeting"), Ok)
    }
}

/// What stands between `<` and `>` in a greeting, brackets included.
pub(crate) fn timestamp(greeting: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(greeting);
    let start = text.find('<')?;
    let length = text[start..].find('>')?;
    Some(text[start..=start + length].to_owned())
}

/// Takes one dot off each line that begins with one.
pub(crate) fn unstuffed(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

/// The two numbers of a STAT or LIST line; what follows is ignored.
pub(crate) fn two_numbers(line: &[u8]) -> Option<(u64, u64)> {
    let text = core::str::from_utf8(trimmed(line)).ok()?;
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// A number and the rest of the line.
pub(crate) fn number_and_rest(line: &[u8]) -> Option<(u64, Vec<u8>)> {
    let line = trimmed(line);
    let space = line.iter().position(|octet| *octet == b' ')?;
    let number = core::str::from_utf8(line.get(..space)?).ok()?.parse().ok()?;
    Some((number, line.get(space + 1..)?.to_vec()))
}

/// What CAPA lists on this connection.
pub(crate) fn capabilities(wire: &mut Wire) -> Result<Option<Capabilities>, Stop> {
    Ok(wire.multiline_if("CAPA")?.map(|lines| Capabilities { lines }))
}

/// Looks at the maildrop: the figures and the listings.
pub(crate) fn figures(wire: &mut Wire, facts: &mut Facts) -> Result<(), Stop> {
    facts.after = capabilities(wire)?;
    let stat = wire.accepted("STAT")?;
    (facts.count, facts.octets) = two_numbers(stat.text.as_bytes()).unwrap_or_default();
    facts.stat_line = stat.raw;
    facts.list_lines = wire.multiline("LIST")?;
    facts.sizes = facts.list_lines.iter().filter_map(|line| two_numbers(line)).collect();
    if let Some(lines) = wire.multiline_if("UIDL")? {
        facts.uids = Some(lines.iter().filter_map(|line| number_and_rest(line)).collect());
        facts.uidl_lines = lines;
    }
    Ok(())
}

/// Fetches messages, up to a bound; stops at one behind which the server is out of step, and says so.
pub(crate) fn fetch(wire: &mut Wire, facts: &mut Facts) -> Result<bool, Stop> {
    let mut octets = 0;
    let done: Vec<u64> = facts.messages.iter().map(|message| message.number).collect();
    for (number, size) in facts.sizes.clone() {
        if facts.messages.len() >= MOST_MESSAGES || octets + size > MOST_OCTETS {
            break;
        }
        if size > LARGEST || done.contains(&number) {
            continue;
        }
        octets += size;
        let command = format!("RETR {number}");
        let reply = wire.reply(&command)?;
        let mut message = Message { number, size, lines: Vec::new(), refused: None, out_of_step: None };
        if reply.positive {
            message.lines = wire.body(&command, &reply)?;
            wire.send(b"NOOP\r\n")?;
            let line = wire.line("a reply to NOOP")?;
            if Reply::parse(&line).is_none() {
                message.out_of_step = Some(crate::show::escaped(&line));
            }
        } else {
            message.refused = Some(reply);
        }
        let out_of_step = message.out_of_step.is_some();
        facts.messages.push(message);
        if out_of_step {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            greeting: Vec::new(),
            clear: None,
            before: None,
            after: None,
            count: 0,
            octets: 0,
            sizes: Vec::new(),
            uids: None,
            messages: Vec::new(),
            stat_line: Vec::new(),
            list_lines: Vec::new(),
            uidl_lines: Vec::new(),
            tls: false,
            trust: Ok(()),
            removes: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_words_without_case() {
        let list = Capabilities { lines: vec![b"top\r\n".to_vec(), b"Sasl plain LOGIN\r\n".to_vec()] };
        assert!(list.has("TOP") && !list.has("UIDL"));
        assert_eq!(list.get("SASL").unwrap(), ["PLAIN", "LOGIN"]);
    }

    #[test]
    fn lines_of_listings() {
        assert_eq!(two_numbers(b"2 320 extra\r\n"), Some((2, 320)));
        assert_eq!(two_numbers(b"2\r\n"), None);
        assert_eq!(number_and_rest(b"1 a b\r\n"), Some((1, b"a b".to_vec())));
        assert_eq!(timestamp(b"+OK hi <1.2@h> x\r\n").unwrap(), "<1.2@h>");
    }
}
