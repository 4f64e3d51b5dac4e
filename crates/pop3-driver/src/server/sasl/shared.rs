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
    list_in(&mut LISTS.lock().unwrap_or_else(PoisonError::into_inner), mechanisms)
}

fn list_in(
    lists: &mut VecDeque<Arc<[OfferedMechanism]>>,
    mechanisms: &[OfferedMechanism],
) -> Arc<[OfferedMechanism]> {
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
        let mut lists = VecDeque::new();
        let first = list_in(&mut lists, &of("SHARED-0"));
        for index in 0..MOST {
            let name = format!("SHARED-{index}");
            assert_eq!(*list_in(&mut lists, &of(&name)), of(&name));
        }
        assert!(Arc::ptr_eq(&first, &list_in(&mut lists, &of("SHARED-0"))));
        list_in(&mut lists, &of("ANOTHER"));
        assert_eq!(lists.len(), MOST);
        assert!(!Arc::ptr_eq(&first, &list_in(&mut lists, &of("SHARED-0"))));
    }
}
