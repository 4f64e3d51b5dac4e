//! What the tests share.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Folder, Open};
use pop3_simulation::disk::{Nature, SimProcess};
use pop3_simulation::{Chance, SimClock, SimDisk};

pub(crate) fn disk_with(chance: &Chance, change: impl FnOnce(&mut Nature)) -> SimDisk {
    let mut nature = Nature::default();
    change(&mut nature);
    SimDisk::with_nature(chance.fork(), SimClock::default(), nature)
}

pub(crate) fn top(process: &SimProcess) -> Arc<dyn Folder> {
    process.disk().open_folder(Path::new("/")).unwrap()
}

pub(crate) fn put(folder: &dyn Folder, name: &[u8], octets: &[u8]) {
    folder.open(name, Open::writing().make_new(0o600)).unwrap().write_all(octets).unwrap();
}

pub(crate) fn put_synced(folder: &dyn Folder, name: &[u8], octets: &[u8]) {
    let mut file = folder.open(name, Open::writing().make_new(0o600)).unwrap();
    file.write_all(octets).unwrap();
    file.sync().unwrap();
}

pub(crate) fn get(folder: &dyn Folder, name: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    folder.open(name, Open::reading()).unwrap().read_to_end(&mut octets).unwrap();
    octets
}
