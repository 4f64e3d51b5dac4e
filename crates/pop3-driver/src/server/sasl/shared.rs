//! Lists of mechanisms that connections share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pop3_proto::server::OfferedMechanism;

/// The most lists that are remembered. A server offers few: one without TLS, one in TLS, one to each kind of client.
const MOST: usize = 8;

/// The lists that were offered last.
static LISTS: Mutex<VecDeque<Arc<[OfferedMechanism]>>> = Mutex::new(VecDeque::new());

/// A list with these mechanisms, which is that of another connection if it had the same.
pub(super) fn list(mechanisms: &[OfferedMechanism]) -> Arc<[OfferedMechanism]> {
    // Nothing panics while the lock is held.
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(list) = lists.iter().find(|list| ***list == *mechanisms) {
        return Arc::clone(list);
    }
    if lists.len() == MOST {
        lists.pop_front();
    }
    let list = Arc::from(mechanisms);
    lists.push_back(Arc::clone(&list));
    list
}

#[cfg(test)]
mod tests {
    use pop3_proto::MechanismName;
    use pop3_proto::server::Needs;

    use super::*;

    #[test]
    fn equal_lists_are_shared_and_old_ones_are_forgotten() {
        let of = |name: &str| {
            [OfferedMechanism::new(MechanismName::parse(name.as_bytes()).unwrap(), Needs::Nothing)]
        };
        let first = list(&of("SHARED-0"));
        assert_eq!(*first, of("SHARED-0"));
        for index in 1..=2 * MOST {
            assert_eq!(*list(&of(&format!("SHARED-{index}"))), of(&format!("SHARED-{index}")));
        }
        assert!(LISTS.lock().unwrap().len() <= MOST);
        assert!(!Arc::ptr_eq(&first, &list(&of("SHARED-0"))));
    }
}
