//! What the tests of the targets share.

use std::sync::Arc;

use super::{Gathered, Part, Room, Sink};

/// A message that has come.
pub(super) fn begin(sink: &dyn Sink, message: &[u8]) -> Gathered {
    let intake = sink.intake();
    let mut gathered = Gathered::new(intake.token(), &Arc::new(Room::default()), None);
    gathered.push(message, &*intake).unwrap();
    gathered.finish().unwrap();
    gathered
}

/// Messages that are on the disk, out of sight.
pub(super) fn seal(sink: &mut dyn Sink, messages: &[&[u8]]) -> Vec<Box<dyn Part>> {
    let (sealed, result) = sink.seal(messages.iter().map(|message| begin(sink, message)).collect());
    result.unwrap();
    assert_eq!(sealed.iter().map(|sealed| sealed.messages).sum::<usize>(), messages.len());
    sealed.into_iter().map(|sealed| sealed.part).collect()
}

pub(super) fn put(sink: &mut dyn Sink, messages: &[&[u8]]) {
    for part in seal(sink, messages) {
        part.publish().unwrap();
    }
    sink.sync_published().unwrap();
}
