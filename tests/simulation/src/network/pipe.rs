//! One direction of a connection.

use core::task::Waker;
use core::time::Duration;
use std::collections::VecDeque;

/// One direction of a connection: what was sent and not received yet.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// When each segment arrives, and its octets.
    segments: VecDeque<(Duration, Vec<u8>)>,
    /// How many octets are on their way.
    queued: usize,
    /// How many octets may be on their way.
    pub(super) capacity: usize,
    /// The most that ever were.
    pub(super) peak: usize,
    /// How many octets were sent.
    pub(super) sent: u64,
    /// The last segment arrives then, and the end after it.
    last: Duration,
    /// The sender has closed its side. The end arrives then.
    end: Option<Duration>,
    /// The receiver is gone.
    closed: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// What a receiver finds.
pub(super) enum Found {
    Octets(usize),
    End,
    /// Nothing yet; the next segment arrives then, if one is on its way.
    Nothing(Option<Duration>),
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(super) const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.queued)
    }

    /// Whether nothing can be sent any more.
    pub(super) const fn takes_nothing(&self) -> bool {
        self.end.is_some() || self.closed
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The receiver is gone.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.clear();
        self.wake_writer();
    }

    /// Sends a segment that arrives then, or after those before it.
    pub(super) fn push(&mut self, arrival: Duration, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        self.last = self.last.max(arrival);
        self.queued += octets.len();
        self.peak = self.peak.max(self.queued);
        self.sent += octets.len() as u64;
        self.segments.push_back((self.last, octets.to_vec()));
        self.wake_reader();
    }

    /// Closes the sender's side.
    pub(super) fn finish(&mut self, arrival: Duration) {
        if self.end.is_none() {
            self.end = Some(self.last.max(arrival));
            self.wake_reader();
        }
    }

    /// Receives what has arrived by now, up to `most` segments together.
    pub(super) fn take(&mut self, now: Duration, buffer: &mut [u8], most: usize) -> Found {
        let mut filled = 0;
        for _ in 0..most {
            let Some((arrival, octets)) = self.segments.front_mut() else { break };
            if *arrival > now || filled == buffer.len() {
                break;
            }
            let count = octets.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&octets[..count]);
            filled += count;
            if count == octets.len() {
                self.segments.pop_front();
            } else {
                octets.drain(..count);
            }
        }
        if filled > 0 {
            self.queued -= filled;
            self.wake_writer();
            return Found::Octets(filled);
        }
        match (self.segments.front(), self.end) {
            (Some((arrival, _)), _) => Found::Nothing(Some(*arrival)),
            (None, Some(end)) if end <= now => Found::End,
            (None, end) => Found::Nothing(end),
        }
    }

    /// Forgets what is on its way.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.queued = 0;
    }

    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_arrive_in_order_and_the_end_after_them() {
        let mut pipe = Pipe::new(100);
        let at = Duration::from_secs;
        pipe.push(at(5), b"hello ");
        pipe.push(at(1), b"world");
        pipe.finish(at(2));
        let mut buffer = [0; 100];
        assert!(matches!(pipe.take(at(4), &mut buffer, 9), Found::Nothing(Some(next)) if next == at(5)));
        assert!(matches!(pipe.take(at(5), &mut buffer[..3], 9), Found::Octets(3)));
        assert_eq!(pipe.room(), 92);
        assert!(matches!(pipe.take(at(5), &mut buffer, 1), Found::Octets(3)));
        assert!(matches!(pipe.take(at(5), &mut buffer, 9), Found::Octets(5)));
        assert_eq!(&buffer[..5], b"world");
        assert!(matches!(pipe.take(at(5), &mut buffer, 9), Found::End));
        assert_eq!((pipe.peak, pipe.sent), (11, 11));
    }
}
