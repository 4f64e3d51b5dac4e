//! Names that no other file has, and how a file gets one.

use core::hash::{BuildHasher as _, Hasher as _};
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::hash_map::RandomState;
use std::io;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Folder, is_without_links};

/// The longest host name that we write into a file name, so that flags and size fields of other
/// programs still fit.
const HOST_MAX: usize = 64;

/// A new base: `seconds.M<micros>P<process>Q<counter>R<random>.host`, all of which maildir(5)
/// proposes. Two processes, two threads, and two machines on one file system get different ones.
///
/// `seconds` are the delivery time to show, `now` if there are none. A `label` stands for the random part.
pub(crate) fn base(now: SystemTime, seconds: Option<&[u8]>, label: Option<u64>) -> Vec<u8> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let random = label.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let mut base = seconds.map_or_else(|| now.as_secs().to_string().into_bytes(), <[u8]>::to_vec);
    base.extend_from_slice(
        format!(".M{:06}P{}Q{count}R{random:016x}.", now.subsec_micros(), process::id()).as_bytes(),
    );
    host(rustix::system::uname().nodename().to_bytes(), &mut base);
    base
}

/// Whether this is a [base] with this label.
pub(crate) fn is_labelled(name: &[u8], label: u64) -> bool {
    let mark = format!("R{label:016x}");
    let unique = name.split(|&octet| octet == b'.').nth(1);
    unique.is_some_and(|unique| unique.starts_with(b"M") && unique.ends_with(mark.as_bytes()))
}

/// Appends a host name, with `/` and `:` written as maildir(5) says.
fn host(name: &[u8], base: &mut Vec<u8>) {
    let end = base.len() + HOST_MAX;
    for &octet in if name.is_empty() { b"localhost" } else { name } {
        let escaped: &[u8] = match octet {
            b'/' => b"\\057",
            b':' => b"\\072",
            // A comma begins a size field.
            b',' => b"_",
            _ if octet.is_ascii_graphic() => &[octet],
            _ => b"_",
        };
        if base.len() + escaped.len() > end {
            break;
        }
        base.extend_from_slice(escaped);
    }
}

/// Why a file was not moved.
#[derive(Debug)]
pub(crate) struct NotMoved {
    pub(crate) source: io::Error,
    /// It has appeared under its new name, which could not be taken back: the file has both names, or somebody else has
    /// moved it on.
    pub(crate) has_appeared: bool,
}

impl From<io::Error> for NotMoved {
    fn from(source: io::Error) -> Self {
        Self { source, has_appeared: false }
    }
}

impl From<NotMoved> for io::Error {
    fn from(error: NotMoved) -> Self {
        error.source
    }
}

/// Moves a file to another name in one step, and never over another file.
///
/// Where the system can't do that, the file has both names for a moment. The old one goes only when the new one is on
/// the disk: a power failure may keep the change of one directory and lose that of the other, and the file with them.
/// If then neither name can be removed, the file is moved, and keeps the old name as well.
pub(crate) fn rename(from: &dyn Folder, old: &[u8], to: &dyn Folder, new: &[u8]) -> Result<(), NotMoved> {
    match from.rename_new(old, to, new) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        other => return Ok(other?),
    }
    match from.link(old, to, new) {
        Ok(()) => {}
        // The new name is unique, or was looked for just before.
        Err(error) if is_without_links(&error) => return Ok(from.rename(old, to, new)?),
        Err(error) => return Err(error.into()),
    }
    let synced = to.sync();
    let is_synced = synced.is_ok();
    match synced.and_then(|()| from.unlink(old)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // With two names, it would be two messages.
            let is_taken_back = to.unlink(new).is_ok();
            if is_synced && !is_taken_back {
                return Ok(());
            }
            Err(NotMoved { source: error, has_appeared: !is_taken_back })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_cannot_break_the_form_of_a_name() {
        let mut base = Vec::new();
        host(b"a/b:c,d\xff e", &mut base);
        assert_eq!(base, b"a\\057b\\072c_d__e");
        base.clear();
        host(&[b'/'; 300], &mut base);
        assert_eq!(base.len(), HOST_MAX);
        base.clear();
        host(b"", &mut base);
        assert_eq!(base, b"localhost");
    }

    #[test]
    fn bases_differ_and_keep_the_time_asked_for() {
        let (a, b) = (base(UNIX_EPOCH, Some(b"12"), None), base(UNIX_EPOCH, Some(b"12"), None));
        assert_ne!(a, b);
        assert!(a.starts_with(b"12.M") && b.starts_with(b"12.M"));
    }

    #[test]
    fn a_label_is_found_where_it_stands_and_nowhere_else() {
        let (ours, other) = (base(UNIX_EPOCH, None, Some(0xab)), base(UNIX_EPOCH, None, None));
        assert!(is_labelled(&ours, 0xab) && !is_labelled(&ours, 0xb) && !is_labelled(&other, 0xab));
        assert_ne!(ours, base(UNIX_EPOCH, None, Some(0xab)));
        for name in ["", "R00000000000000ab", "1.R00000000000000ab.h", "1.M2.R00000000000000ab", "1.M2Q3.h"] {
            assert!(!is_labelled(name.as_bytes(), 0xab), "{name}");
        }
    }
}
