//! The secret that a login takes, from where the settings say.

use pop3_proto::Secret;

use crate::error::ConnectError;
use crate::settings::Settings;
use crate::source::MAX;

/// The longest token that is read, in octets.
const MAX_TOKEN: usize = 11 * 1024;

impl Settings {
    /// Reads the password. `whose` identifies its owner to people, as `user@host:port`.
    ///
    /// # Errors
    /// Returns an error if the password cannot be read or sent, or if there is none. The message contains no
    /// password.
    pub fn read_password(&self, whose: &str) -> Result<Secret<Vec<u8>>, ConnectError> {
        let Some(source) = &self.password else {
            return Err(ConnectError::settings(format!(
                "no password for {whose}: give {}",
                self.name("password")
            )));
        };
        let (password, place) = source.read("password", MAX, whose, self.stop.as_ref())?;
        check(password, &place)
    }

    /// The token; as [`read_password`](Self::read_password).
    pub(crate) fn read_token(&self, whose: &str) -> Result<Secret<Vec<u8>>, ConnectError> {
        let Some(source) = &self.token else {
            return Err(ConnectError::settings(format!("no token for {whose}: give {}", self.name("token"))));
        };
        let (token, place) = source.read("token", MAX_TOKEN, whose, self.stop.as_ref())?;
        if token.expose().is_empty() {
            let printed = if source.is_command() { "printed" } else { "contains" };
            return Err(ConnectError::settings(format!("{place} {printed} no token")));
        }
        Ok(token)
    }
}

/// Refuses what can't be sent as a password, before anything is connected.
fn check(password: Secret<Vec<u8>>, place: &str) -> Result<Secret<Vec<u8>>, ConnectError> {
    if password.expose().is_empty() {
        return Err(ConnectError::settings(format!("the password from {place} is empty")));
    }
    if password.expose().iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n')) {
        return Err(ConnectError::settings(format!(
            "the password from {place} contains NUL, CR or LF, which POP3 can't send"
        )));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn a_command_that_prints_nothing_gives_nothing() {
        let silent = Some(Source::command("true"));
        let settings = Settings::new().with_password(silent.clone()).with_token(silent);
        let text = |result: Result<Secret<Vec<u8>>, ConnectError>| result.unwrap_err().to_string();
        assert_eq!(text(settings.read_password("mrose")), "the password from the password command is empty");
        assert_eq!(text(settings.read_token("mrose")), "the token command printed no token");
    }
}
