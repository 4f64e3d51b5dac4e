//! Messages are numbered in the order of delivery.

use crate::support::{contents, maildir, open, put};

// 1939-7.60, MDR-06
#[test]
fn by_time_not_by_folder_or_flags() {
    let folder = maildir();
    put(&folder, "new/1000000000.M5P1.h", "4");
    put(&folder, "cur/999999999.M5P1.h:2,S", "1");
    put(&folder, "cur/1000000000.M000004P1.h:2,S", "3");
    put(&folder, "new/1000000000.M3P1.h", "2");
    put(&folder, "cur/1000000000.M20P1.h:2,", "5");
    put(&folder, "new/1000000001.1_0.h", "6");
    put(&folder, "new/1000000001.1_1.h", "7");
    let mut maildir = open(&folder);
    let order: Vec<String> =
        contents(&mut maildir).into_iter().map(|content| String::from_utf8(content).unwrap()).collect();
    assert_eq!(order.concat(), "1234567");
}

#[test]
fn names_without_a_time_come_first_so_that_new_mail_comes_last() {
    let folder = maildir();
    put(&folder, "cur/letter:2,", "b");
    put(&folder, "cur/letter-a:2,", "c");
    put(&folder, "cur/99999999999999999999999999.x:2,", "a");
    put(&folder, "new/5.a.h", "d");
    assert_eq!(contents(&mut open(&folder)).concat(), b"abcd");
}
