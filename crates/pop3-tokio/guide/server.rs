//! Serves folders of messages over TLS.

use core::error::Error;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use pop3_tokio::backend::{Context, LoginAttempt};
use pop3_tokio::proto::server::{Accepted, Extent};
use pop3_tokio::proto::{Deletions, MessageNumber, Rejection, Snapshot, UniqueId};
use pop3_tokio::server::{Entrance, Peer};
use pop3_tokio::store::{Locks, Maildrop, MaildropLock, Store, StoreService, wire_size};
use pop3_tokio::{Pool, Stop, certificates, serve, tls::Role};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

/// Each user has a folder. Each `.eml` file in it is a message, and its name is the unique-id.
struct Folders {
    root: PathBuf,
    passwords: HashMap<String, String>,
    locks: Locks,
}

/// The messages of a session, in the order of their numbers.
struct Folder {
    files: Vec<PathBuf>,
    _lock: MaildropLock,
}

impl Store for Folders {
    type Maildrop = Folder;

    fn open(
        &self,
        attempt: &LoginAttempt,
        _: &Peer,
        context: &Context,
    ) -> Result<(Accepted, Folder), Rejection> {
        let name = attempt.user().unwrap_or_default();
        attempt.verify(self.passwords.get(name))?;
        // Only names from the list of passwords get here, so this is no path to another folder.
        let folder = self.root.join(name);
        let _lock = self.locks.lock(name)?;
        let (snapshot, files) = list(&folder, context).map_err(unreadable)?;
        Ok((snapshot.into(), Folder { files, _lock }))
    }
}

fn list(folder: &Path, context: &Context) -> io::Result<(Snapshot, Vec<PathBuf>)> {
    let (mut snapshot, mut files) = (Snapshot::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        // Deliver under another name first, and rename the file when it is complete.
        if let (true, Ok(uid)) = (name.ends_with(b".eml"), UniqueId::parse(name)) {
            snapshot.push(wire_size(File::open(&file)?, context)?, uid);
            files.push(file);
        }
    }
    Ok((snapshot, files))
}

fn unreadable(error: io::Error) -> Rejection {
    eprintln!("a maildrop cannot be read: {error}");
    Rejection::temporary("the maildrop cannot be read now")
}

impl Maildrop for Folder {
    type Message = File;

    fn fetch(&mut self, message: MessageNumber, _: Extent, _: &Context) -> Result<File, Rejection> {
        File::open(&self.files[message.index()]).map_err(unreadable)
    }

    fn commit(self, deletions: &Deletions, _: &Context) -> usize {
        let remove = |message: MessageNumber| fs::remove_file(&self.files[message.index()]);
        let failed = |error: &io::Error| error.kind() != ErrorKind::NotFound;
        let errors = deletions.iter().filter_map(|message| remove(message).err());
        errors.filter(failed).count()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, root, passwords, chain, key] = &args[..] else {
        return Err("usage: server ADDRESS FOLDER PASSWORDS CHAIN.pem KEY.pem".into());
    };
    let text = fs::read_to_string(passwords)?;
    let users = text.lines().filter_map(|line| line.split_once(' '));
    let users = users.map(|(name, word)| (name.to_owned(), word.to_owned()));
    let (root, passwords) = (root.into(), users.collect());
    let store = Folders {
        root,
        passwords,
        locks: Locks::new(),
    };
    let service = StoreService::new(store, Pool::new())
        .on_end(|peer, report| println!("{peer}: {:?}, {}", report.user, report.close));
    let role = Role::Server(certificates::server_config_from_pem(chain, key)?);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stop = Stop::new();
    tokio::spawn(stop.clone().stop_after(ctrl_c()));
    serve(listener, Entrance::Implicit, role, service.into(), stop).await;
    Ok(())
}
