//! What a commit reports if something fails.

use std::path::Path;

use pop3_disk::Open;
use pop3_maildir::{Delivery, Maildir, MaildirConfig};
use pop3_proto::MessageNumber;
use pop3_simulation::actors::Deliverer;
use pop3_simulation::disk::{Call, DiskFaults, Errno, Nature};
use pop3_simulation::{Chance, SimClock, SimDisk};

/// A message has a second name, as a half-done move leaves it, and the folders can't be read for it.
#[test]
fn a_message_is_counted_once_if_its_other_names_can_not_be_looked_for() {
    let chance = Chance::new(1);
    let disk = SimDisk::with_nature(chance.clone(), SimClock::default(), Nature::default());
    Delivery::open_on(disk.actor().disk(), "/mail", true).unwrap();
    let name = Deliverer::new(&disk, Path::new("/mail"), &chance).deliver(b"hello\n");
    let actor = disk.actor().disk();
    let open = |name| actor.open_folder(Path::new(name)).unwrap();
    open("/mail/new").link(&name, &*open("/mail/tmp"), &name).unwrap();
    let maildir = Maildir::open_on(&disk.process().disk(), "/mail", &MaildirConfig::new()).unwrap();
    disk.set_faults(DiskFaults::none().from(&[Call::List], 1, &[Errno::IO]));
    let report = maildir.remove([MessageNumber::FIRST], []);
    assert!(!report.is_complete());
    assert_eq!((report.removed(), report.gone(), report.failures().len()), (0, 0, 1), "{report:?}");
    assert!(open("/mail/tmp").open(&name, Open::reading()).is_ok());
}
