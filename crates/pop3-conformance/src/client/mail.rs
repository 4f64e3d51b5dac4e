//! The maildrops of the scripts.

/// A message as it is sent: without the dots that are stuffed.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) number: usize,
    pub(crate) uid: String,
    pub(crate) octets: Vec<u8>,
    /// What LIST says; the truth, if none.
    pub(crate) size: Option<u64>,
}

impl Mail {
    /// A message whose unique-id and content belong to this run and script: a client that remembers what
    /// it has seen has not seen it.
    pub(crate) fn new(tag: &str, number: usize, body: &[u8]) -> Self {
        let head = format!("Subject: {tag} {number}\r\nX-Script: {tag}\r\n\r\n");
        Self { number, uid: format!("{tag}.{number}"), octets: [head.as_bytes(), body].concat(), size: None }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size.unwrap_or(self.octets.len() as u64)
    }

    /// The lines as they go over the wire, with the dots that are stuffed, without the end.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        for line in self.octets.split_inclusive(|octet| *octet == b'\n') {
            // Behind a bare LF no line begins.
            if line.starts_with(b".") && (wire.is_empty() || wire.ends_with(b"\r\n")) {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire
    }

    /// The header, the blank line and some lines.
    pub(crate) fn top(&self, count: usize) -> Vec<u8> {
        let wire = self.wire();
        let mut left = None;
        let mut out = Vec::new();
        for line in wire.split_inclusive(|octet| *octet == b'\n') {
            match left {
                Some(0) => break,
                Some(count) => left = Some(count - 1),
                None if line == b"\r\n" => left = Some(count),
                None => {}
            }
            out.extend_from_slice(line);
        }
        out
    }
}

/// Three messages, one of them with dots.
pub(crate) fn three(tag: &str) -> Vec<Mail> {
    vec![
        Mail::new(tag, 1, b"hello\r\n"),
        Mail::new(tag, 2, b".dot\r\n..two\r\nend\r\n"),
        Mail::new(tag, 3, b"bye\r\n"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_stuffed_and_lines_counted() {
        let mail = Mail::new("t", 1, b".a\r\n.\r\nb\n.c\r\n");
        assert!(mail.wire().ends_with(b"\r\n\r\n..a\r\n..\r\nb\n.c\r\n"));
        assert!(mail.top(0).ends_with(b"\r\n\r\n"));
        assert!(mail.top(1).ends_with(b"..a\r\n"));
        assert_eq!(mail.top(9), mail.wire());
    }
}
