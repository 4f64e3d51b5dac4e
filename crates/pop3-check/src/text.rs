//! The report as a page of text.

use core::fmt;

use pop3_proto::Capabilities;
use pop3_text::Printable;
use rustls::pki_types::CertificateDer;

use crate::report::{Announced, CheckReport};

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "server", &self.server)?;
        announced(f, "before TLS", &self.before_tls)?;
        if let Some(greeting) = &self.greeting {
            line(f, "greeting", Printable::new(greeting))?;
            let apop = if self.offers_apop {
                "offered (the greeting contains a timestamp)"
            } else {
                "not \
                offered"
            };
            line(f, "APOP", apop)?;
            match &self.tls {
                Some(tls) => line(f, "TLS", format_args!("{} {}", tls.version, tls.cipher))?,
                None => line(f, "TLS", "none")?,
            }
            if let Some(first) = self.tls.as_ref().and_then(|tls| tls.certificates.first()) {
                certificate(f, first)?;
            }
        }
        announced(f, "before the login", &self.before_login)?;
        if let Some(login) = &self.login {
            line(f, "logged in with", login)?;
        }
        announced(f, "after the login", &self.after_login)?;
        if let Some(stat) = &self.maildrop {
            line(f, "maildrop", format_args!("{} messages, {} octets", stat.messages, stat.octets))?;
        }
        // Who wonders why a certificate is refused wants to see it.
        if let Some(refused) = &self.refused_certificate {
            line(f, "TLS", "the certificate is not trusted")?;
            certificate(f, refused)?;
        }
        if self.error.is_none() && self.findings.is_empty() {
            line(f, "odd", "nothing")?;
        }
        for (index, finding) in self.findings.iter().enumerate() {
            line(f, if index == 0 { "odd" } else { "" }, finding)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, title: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{title:<18}{text}")
}

fn certificate(f: &mut fmt::Formatter<'_>, certificate: &[u8]) -> fmt::Result {
    pop3_trust::describe(&CertificateDer::from(certificate)).iter().try_for_each(|text| line(f, "", text))
}

fn announced(f: &mut fmt::Formatter<'_>, when: &str, announced: &Announced) -> fmt::Result {
    let list = match announced {
        Announced::NotAsked => return Ok(()),
        Announced::Unknown => return line(f, when, "CAPA is not supported"),
        Announced::Known(list) => list,
    };
    for (index, text) in list.lines().enumerate() {
        line(f, if index == 0 { when } else { "" }, Printable::new(text))?;
    }
    let mechanisms = mechanisms(list);
    let mechanisms =
        if mechanisms.is_empty() { "no SASL mechanisms".to_owned() } else { mechanisms.join(" ") };
    line(f, "  mechanisms", mechanisms)
}

/// The names of the mechanisms that are announced.
pub(crate) fn mechanisms(list: &Capabilities) -> Vec<String> {
    list.mechanisms().map(|name| Printable::new(name).to_string()).collect()
}
