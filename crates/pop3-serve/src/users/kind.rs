//! What a store of users has to know of them without seeing a secret.

use pop3_certificates::Fingerprint;

use super::User;
use super::form::Form;
use super::user::BadForm;

impl User {
    /// Returns in a few words what the user has: `hash`, `SCRAM-SHA-256`, `token`.
    #[must_use]
    pub fn summary(&self) -> String {
        self.words().join(" ")
    }

    /// Returns a text that is the same for users who are the same for a [`Profile`](super::Profile): what they can log
    /// in with, the cost of a check, and the settings that are announced. A database with many users can keep it
    /// beside each of them, and make the profile of one user of each kind.
    #[must_use]
    pub fn kind(&self) -> String {
        let mut words = self.words();
        words.extend(self.verifier().map(|verifier| verifier.cost()));
        words.extend(self.login_delay.map(|delay| format!("delay {}", delay.as_secs())));
        words
            .extend(self.expire.map(|days| days.map_or("never".to_owned(), |days| format!("expire {days}"))));
        words.join(" ")
    }

    /// Returns the certificates of the user, according to `{CERT}`.
    #[must_use]
    pub fn certificates(&self) -> &[Fingerprint] {
        &self.certificates
    }

    /// Returns whether a form is a password, in whatever form: in clear text, as a hash, or as SCRAM keys. Others are
    /// certificates, tokens and settings.
    ///
    /// # Errors
    /// Returns an error if the form cannot be parsed.
    pub fn is_password_form(form: &[u8]) -> Result<bool, BadForm> {
        let form = Form::parse(form).map_err(BadForm::new)?;
        Ok(matches!(form, Form::Plain(_) | Form::Hash(_) | Form::Keys(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_show_no_secret() {
        let user = |form: &[u8]| User::new().with_form(form).unwrap().with_form(b"{LOGIN-DELAY}60").unwrap();
        let hash = b"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
        assert_eq!(user(hash).kind(), "hash $argon2id$v=19$m=256,t=2,p=2 delay 60");
        assert_eq!(user(b"{PLAIN}secret").kind(), "password delay 60");
        assert_eq!(user(b"{PLAIN}secret").summary(), "password");
    }

    #[test]
    fn passwords_are_told_from_the_rest() {
        for (form, is_password) in [(&b"{PLAIN}x"[..], true), (b"{TOKEN}", false), (b"{EXPIRE}3", false)] {
            assert_eq!(User::is_password_form(form), Ok(is_password));
        }
        assert!(User::is_password_form(b"nonsense").is_err());
    }
}
