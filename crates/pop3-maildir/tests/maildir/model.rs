//! Random histories of a Maildir, compared with a list of what must be in it.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use pop3_maildir::{Delivery, Maildir, MaildirConfig, MessageError};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use crate::support::{eager, maildir};

/// What other programs do to the files.
#[derive(Clone, Debug)]
enum Deed {
    Deliver(Vec<u8>),
    /// Moves to `cur` or changes flags there.
    Flag(Index, u8),
    Remove(Index),
    /// Adds another file with the same name except for the flags.
    Double(Index),
}

#[derive(Clone, Debug)]
enum End {
    Drop,
    Commit(u64),
}

#[derive(Clone, Debug)]
struct Sitting {
    before: Vec<Deed>,
    during: Vec<Deed>,
    seen: bool,
    end: End,
}

fn deed() -> impl Strategy<Value = Deed> {
    let octet = prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'.'), any::<u8>()];
    prop_oneof![
        4 => proptest::collection::vec(octet, 0..40).prop_map(Deed::Deliver),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(index, flags)| Deed::Flag(index, flags)),
        1 => any::<Index>().prop_map(Deed::Remove),
        1 => any::<Index>().prop_map(Deed::Double),
    ]
}

fn sitting() -> impl Strategy<Value = Sitting> {
    let deeds = || proptest::collection::vec(deed(), 0..6);
    let end = prop_oneof![Just(End::Drop), any::<u64>().prop_map(End::Commit)];
    (deeds(), deeds(), any::<bool>(), end).prop_map(|(before, during, seen, end)| Sitting {
        before,
        during,
        seen,
        end,
    })
}

/// The truth: each message begins with a serial number.
struct World {
    folder: TempDir,
    delivery: Delivery,
    serial: u64,
    /// The existing messages, by content.
    texts: BTreeMap<Vec<u8>, Option<String>>,
    /// All unique-ids that were ever shown, and their contents.
    shown: HashMap<String, Vec<u8>>,
    /// Files with a name that another one had or has. While they are open, no other file gets their inode: the same
    /// name with the same inode is the same file, as far as a login looks.
    doubled: Vec<File>,
}

impl World {
    fn new() -> Self {
        let folder = maildir();
        let delivery = Delivery::open(folder.path(), false).unwrap();
        Self {
            folder,
            delivery,
            serial: 0,
            texts: BTreeMap::new(),
            shown: HashMap::new(),
            doubled: Vec::new(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .flat_map(|name| fs::read_dir(self.folder.path().join(name)).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    fn text(&mut self, body: &[u8]) -> Vec<u8> {
        self.serial += 1;
        let text = [format!("{}\n", self.serial).as_bytes(), body].concat();
        self.texts.insert(text.clone(), None);
        text
    }

    fn act(&mut self, deed: &Deed) {
        let files = self.files();
        let pick = |index: &Index| (!files.is_empty()).then(|| files[index.index(files.len())].clone());
        match deed {
            Deed::Deliver(body) => {
                let text = self.text(body);
                let mut message = self.delivery.begin().unwrap();
                message.write_all(&text).unwrap();
                message.finish().unwrap();
            }
            Deed::Flag(index, flags) => {
                let Some(path) = pick(index) else { return };
                let to = self.flagged(&path, *flags);
                if !to.exists() {
                    fs::rename(path, to).unwrap();
                }
            }
            Deed::Remove(index) => {
                let Some(path) = pick(index) else { return };
                self.texts.remove(&fs::read(&path).unwrap()).unwrap();
                fs::remove_file(path).unwrap();
            }
            Deed::Double(index) => {
                let Some(path) = pick(index) else { return };
                let to = self.flagged(&path, 0b111);
                if to.exists() {
                    return;
                }
                let text = self.text(b"double\n");
                fs::write(&to, text).unwrap();
                self.doubled.extend([path, to.clone()].map(|path| File::open(path).unwrap()));
                // Always the newest, as if it was added last.
                let time = SystemTime::now() + Duration::from_secs(1000 + self.serial);
                File::options().write(true).open(to).unwrap().set_modified(time).unwrap();
            }
        }
    }

    fn flagged(&self, path: &std::path::Path, flags: u8) -> PathBuf {
        let name = path.file_name().unwrap().to_str().unwrap();
        let base = name.split(':').next().unwrap();
        let flags: String =
            "FRST".chars().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, c)| c).collect();
        self.folder.path().join("cur").join(format!("{base}:2,{flags}"))
    }

    fn sit(&mut self, sitting: &Sitting) {
        sitting.before.iter().for_each(|deed| self.act(deed));
        let config: MaildirConfig = eager().with_seen_flag(sitting.seen);
        let mut maildir = Maildir::open_with(self.folder.path(), &config).unwrap();
        let snapshot = maildir.take_snapshot();
        assert_eq!(snapshot.same_unique_id(), None);

        // Exactly the existing messages, each once, with its size and its old unique-id.
        let mut listed = Vec::new();
        for number in snapshot.numbers() {
            let mut text = Vec::new();
            maildir.message(number).unwrap().read_to_end(&mut text).unwrap();
            assert_eq!(snapshot.size(number), Some(pop3_proto::dots::wire_size(&text)));
            let uid = snapshot.unique_id(number).unwrap().to_string();
            let known = self.texts.get_mut(&text).expect("a message that nobody delivered");
            assert_eq!(known.get_or_insert_with(|| uid.clone()), &uid, "another unique-id");
            if let Some(old) = self.shown.insert(uid, text.clone())
                && old != text
            {
                // A file that gets a used name may have the old unique-id if the other file disappeared
                // before both were listed together. Nobody can distinguish it from the old file.
                let took_over = text.ends_with(b"\ndouble\n") && !self.texts.contains_key(&old);
                assert!(took_over, "a unique-id used twice");
            }
            listed.push((number, text));
        }
        let distinct: HashSet<&Vec<u8>> = listed.iter().map(|(_, text)| text).collect();
        assert_eq!((distinct.len(), listed.len()), (self.texts.len(), self.texts.len()), "lost or doubled");

        sitting.during.iter().for_each(|deed| self.act(deed));

        // Unchanged in the snapshot, or gone.
        for (number, text) in &listed {
            match maildir.message(*number) {
                Ok(mut message) => {
                    let mut again = Vec::new();
                    message.read_to_end(&mut again).unwrap();
                    assert_eq!(&again, text);
                }
                Err(error) => {
                    assert!(!self.texts.contains_key(text), "{error:?}");
                    assert!(matches!(error, MessageError::Vanished { .. } | MessageError::Changed { .. }));
                }
            }
        }

        let End::Commit(mask) = sitting.end else { return };
        let marked: Vec<_> =
            listed.iter().filter(|(number, _)| mask & (1 << (number.index() % 64)) != 0).collect();
        let report = maildir
            .remove(marked.iter().map(|(number, _)| *number), listed.iter().map(|(number, _)| *number));
        let failed: Vec<_> = report.failures().iter().map(|failure| failure.number).collect();
        for (number, text) in marked {
            let was_there = self.texts.remove(text).is_some();
            // A failure is correct only if something else replaced what disappeared.
            assert!(!failed.contains(number) || !was_there, "{report:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_renamed(sittings in proptest::collection::vec(sitting(), 1..8)) {
        let mut world = World::new();
        for sitting in &sittings {
            world.sit(sitting);
        }
    }
}
