//! Messages that were sent are marked as seen, if configured.

use core::time::Duration;
use std::time::SystemTime;

use pop3_maildir::{Maildir, MaildirConfig};

use crate::support::{maildir, names, number, put, uids};

// MDR-03
#[test]
fn sent_messages_move_to_cur_and_keep_their_unique_ids() {
    let folder = maildir();
    for name in ["new/1.a.h", "new/2.a.h", "new/3.a.h", "cur/4.a.h:2,F"] {
        put(&folder, name, "x\n");
    }
    let config = MaildirConfig::new().with_seen_flag(true);
    let maildir = Maildir::open_with(folder.path(), &config).unwrap();
    let before = uids(&maildir);
    let report = maildir.remove([number(2)], [number(1), number(2), number(4)]);
    assert!(report.is_complete());
    assert_eq!((report.removed(), report.seen()), (1, 1));
    assert_eq!(names(&folder, "new"), ["3.a.h"]);
    assert_eq!(names(&folder, "cur"), ["1.a.h:2,S", "4.a.h:2,F"]);
    let after = uids(&Maildir::open(folder.path()).unwrap());
    assert_eq!(after, [&before[0], &before[2], &before[3]].map(String::clone));
}

// MDR-03
#[test]
fn by_default_new_mail_stays_new() {
    let folder = maildir();
    put(&folder, "new/1.a.h", "x\n");
    let report = Maildir::open(folder.path()).unwrap().remove([], [number(1)]);
    assert_eq!((report.seen(), names(&folder, "new").len()), (0, 1));
}

#[test]
fn expired_is_what_was_read_and_left_alone_since() {
    let folder = maildir();
    let far = u64::from(u32::MAX) * 2;
    for name in ["new/1.a.h", "new/2.a.h", "cur/3.a.h:2,S", "cur/4.a.h:2,F", "cur/5.a.h:1,S"] {
        put(&folder, name, "x\n");
    }
    put(&folder, &format!("cur/{far}.a.h:2,S"), "delivered by a clock that is wrong\n");
    let maildir = Maildir::open(folder.path()).unwrap();
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let expired = |before| maildir.expired(before, [number(2), number(99)]);
    // Each file was created just now, however old its name is.
    assert_eq!(expired(now - hour), []);
    assert_eq!(expired(SystemTime::UNIX_EPOCH - hour), []);
    assert_eq!(expired(now + hour), [number(2), number(3)]);
    assert_eq!(maildir.snapshot().len(), 6, "nothing is removed by that");
}
