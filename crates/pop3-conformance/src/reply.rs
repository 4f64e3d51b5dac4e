//! What a server answers, read leniently.

/// The first line of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) positive: bool,
    /// Behind the status and a space.
    pub(crate) text: String,
    /// With its line end.
    pub(crate) raw: Vec<u8>,
}

/// What answers a line of AUTH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Reply(Reply),
    /// Behind `+` and a space, as it came, without its line end; and the whole line.
    Challenge(String, Vec<u8>),
}

impl Reply {
    /// Reads a status in letters of any case.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let bare = trimmed(line);
        let status = |word: &[u8]| bare.len() >= word.len() && bare[..word.len()].eq_ignore_ascii_case(word);
        let (positive, length) = match () {
            () if status(b"+OK") => (true, 3),
            () if status(b"-ERR") => (false, 4),
            () => return None,
        };
        let rest = &bare[length..];
        if !matches!(rest.first(), None | Some(b' ' | b'\t')) {
            return None;
        }
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned();
        Some(Self { positive, text, raw: line.to_vec() })
    }

    /// The response code, without its brackets.
    pub(crate) fn code(&self) -> Option<&str> {
        let (code, _) = self.text.strip_prefix('[')?.split_once(']')?;
        Some(code)
    }

    /// Whether the first level of the code is this, in letters of any case.
    pub(crate) fn has_code(&self, level: &str) -> bool {
        self.code().is_some_and(|code| {
            code.eq_ignore_ascii_case(level)
                || code
                    .get(..=level.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(&format!("{level}/")))
        })
    }

    /// Whether a login was refused because another session has the maildrop.
    pub(crate) fn is_locked(&self) -> bool {
        let text = self.text.to_lowercase();
        !self.positive && (self.has_code("IN-USE") || text.contains("lock") || text.contains("in use"))
    }
}

/// A line without its end.
pub(crate) fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::escaped;

    #[test]
    fn a_status_is_a_word() {
        let positive = |line: &[u8]| Reply::parse(line).map(|reply| reply.positive);
        assert_eq!(positive(b"+OK\r\n"), Some(true));
        assert_eq!(positive(b"+ok hi\n"), Some(true));
        assert_eq!(positive(b"-Err x\r\n"), Some(false));
        for other in [&b"+OKAY\r\n"[..], b"", b"+O", b"* OK\r\n", b"+ x\r\n"] {
            assert_eq!(positive(other), None, "{}", escaped(other));
        }
    }

    #[test]
    fn codes_have_levels() {
        let code = |level| Reply::parse(b"-ERR [Sys/temp] busy\r\n").unwrap().has_code(level);
        assert!(code("SYS") && code("SYS/TEMP") && !code("SY") && !code("SYS/TEMP/DISK"));
    }
}
