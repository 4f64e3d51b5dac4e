//! `pop3 deliver`: a message on standard input into the maildrop of a user, for the pipe transports of mail servers.
//!
//! Postfix returns a message to its sender if a command ends with a code that it does not know, or takes too long. So
//! whatever is not certain to be permanent, wrong options included, ends with EX_TEMPFAIL: the message waits.

#[cfg(feature = "tokio")]
mod body;
mod maildirs;
mod message;
#[cfg(feature = "tokio")]
mod sql;
mod undelivered;

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::io::{self, Read};
use std::sync::mpsc;
use std::{panic, process, thread};

pub(crate) use maildirs::Maildirs;
pub(crate) use message::Message;
pub(crate) use undelivered::Undelivered;

use crate::args::store_url::StoreUrl;
use crate::args::{Deliver, StoreAt};
#[cfg(feature = "tokio")]
use crate::database;
use crate::exit::{Exit, Failure};
use crate::tell::tell;

/// Octets stored at once.
const PIECE: usize = 64 * 1024;

/// Delivers what is on standard input.
pub(crate) fn run(options: &Deliver) -> Exit {
    let _limit = limit(options.timeout);
    let delivered = panic::catch_unwind(AssertUnwindSafe(|| deliver(options)))
        .unwrap_or_else(|_| Err(Undelivered::later("the program has failed; please report this")));
    match delivered {
        Ok(()) => Exit::Done,
        Err(undelivered) => {
            tell(&undelivered);
            undelivered.exit()
        }
    }
}

/// Says what is wrong with the command line. The message waits until that is right.
pub(crate) fn refuse(failure: &Failure) -> Exit {
    let undelivered = Undelivered::settings(failure.message());
    tell(&undelivered);
    undelivered.exit()
}

fn deliver(options: &Deliver) -> Result<(), Undelivered> {
    let StoreAt { store, names, maildirs } = &options.at;
    let unusable = |failure: Failure| Undelivered::settings(failure.message());
    let store = store.required().map_err(unusable)?;
    let name = &options.user;
    let user = names.user(name).map_err(unusable)?;
    let user = user.ok_or_else(|| Undelivered::no_user(name))?;
    let message = || Message::read(io::stdin().lock(), &options.fields()).map_err(|error| unread(&error));
    if let StoreUrl::Maildir(folder) = store {
        if options.id.is_some() {
            let text =
                "--id does not work with Maildirs, which do not remember what was delivered; leave it out";
            return Err(Undelivered::settings(text));
        }
        let store = Maildirs::new(&folder, maildirs, names).map_err(unusable)?;
        return store.store(&user, false, &mut message()?);
    }
    #[cfg(feature = "tokio")]
    if let Some(url) = database::url(&store).map_err(|error| unusable(error.into()))? {
        let stored = sql::deliver(&url, &user, &mut message()?, options.id.as_deref())?;
        if options.verbose && !stored {
            tell("pop3: an earlier attempt had stored the message");
        }
        return Ok(());
    }
    Err(Undelivered::settings(format!("{store}: this program was built without databases")))
}

/// Passes the message on piece by piece.
fn copy(
    message: &mut dyn Read,
    store: &mut dyn FnMut(&[u8]) -> Result<(), Undelivered>,
) -> Result<(), Undelivered> {
    let (mut piece, mut is_empty) = (vec![0; PIECE], true);
    loop {
        match message.read(&mut piece) {
            Ok(0) if is_empty => return Err(Undelivered::later("there is no message on standard input")),
            Ok(0) => return Ok(()),
            Ok(read) => {
                is_empty = false;
                store(&piece[..read])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(&error)),
        }
    }
}

fn unread(error: &io::Error) -> Undelivered {
    Undelivered::later(format!("the message can't be read from standard input: {error}"))
}

/// Ends the program after this time, unless the value is dropped before. What is not stored by then is not stored.
fn limit(time: Duration) -> mpsc::Sender<()> {
    let (done, wait) = mpsc::channel();
    let wait = move || {
        if wait.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
            let seconds = time.as_secs();
            let undelivered = Undelivered::later(format!("the message was not delivered within {seconds} s"));
            tell(&undelivered);
            process::exit(undelivered.exit().code());
        }
    };
    // Without the thread there is no limit but that of the mail server.
    let _ = thread::Builder::new().spawn(wait);
    done
}
