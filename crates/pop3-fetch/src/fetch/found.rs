//! What a target contains after the runs of a test.

use std::collections::BTreeMap;
use std::fs;

use crate::Target;

/// The messages in the target, each with its count.
pub(super) fn stored(target: &Target) -> BTreeMap<String, usize> {
    let mut bodies = Vec::new();
    match target {
        Target::Dir(folder) => {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    bodies.push(fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        Target::Mbox(path) => {
            let text = fs::read_to_string(path).unwrap_or_default();
            for message in text.split("From MAILER-DAEMON ").skip(1) {
                let body = message.split_once('\n').unwrap().1.strip_suffix('\n').unwrap();
                bodies.push(body.replace('\n', "\r\n"));
            }
        }
        Target::Maildir(folder) => {
            for entry in fs::read_dir(folder.join("new")).unwrap() {
                bodies.push(fs::read_to_string(entry.unwrap().path()).unwrap().replace('\n', "\r\n"));
            }
        }
        Target::Stdout => panic!("no such test"),
    }
    bodies.into_iter().fold(BTreeMap::new(), |mut counts, body| {
        *counts.entry(body).or_default() += 1;
        counts
    })
}

/// What lies beside the messages.
pub(super) fn leftovers(target: &Target) -> usize {
    match target {
        Target::Dir(folder) | Target::Maildir(folder) => fs::read_dir(folder.join("tmp")).unwrap().count(),
        Target::Mbox(path) => fs::read_dir(path.parent().unwrap()).unwrap().count() - 1,
        Target::Stdout => 0,
    }
}
