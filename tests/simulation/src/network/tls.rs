//! Simulated TLS: records that only the two ends can read.
//!
//! There is no cryptography in it. The ends share a key that nobody else in the simulation uses, so for everyone else the
//! records are opaque, and a change of one is noticed.

use std::io;

const HEADER: usize = 3;
const CHECKSUM: usize = 4;

/// The most octets of a record.
pub(super) const MOST: usize = 4096;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Hello = 0x16,
    Data = 0x17,
}

/// Wraps octets in a record. `count` is the number of records before it in this direction.
pub(super) fn seal(kind: Kind, key: u64, count: u64, octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    let mut record = Vec::with_capacity(HEADER + octets.len() + CHECKSUM);
    record.push(kind as u8);
    record.extend(length.to_be_bytes());
    let mut stream = Stream::new(key, count);
    record.extend(octets.iter().map(|octet| octet ^ stream.next()));
    record.extend(checksum(kind, key, count, octets).to_be_bytes());
    record
}

/// Takes the first record from the input, if it is complete.
///
/// # Errors
/// When it is not a record of this connection.
pub(super) fn open(kind: Kind, key: u64, count: u64, input: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "this is no record of the TLS connection");
    if input.first().is_some_and(|&first| first != kind as u8) {
        return Err(bad());
    }
    let Some(&[_, high, low]) = input.first_chunk::<HEADER>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MOST {
        return Err(bad());
    }
    let end = HEADER + length + CHECKSUM;
    if input.len() < end {
        return Ok(None);
    }
    let mut stream = Stream::new(key, count);
    let octets: Vec<u8> = input[HEADER..HEADER + length].iter().map(|octet| octet ^ stream.next()).collect();
    if input[HEADER + length..end] != checksum(kind, key, count, &octets).to_be_bytes() {
        return Err(bad());
    }
    input.drain(..end);
    Ok(Some(octets))
}

fn checksum(kind: Kind, key: u64, count: u64, octets: &[u8]) -> u32 {
    let begin = key ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind as u64;
    let sum =
        octets.iter().fold(begin, |sum, &octet| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
    (sum >> 32) as u32
}

/// Octets that depend on the key and the number of the record.
struct Stream(u64);

impl Stream {
    const fn new(key: u64, count: u64) -> Self {
        Self(key.wrapping_add(count).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    const fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 24) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_opaque_and_opens_once_in_its_place() {
        let record = seal(Kind::Data, 77, 3, b"PASS secret\r\n");
        assert!(!record.windows(6).any(|octets| octets == b"secret"));
        let mut input = record[..8].to_vec();
        assert_eq!(open(Kind::Data, 77, 3, &mut input).unwrap(), None);
        input = record.clone();
        assert_eq!(open(Kind::Data, 77, 3, &mut input).unwrap().unwrap(), b"PASS secret\r\n");
        assert!(input.is_empty());
        for (key, count) in [(77, 4), (78, 3)] {
            assert!(open(Kind::Data, key, count, &mut record.clone()).is_err());
        }
        for index in 0..record.len() {
            let mut changed = record.clone();
            changed[index] ^= 1;
            assert!(!matches!(open(Kind::Data, 77, 3, &mut changed), Ok(Some(_))), "{index}");
        }
    }

    #[test]
    fn clear_text_is_no_record() {
        assert!(open(Kind::Hello, 1, 0, &mut b"USER".to_vec()).is_err());
        assert!(open(Kind::Hello, 1, 0, &mut b"+OK".to_vec()).is_err());
    }
}
