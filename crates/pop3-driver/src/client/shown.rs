//! What `Debug` shows: octets of the server escaped, and nothing of messages.

use core::fmt;

use super::{Client, Refusal, Trace};

/// Octets of the server.
struct Escaped<'a>(&'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<T: fmt::Debug> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &self.transport)
            .field("connection", &self.connection)
            .field("greeting", &Escaped(&self.greeting))
            .field("quirks", &self.quirks)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("keyword", &self.keyword)
            .field("mechanism", &self.mechanism)
            .field("text", &Escaped(&self.text))
            .field("details", &self.details.as_deref().map(Escaped))
            .field("auth_resp_code", &self.auth_resp_code)
            .field("unoffered", &self.unoffered)
            .field("before_credentials", &self.before_credentials)
            .finish()
    }
}

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(line) => f.debug_tuple("Sent").field(line).finish(),
            Self::Challenge => f.write_str("Challenge"),
            Self::Received { positive, text } => {
                f.debug_struct("Received").field("positive", positive).field("text", &Escaped(text)).finish()
            }
            Self::Line(line) => f.debug_tuple("Line").field(&Escaped(line)).finish(),
            Self::Entry(entry) => f.debug_tuple("Entry").field(entry).finish(),
            Self::Data(octets) => f.debug_tuple("Data").field(octets).finish(),
            Self::End => f.write_str("End"),
            Self::Tls => f.write_str("Tls"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pop3_proto::Reply;

    use super::*;
    use crate::client::ClientError;

    #[test]
    fn octets_of_the_server_are_shown_escaped() {
        let reply = Reply::parse(b"-ERR caf\xe9\x1b[2J").unwrap();
        let mut refusal = Refusal::new(None, reply);
        refusal.details = Some(b"{\"status\":\"\x07\"}".to_vec());
        let shown = format!("{:?}", ClientError::Refused(refusal));
        assert!(shown.contains(r#"text: "caf\xe9\x1b[2J""#), "{shown}");
        assert!(shown.contains(r#"details: Some("{\"status\":\"\x07\"}")"#), "{shown}");
        assert_eq!(format!("{:?}", Trace::Line(b"a\x1b")), r#"Line("a\x1b")"#);
        let received = Trace::Received { positive: true, text: b"\xff" };
        assert_eq!(format!("{received:?}"), r#"Received { positive: true, text: "\xff" }"#);
    }
}
