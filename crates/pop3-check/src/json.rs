//! The report in JSON.

use pop3_connect::ConnectErrorKind;
use pop3_text::Printable;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::report::{Announced, CheckReport};
use crate::text::mechanisms;

impl CheckReport {
    /// Returns the report as a JSON object in one line without a line end. Every key is always present. Unknown
    /// values are `null`:
    ///
    /// - `server`, `greeting`, `login`, `warning`: strings; `offers_apop`: a boolean.
    /// - `before_tls`, `before_login`, `after_login`: `null` if the capabilities were not requested. Otherwise an
    ///   object with the lists `lines` and `mechanisms`, which are `null` if the server did not answer.
    /// - `tls`: an object with `version`, `cipher` and `certificate`, a list of lines that describe it;
    ///   `refused_certificate`: such a list.
    /// - `maildrop`: an object with `messages` and `octets`.
    /// - `findings`: a list of objects with [`name`](crate::Finding::name) and `text`.
    /// - `error`: an object with `kind` (`settings`, `connection`, `login`, `protocol`, `later`) and `text`.
    #[must_use]
    pub fn json(&self) -> String {
        let text = |octets: &Vec<u8>| Printable::new(octets).to_string();
        let findings = self.findings.iter();
        json!({
            "server": self.server,
            "before_tls": announced(&self.before_tls),
            "greeting": self.greeting.as_ref().map(text),
            "offers_apop": self.offers_apop,
            "tls": self.tls.as_ref().map(|tls| json!({
                "version": tls.version,
                "cipher": tls.cipher,
                "certificate": tls.certificates.first().map(|first| certificate(first)),
            })),
            "refused_certificate": self.refused_certificate.as_deref().map(certificate),
            "before_login": announced(&self.before_login),
            "login": self.login.map(|method| method.name()),
            "warning": self.warning,
            "after_login": announced(&self.after_login),
            "maildrop": self.maildrop.as_ref().map(|stat| json!({
                "messages": stat.messages,
                "octets": stat.octets,
            })),
            "findings": findings
                .map(|finding| json!({ "name": finding.name(), "text": finding.to_string() }))
                .collect::<Vec<_>>(),
            "error": self.error.as_ref().map(|error| json!({
                "kind": kind(error.kind()),
                "text": error.to_string(),
            })),
        })
        .to_string()
    }
}

fn certificate(certificate: &[u8]) -> Vec<String> {
    pop3_trust::describe(&CertificateDer::from(certificate))
}

fn announced(announced: &Announced) -> Value {
    let list = match announced {
        Announced::NotAsked => return Value::Null,
        Announced::Unknown | Announced::Known(_) => announced.capabilities(),
    };
    let lines = |list: &pop3_proto::Capabilities| -> Vec<String> {
        list.lines().map(|line| Printable::new(line).to_string()).collect()
    };
    json!({ "lines": list.map(lines), "mechanisms": list.map(mechanisms) })
}

const fn kind(kind: ConnectErrorKind) -> &'static str {
    match kind {
        ConnectErrorKind::Settings => "settings",
        ConnectErrorKind::Connection => "connection",
        ConnectErrorKind::Login => "login",
        ConnectErrorKind::Later => "later",
        ConnectErrorKind::Protocol | _ => "protocol",
    }
}
