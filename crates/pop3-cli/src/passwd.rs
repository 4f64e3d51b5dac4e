//! `pop3 passwd NAME`: lines for the users file.

use std::io::{self, BufRead, IsTerminal};

use pop3_connect::first_line;
use pop3_proto::Secret;
use pop3_serve::{BadPassword, UserName};

use crate::args::Passwd;
use crate::exit::{Exit, Failure};
use crate::password::prompt;
use crate::tell::hand_out;

/// Asks for a password, twice, or reads the first line of standard input where that is no terminal,
/// and prints `NAME:$argon2id$...` and the like, a line for each form.
pub(crate) fn run(options: &Passwd) -> Result<Exit, Failure> {
    let name = UserName::parse(options.name.as_bytes()).ok_or_else(|| bad_name(&options.name))?;
    let password = new_password()?;
    let mut lines = Secret::new(String::new());
    for form in &options.form {
        let form = form(options.iterations);
        let form = form.make(password.expose()).map_err(|error| explain(&error))?;
        lines = Secret::new(format!("{}{name}:{}\n", lines.expose(), form.expose()));
    }
    hand_out(lines.expose())?;
    Ok(Exit::Done)
}

/// The failure that this is no name of a user.
pub(crate) fn bad_name(name: &str) -> Failure {
    Failure::usage(format!("{name} is not a valid user name: {}", UserName::RULE))
}

/// Asks for a new password, twice, or reads the first line of standard input where that is no terminal.
pub(crate) fn new_password() -> Result<Secret<Vec<u8>>, Failure> {
    if io::stdin().is_terminal() { ask() } else { read(&mut io::stdin().lock()) }
}

/// The failure, which names the option that helps.
pub(crate) fn explain(error: &BadPassword) -> Failure {
    match error {
        BadPassword::Empty => Failure::usage(format!("{error}; nothing was done")),
        BadPassword::Unprepared(_) => Failure::usage(format!("{error}; --form argon2id accepts it as it is")),
        BadPassword::Unsendable | BadPassword::NoSalt(_) | _ => Failure::usage(error.to_string()),
    }
}

fn ask() -> Result<Secret<Vec<u8>>, Failure> {
    let password = prompt("Password: ")?;
    if !password.same_octets(prompt("Repeat the password: ")?.expose()) {
        return Err(Failure::usage("the passwords do not match; nothing was done"));
    }
    Ok(password)
}

fn read(input: &mut impl BufRead) -> Result<Secret<Vec<u8>>, Failure> {
    first_line(input)
        .map_err(|error| Failure::usage(format!("the password can't be read from standard input: {error}")))
}
