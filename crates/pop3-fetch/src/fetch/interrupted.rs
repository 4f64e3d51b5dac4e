//! A fetch that is killed at any change on the disk, or meets a fault at one, and the runs after it: no message is lost,
//! none is doubled.

use core::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pop3_disk::{Change, Faults, System, What};
use pop3_driver::Stop;
use pop3_proto::MessageNumber;

use super::catalogue::{Catalogue, Listed};
use super::found::{leftovers, stored};
use super::inbox::{Inbox, Kept, To};
use super::plan::{plan, task};
use crate::journal::Key;
use crate::{FetchError, FetchOptions, Target};

/// A maildrop: unique-ids, empty where the server gives none, and messages.
pub(super) type Maildrop = Vec<(&'static str, String)>;

/// How a session ends for a client that has sent QUIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quit {
    Answered,
    /// The deletions took place; the client does not know.
    AnswerLost,
    /// The server never saw the QUIT.
    Lost,
}

/// A directory in memory where there is such a place: thousands of runs rename files, which takes time on
/// a disk.
pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// One run; an error is a fault of the disk. `broken` messages arrive cut.
fn run(
    faults: &Faults,
    maildrop: &mut Maildrop,
    target: &Target,
    state: &Path,
    delete: bool,
    quit: impl FnOnce() -> Quit,
    broken: &str,
) -> Result<(), String> {
    let mut inbox = open(faults, target, state).map_err(|failure| failure.to_string())?;
    session(&mut inbox, maildrop, delete, quit, broken)
}

pub(super) fn open(faults: &Faults, target: &Target, state: &Path) -> Result<Inbox, FetchError> {
    Inbox::open(&faults.shared(), To::Target(target), state, "u@h:1", false, &Stop::new())
}

/// One run of an inbox that is open. It asks how its end goes when it comes to it.
pub(super) fn session(
    inbox: &mut Inbox,
    maildrop: &mut Maildrop,
    delete: bool,
    quit: impl FnOnce() -> Quit,
    broken: &str,
) -> Result<(), String> {
    inbox.begin_run().map_err(|error| error.to_string())?;
    let fetched = fetch(inbox, maildrop, delete, quit, broken);
    inbox.end_run();
    fetched
}

fn fetch(
    inbox: &mut Inbox,
    maildrop: &mut Maildrop,
    delete: bool,
    quit: impl FnOnce() -> Quit,
    broken: &str,
) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let listing = maildrop
        .iter()
        .enumerate()
        .map(|(index, (uid, body))| Listed {
            number: MessageNumber::from_index(index).unwrap(),
            size: Some(body.len() as u64),
            key: (!uid.is_empty()).then(|| Key::of_uid(uid.as_bytes())),
        })
        .collect::<Catalogue>();
    let census = listing.census();
    inbox.reconcile(&census).map_err(text)?;
    let plan = plan(&listing, &census, inbox.memory(), &FetchOptions::new().with_delete(delete));
    let mut marked = Vec::new();
    let mut whole = true;
    for task in plan.fetch.iter().map(|place| task(&listing, &census, place).unwrap()) {
        let (uid, body) = &maildrop[task.number.index()];
        // Without room in memory, a message is received as a large one is.
        let crowded = uid.starts_with("large").then(|| inbox.reception().crowded());
        let mut incoming = crowded.as_ref().unwrap_or(inbox.reception()).begin(task.size);
        if body == broken {
            whole = false;
            incoming.push(&body.as_bytes()[..2]).map_err(text)?;
            continue;
        }
        incoming.push(body.as_bytes()).and_then(|()| incoming.finish(false)).map_err(text)?;
        match inbox.keep(incoming, &task).map_err(text)? {
            Kept::New(id) | Kept::Known(id) => marked.push((task.number, id)),
        }
    }
    inbox.commit().map_err(text)?;
    if delete {
        marked.extend(plan.delete.iter().map(|place| {
            let task = task(&listing, &census, place).unwrap();
            (task.number, task.id.unwrap())
        }));
        assert!(marked.iter().all(|(_, id)| inbox.is_stored(*id)));
        inbox.deleting(&marked.iter().map(|(_, id)| *id).collect::<Vec<_>>()).map_err(text)?;
        let quit = quit();
        if quit != Quit::Lost {
            let mut index = 0;
            maildrop.retain(|_| {
                index += 1;
                !marked.iter().any(|(number, _)| number.index() == index - 1)
            });
        }
        if quit != Quit::Answered {
            return Ok(());
        }
        inbox.deleted().map_err(text)?;
    }
    inbox.prune(&census, whole, 90).map_err(text)
}

pub(super) fn expected(maildrop: &Maildrop) -> BTreeMap<String, usize> {
    maildrop.iter().map(|(_, body)| (body.clone(), 1)).collect()
}

pub(super) fn mail(uids: &[&'static str]) -> Maildrop {
    let message =
        |(index, &uid): (usize, &&'static str)| (uid, format!("n: {index}\r\n\r\nbody {index}\r\n"));
    uids.iter().enumerate().map(message).collect()
}

/// What happens to the first run at a change on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The change fails, and none behind it.
    Fails,
    /// The run is killed, and the next one too, at this change of its own.
    Killed(Option<u64>),
}

/// The second run is killed early or late.
pub(super) const FAULTS: [Fault; 7] = [
    Fault::Fails,
    Fault::Killed(None),
    Fault::Killed(Some(1)),
    Fault::Killed(Some(3)),
    Fault::Killed(Some(6)),
    Fault::Killed(Some(11)),
    Fault::Killed(Some(17)),
];

pub(super) fn system() -> Faults {
    Faults::over(System::shared())
}

/// A file system on which a file gets its name by a link.
pub(super) fn with_links_only() -> Faults {
    let faults = system();
    faults.without_rename_new();
    faults
}

/// A file system without links.
fn without_links() -> Faults {
    let faults = system();
    faults.without_links();
    faults
}

/// A file system on which a file can't get its name without replacing another.
fn with_plain_moves_only() -> Faults {
    let faults = with_links_only();
    faults.without_links();
    faults
}

/// Has each fault happen at every change of the first run, and looks at what is there in the end; and that with each
/// end of the session.
fn survives(
    uids: &[&'static str],
    target: fn(PathBuf) -> Target,
    delete: bool,
    quits: &[Quit],
    faults: &Faults,
) {
    survives_each(&FAULTS, uids, target, delete, quits, faults);
}
pub(super) fn survives_each(
    each: &[Fault],
    uids: &[&'static str],
    target: fn(PathBuf) -> Target,
    delete: bool,
    quits: &[Quit],
    faults: &Faults,
) {
    // What is over before a session has sent QUIT is the same whatever its end would have been.
    let mut over = HashMap::new();
    for &quit in quits {
        let case = Case { uids, target, delete, quit, faults };
        let changes = case.run_with(None).changes;
        assert!(changes.len() > 5, "there is something to fail: {changes:?}");
        for (at, change) in (1..).zip(&changes) {
            for (index, &fault) in each.iter().enumerate() {
                // A run that is killed before or behind a sync leaves the same.
                if matches!(change.what, What::Sync | What::SyncAll) && !matches!(fault, Fault::Fails) {
                    continue;
                }
                if let Some(what) = over.get(&(at, index)) {
                    assert_eq!(*what, change.what, "{uids:?}: change {at}, {quit:?}");
                } else if !case.run_with(Some((at, change, fault))).has_sent_quit {
                    over.insert((at, index), change.what);
                }
            }
        }
    }
}

/// A run and those after it.
struct Case<'a> {
    uids: &'a [&'static str],
    target: fn(PathBuf) -> Target,
    delete: bool,
    quit: Quit,
    faults: &'a Faults,
}

/// What became of a case.
struct Outcome {
    /// The changes of the first run.
    changes: Vec<Change>,
    /// Whether a run whose end matters has come to it.
    has_sent_quit: bool,
}

impl Case<'_> {
    /// Has a fault happen at a change of the first run, if it is to.
    fn run_with(&self, fault: Option<(u64, &Change, Fault)>) -> Outcome {
        let Self { uids, delete, quit, faults, .. } = *self;
        let folder = folder();
        let mail_folder = folder.path().join("mail");
        fs::create_dir(&mail_folder).unwrap();
        let target = (self.target)(mail_folder.join("box"));
        let state = folder.path().join("state");
        let mut maildrop = mail(uids);
        let mut all = expected(&maildrop);
        let what = format!("{uids:?} delete {delete} {quit:?}, {fault:?}");
        let has_sent_quit = Cell::new(false);
        let end = || {
            has_sent_quit.set(true);
            quit
        };

        match fault {
            None => faults.calm(),
            Some((at, _, Fault::Killed(_))) => faults.end_at(at),
            Some((at, change, Fault::Fails)) => faults.fail_at(at, refusal(change.what)),
        }
        let first = run(faults, &mut maildrop, &target, &state, delete, end, "");
        assert_eq!(faults.has_failed(), fault.is_some(), "{what}");
        // What only tidies up may fail unheard.
        assert!(fault.is_some() || first.is_ok(), "{what}: {first:?}");
        let changes = faults.changes();
        if let Some((_, _, Fault::Killed(Some(second)))) = fault {
            faults.end_at(second);
            let _ = run(faults, &mut maildrop, &target, &state, delete, end, "");
        }
        faults.calm();
        // A server gives unique-ids or none.
        let late_uid = if uids.first() == Some(&"") { "" } else { "late" };
        let late = (late_uid, "late\r\n".to_owned());
        maildrop.push(late.clone());
        all.insert(late.1, 1);
        // Two whole runs: the first puts all in order, the second finds nothing to do.
        for _ in 0..2 {
            run(faults, &mut maildrop, &target, &state, delete, || Quit::Answered, "")
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(stored(&target), all, "{what}");
            assert_eq!(leftovers(&target), 0, "{what}");
        }
        assert_eq!(maildrop.is_empty(), delete, "{what}");
        Outcome { changes, has_sent_quit: has_sent_quit.get() }
    }
}

/// What a system says that does not do it.
pub(super) fn refusal(what: What) -> ErrorKind {
    if matches!(what, What::Rename | What::Link | What::Unlink) {
        ErrorKind::PermissionDenied
    } else {
        ErrorKind::StorageFull
    }
}

const QUITS: [Quit; 3] = [Quit::Answered, Quit::AnswerLost, Quit::Lost];

pub(super) const UIDS: [&[&str]; 4] = [&["a", "b", "c"], &["a", "a", "b", "a"], &["", ""], &[]];

#[test]
fn into_a_folder_leaving_mail_on_the_server() {
    UIDS.iter().for_each(|uids| survives(uids, Target::Dir, false, &[Quit::Answered], &system()));
}

#[test]
fn into_a_folder_deleting() {
    UIDS.iter().for_each(|uids| survives(uids, Target::Dir, true, &QUITS, &system()));
}

#[test]
fn into_a_folder_on_a_file_system_that_lacks_calls() {
    survives(UIDS[0], Target::Dir, true, &[Quit::Answered], &with_plain_moves_only());
}

#[test]
fn into_a_maildir() {
    UIDS.iter().for_each(|uids| survives(uids, Target::Maildir, false, &[Quit::Answered], &system()));
    UIDS.iter().for_each(|uids| survives(uids, Target::Maildir, true, &QUITS, &system()));
}

#[test]
fn into_a_maildir_on_file_systems_that_lack_calls() {
    for faults in [with_links_only(), with_plain_moves_only()] {
        survives(UIDS[0], Target::Maildir, true, &[Quit::Answered], &faults);
    }
}

#[test]
fn into_an_mbox_on_a_file_system_without_links() {
    survives(UIDS[0], Target::Mbox, true, &[Quit::Answered], &without_links());
}

#[test]
fn into_an_mbox() {
    UIDS.iter().for_each(|uids| survives(uids, Target::Mbox, false, &[Quit::Answered], &system()));
}

#[test]
fn into_an_mbox_deleting() {
    UIDS.iter().for_each(|uids| survives(uids, Target::Mbox, true, &QUITS, &system()));
}

/// What a system could not bring to the disk may be gone after a power failure.
#[test]
fn a_sync_that_fails_ends_the_run_before_anything_is_deleted() {
    for target in [Target::Dir, Target::Maildir] {
        let attempt = |at| {
            let (folder, faults, behind) = (folder(), system(), Cell::new(None));
            let (target, state) = (target(folder.path().join("box")), folder.path().join("state"));
            faults.fail_at(at, ErrorKind::Other);
            let quit = || {
                behind.set(Some(faults.changes().len()));
                Quit::Answered
            };
            let result = run(&faults, &mut mail(&["a", "b"]), &target, &state, true, quit, "");
            (result.is_ok(), behind.get(), faults.changes())
        };
        let (is_ok, behind, changes) = attempt(u64::MAX);
        let before = &changes[..behind.unwrap()];
        assert!(is_ok && before.iter().filter(|change| change.what == What::Sync).count() > 3);
        for (at, change) in (1..).zip(before).filter(|(_, change)| change.what == What::Sync) {
            let (is_ok, behind, _) = attempt(at);
            assert_eq!((is_ok, behind), (false, None), "{change:?}");
        }
    }
}

/// Of two messages with one unique-id one arrives cut; the other one is deleted, and the client does
/// not learn whether that took place. The one that was cut is fetched later, once.
#[test]
fn one_of_two_with_the_same_unique_id_arrives_cut() {
    for quit in QUITS {
        for cut in [0, 1] {
            let folder = folder();
            let target = Target::Dir(folder.path().join("mail"));
            let state = folder.path().join("state");
            let mut maildrop = mail(&["a", "a"]);
            let all = expected(&maildrop);
            let broken = maildrop[cut].1.clone();
            let faults = system();
            run(&faults, &mut maildrop, &target, &state, true, || quit, &broken).unwrap();
            assert_eq!(stored(&target).len(), 1);
            run(&faults, &mut maildrop, &target, &state, true, || Quit::Answered, "").unwrap();
            assert_eq!(stored(&target), all, "{quit:?} {cut}");
            assert!(maildrop.is_empty());
        }
    }
}
