//! From a path to what it leads to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::journal::{NodeId, ROOT};
use super::node::Kind;
use super::tree::{Done, Tree};

/// How many links a path may lead over.
const MOST_LINKS: u32 = 40;

impl Tree {
    /// What a path leads to, and the path without links. A relative path begins at the top.
    pub(super) fn resolve(&self, path: &Path, follow_last: bool) -> Done<(NodeId, PathBuf)> {
        let mut links = MOST_LINKS;
        self.walk(ROOT, PathBuf::from("/"), path, follow_last, &mut links)
    }

    fn walk(
        &self,
        mut at: NodeId,
        mut known: PathBuf,
        path: &Path,
        follow_last: bool,
        links: &mut u32,
    ) -> Done<(NodeId, PathBuf)> {
        if path.as_os_str().is_empty() {
            return Err(Errno::NOENT);
        }
        let wants_folder = path.as_os_str().as_bytes().ends_with(b"/");
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            match part {
                Component::RootDir | Component::Prefix(_) => (at, known) = (ROOT, PathBuf::from("/")),
                Component::CurDir => at = self.look(at, b".")?,
                Component::ParentDir => {
                    at = self.look(at, b"..")?;
                    known.pop();
                }
                Component::Normal(name) => {
                    let found = self.look(at, name.as_bytes())?;
                    match &self.node(found)?.kind {
                        Kind::Link(target) if follow_last || wants_folder || parts.peek().is_some() => {
                            *links = links.checked_sub(1).ok_or(Errno::LOOP)?;
                            let target = Path::new(OsStr::from_bytes(target));
                            (at, known) = self.walk(at, known, target, true, links)?;
                        }
                        Kind::File(_) | Kind::Folder(_) | Kind::Link(_) | Kind::Fifo => {
                            at = found;
                            known.push(name);
                        }
                    }
                }
            }
        }
        if wants_folder {
            self.folder(at)?;
        }
        Ok((at, known))
    }
}
