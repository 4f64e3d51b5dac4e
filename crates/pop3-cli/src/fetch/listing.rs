//! What the server lists.

use std::collections::BTreeMap;

use pop3_driver::Transport;
use pop3_driver::client::{Client, Error};
use pop3_proto::MessageNumber;

use super::plan::Listed;
use super::session::Ended;
use crate::journal::Key;

/// What the server lists, in the order of the numbers. LIST and UIDL are optional each.
pub(super) async fn list<T: Transport>(client: &mut Client<T>) -> Result<Vec<Listed>, Ended> {
    let mut listing = BTreeMap::new();
    let sizes = optional(client.list().await)?;
    let uids = optional(client.uidl().await)?;
    if sizes.is_none() && uids.is_none() {
        let messages = client.stat().await?.messages;
        for number in (1..=messages).filter_map(MessageNumber::new) {
            listing.insert(number, Listed { number, size: None, key: None });
        }
    }
    for (number, size) in sizes.into_iter().flatten() {
        listing.insert(number, Listed { number, size: Some(size), key: None });
    }
    for (number, uid) in uids.into_iter().flatten() {
        let listed = listing.entry(number).or_insert(Listed { number, size: None, key: None });
        listed.key = Some(Key::of_uid(&uid));
    }
    Ok(listing.into_values().collect())
}

fn optional<V>(result: Result<V, Error>) -> Result<Option<V>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
