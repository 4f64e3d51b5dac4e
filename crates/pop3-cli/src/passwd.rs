//! `pop3 passwd NAME`: lines for the users file.

use std::io::{self, BufRead, IsTerminal, Write};

use password_auth::generate_hash;
use pop3_proto::Secret;
use pop3_sasl::saslprep::{Kind, prepare};
use pop3_sasl::scram::{Hash, Keys, SALT_OCTETS};
use pop3_serve::UserName;

use crate::args::{Passwd, PasswordForm};
use crate::exit::{Exit, Failure};
use crate::password::first_line;

/// Asks for a password, twice, or reads the first line of standard input where that is no terminal,
/// and prints `NAME:$argon2id$...` and the like, a line for each form.
pub(crate) fn run(options: &Passwd) -> Result<Exit, Failure> {
    let name = UserName::parse(options.name.as_bytes())
        .ok_or_else(|| Failure::usage(format!("{} can't be a user: {}", options.name, UserName::RULE)))?;
    let password = if io::stdin().is_terminal() { ask()? } else { read(&mut io::stdin().lock())? };
    if password.expose().is_empty() {
        return Err(Failure::usage("the password is empty; nothing was printed"));
    }
    if password.expose().contains(&0) || password.expose().contains(&b'\r') {
        return Err(Failure::usage("the password has a NUL or CR, which no client can send"));
    }
    let mut lines = Secret::new(String::new());
    for &form in &options.form {
        let form = write(form, &password, options.iterations)?;
        lines = Secret::new(format!("{}{name}:{}\n", lines.expose(), form.expose()));
    }
    io::stdout()
        .write_all(lines.expose().as_bytes())
        .and_then(|()| io::stdout().flush())
        .map_err(|error| Failure::usage(format!("standard output can't be written: {error}")))?;
    Ok(Exit::Done)
}

/// What stands behind the colon.
fn write(form: PasswordForm, password: &Secret<Vec<u8>>, iterations: u32) -> Result<Secret<String>, Failure> {
    let hash = match form {
        PasswordForm::Argon2id => {
            // Prepared where that is possible, so that it does not matter how a client writes it.
            let prepared = prepared(password).ok();
            let octets =
                prepared.as_ref().map_or(password.expose().as_slice(), |text| text.expose().as_bytes());
            return Ok(Secret::new(generate_hash(octets)));
        }
        PasswordForm::ScramSha1 => Hash::Sha1,
        PasswordForm::ScramSha256 => Hash::Sha256,
        PasswordForm::ScramSha512 => Hash::Sha512,
    };
    let no_keys = |why: &dyn core::fmt::Display| {
        Failure::usage(format!(
            "no SCRAM keys can be made of this password: {why}; --form argon2id takes it as it is"
        ))
    };
    let password = prepared(password).map_err(|why| no_keys(&why))?;
    let mut salt = [0; SALT_OCTETS];
    getrandom::fill(&mut salt)
        .map_err(|error| Failure::usage(format!("the system gives no random octets: {error}")))?;
    let keys = Keys::derive(hash, password.expose().as_bytes(), &salt, iterations);
    let text = keys.map_err(|why| no_keys(&why))?.to_text();
    Ok(Secret::new(String::from_utf8_lossy(text.expose()).into_owned()))
}

/// The password as SASLprep makes it.
fn prepared(password: &Secret<Vec<u8>>) -> Result<Secret<String>, String> {
    let text = str::from_utf8(password.expose()).map_err(|_| "it is not UTF-8")?;
    let text = prepare(text, Kind::Stored).map_err(|error| format!("SASLprep finds {error}"))?;
    Ok(Secret::new(text.into_owned()))
}

fn ask() -> Result<Secret<Vec<u8>>, Failure> {
    let prompt = |text| {
        rpassword::prompt_password(text)
            .map(|password| Secret::new(password.into_bytes()))
            .map_err(|error| Failure::usage(format!("the password can't be read from the terminal: {error}")))
    };
    let password = prompt("Password: ")?;
    if !password.same_octets(prompt("The same again: ")?.expose()) {
        return Err(Failure::usage("the two passwords differ; nothing was printed"));
    }
    Ok(password)
}

fn read(input: &mut impl BufRead) -> Result<Secret<Vec<u8>>, Failure> {
    first_line(input)
        .map_err(|error| Failure::usage(format!("the password can't be read from standard input: {error}")))
}
