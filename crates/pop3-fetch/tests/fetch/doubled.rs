//! A server that sends a message twice.

use pop3_fetch::FetchOptions;

use super::server::{Faults, Mail};
use super::{House, Runtime, figures};

/// The second one has the size of the first.
const MAIL: [Mail; 4] = [
    ("a", "Subject: a\r\n\r\none\r\n"),
    ("b", "Subject: b\r\n\r\ntwo\r\n"),
    ("c", "Subject: c\r\n\r\nthree\r\n"),
    ("d", "Subject: d\r\n\r\nfour, the longest one\r\n"),
];

/// The second copy takes the place of the next message, and each message that of the one behind it. The connection
/// closes before that is found out.
#[test]
fn a_message_that_comes_twice_before_a_cut_takes_no_other_ones_place() {
    for pipelines in [false, true] {
        for lists_less in [false, true] {
            for doubled in 0..3 {
                let house = House::new(Runtime::Tokio);
                house.server.has(&MAIL);
                let faults = Faults { pipelines, lists_less, ..Faults::default() };
                house.server.fail(Faults { doubles: Some(doubled), cuts: Some(3), ..faults });
                house.run(FetchOptions::new().with_delete(true)).unwrap_err();
                house.server.fail(faults);
                let report = house.run(FetchOptions::new().with_delete(true)).unwrap();
                assert_eq!((figures(&report)[2..].to_vec(), house.server.left().len()), (vec![0, 4, 0], 0));
                house.has_each_message_once(&MAIL);
            }
        }
    }
}
