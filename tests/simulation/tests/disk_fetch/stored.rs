//! What is stored in a target, read as a strict program reads it.

use std::collections::BTreeSet;
use std::path::Path;

use pop3_fetch::Target;
use pop3_simulation::SimDisk;
use pop3_simulation::disk::Found;

/// The messages in a target, as they would be on the server, with CRLF. The mbox must be whole.
pub(crate) fn messages(disk: &SimDisk, target: &Target) -> Result<Vec<Vec<u8>>, String> {
    match target {
        Target::Dir(path) => Ok(files(disk, path, |name| {
            name.extension().is_some_and(|end| end == "eml") && name.parent() == Some(Path::new(""))
        })),
        Target::Maildir(path) => {
            let all = files(disk, path, |name| name.starts_with("new") || name.starts_with("cur"));
            Ok(all.iter().map(|message| with_crlf(message)).collect())
        }
        Target::Mbox(path) => {
            let all = parse_mbox(&disk.read(path).unwrap_or_default())?;
            Ok(all.iter().map(|message| with_crlf(message)).collect())
        }
        Target::Stdout | _ => panic!("{target} is not tested"),
    }
}

/// The contents of files, of each once: a crash may leave both names of a file that was moved.
fn files(disk: &SimDisk, path: &Path, is_one: impl Fn(&Path) -> bool) -> Vec<Vec<u8>> {
    let mut inodes = BTreeSet::new();
    let found = disk.peek(path).into_iter().filter(|(name, _)| is_one(name));
    let found = found.filter(|(name, _)| inodes.insert(disk.inode(path.join(name))));
    found.filter_map(|(_, found)| if let Found::File(octets) = found { Some(octets) } else { None }).collect()
}

fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        let (line, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |line| (line, b"\r\n"));
        octets.extend_from_slice(line);
        octets.extend_from_slice(end);
    }
    octets
}

/// Reads the form mboxrd: each message begins with a line `From ` at the start or behind an empty line, and ends with an
/// empty line.
fn parse_mbox(octets: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut is_behind_empty = true;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if !line.ends_with(b"\n") {
            return Err("the last line has no end".to_owned());
        }
        if line.starts_with(b"From ") {
            if !is_behind_empty {
                return Err(format!("no empty line before: {}", line.escape_ascii()));
            }
            if let Some(last) = messages.last_mut() {
                // The line end of the empty line.
                last.pop();
            }
            messages.push(Vec::new());
        } else {
            let Some(message) = messages.last_mut() else {
                return Err(format!("it begins with: {}", line.escape_ascii()));
            };
            let quoted = line.strip_prefix(b">").filter(|rest| {
                let signs = rest.iter().take_while(|&&octet| octet == b'>').count();
                rest[signs..].starts_with(b"From ")
            });
            message.extend_from_slice(quoted.unwrap_or(line));
        }
        is_behind_empty = line == b"\n";
    }
    if !is_behind_empty {
        return Err("no empty line at the end".to_owned());
    }
    if let Some(last) = messages.last_mut() {
        last.pop();
    }
    Ok(messages)
}
