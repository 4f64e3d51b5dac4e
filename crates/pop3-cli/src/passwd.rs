//! `pop3 passwd NAME`: a line for the users file.

use std::io::{self, BufRead, IsTerminal, Write};

use password_auth::generate_hash;
use pop3_proto::Secret;

use crate::args::Passwd;
use crate::exit::{Exit, Failure};
use crate::password::first_line;
use crate::users::UserName;

/// Asks for a password, twice, or reads the first line of standard input where that is no terminal,
/// and prints `NAME:$argon2id$...`.
pub(crate) fn run(options: &Passwd) -> Result<Exit, Failure> {
    let name = UserName::parse(options.name.as_bytes()).ok_or_else(|| {
        Failure::usage(format!(
            "{} can't be a user: a name has 1 to {} ASCII letters, digits and . _ - + @, and no dot first",
            options.name,
            UserName::MAX
        ))
    })?;
    let password = if io::stdin().is_terminal() { ask()? } else { read(&mut io::stdin().lock())? };
    if password.expose().is_empty() {
        return Err(Failure::usage("the password is empty; nothing was printed"));
    }
    if password.expose().contains(&0) || password.expose().contains(&b'\r') {
        return Err(Failure::usage("the password has a NUL or CR, which no client can send"));
    }
    let line = format!("{name}:{}\n", generate_hash(password.expose()));
    io::stdout()
        .write_all(line.as_bytes())
        .and_then(|()| io::stdout().flush())
        .map_err(|error| Failure::usage(format!("standard output can't be written: {error}")))?;
    Ok(Exit::Done)
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
