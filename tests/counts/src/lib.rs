//! What commands, messages and logins cost, counted instead of timed. The counts are the same on a busy machine.
//!
//! A [`Scenario`] does one thing any number of times. What one time costs is the difference between many times and twice
//! as many, so nothing that is done once counts: the login, the buffers, the start of the process.
//!
//! The test `allocations` bounds the allocations of each scenario. The program of this package runs one scenario for
//! `.ci/instructions`, which counts instructions under callgrind.

use core::hint::black_box;

mod client;
mod dots;
mod driver;
mod driver_client;
mod maildir;
mod server;
mod wire;

/// Something that costs the same each time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// The layer and what is done there, such as `server/stat`.
    pub name: &'static str,
    /// How many times are enough to count instructions. Zero if their number depends on something else.
    pub times: u32,
    /// The most allocations of one time, after the first ones.
    pub allocations: u64,
    /// The same where the file system can tell what is in memory, if it is less there.
    pub allocations_on_the_spot: Option<u64>,
    /// Prepares everything, and then does it so many times.
    pub run: fn(u32),
}

impl Scenario {
    /// Something that allocates nothing.
    const fn new(name: &'static str, times: u32, run: fn(u32)) -> Self {
        Self { name, times, allocations: 0, allocations_on_the_spot: None, run }
    }

    /// The same with at most so many allocations each time.
    const fn allocating(self, allocations: u64) -> Self {
        Self { allocations, ..self }
    }

    /// The same with at most so many where the file system can tell what is in memory.
    const fn allocating_on_the_spot(self, allocations: u64) -> Self {
        Self { allocations_on_the_spot: Some(allocations), ..self }
    }

    /// The first part of the name.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }
}

pub use maildir::can_read_on_the_spot;

/// Runs a scenario so many times. `.ci/instructions` counts what happens in here, and knows this function by its name.
#[inline(never)]
pub fn measured(run: fn(u32), times: u32) {
    run(black_box(times));
    // So that the call above is not a jump.
    black_box(());
}

/// All scenarios. Each has a name of its own.
pub fn scenarios() -> impl Iterator<Item = Scenario> {
    [
        dots::SCENARIOS,
        server::SCENARIOS,
        client::SCENARIOS,
        driver::SCENARIOS,
        driver_client::SCENARIOS,
        maildir::SCENARIOS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// How many messages a maildrop has. Each time, most scenarios do something with every message.
const MESSAGES: u32 = 100;

/// Octets at an address that is a multiple of 64. A search takes more instructions if it begins at another one, and where
/// the heap has room changes with any code.
struct Aligned {
    octets: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new(octets: &[u8]) -> Self {
        let mut aligned: Vec<u8> = Vec::with_capacity(octets.len() + 64);
        let start = aligned.as_ptr().align_offset(64);
        aligned.resize(start, 0);
        aligned.extend(octets);
        Self { octets: aligned, start }
    }
}

impl core::ops::Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets[self.start..]
    }
}

/// 4 KB of mail, as in a Maildir. Every eighth line begins with a dot.
fn mail() -> Vec<u8> {
    // In one piece: what preparing costs must not depend on where the heap has room, or it is not subtracted as a whole.
    let mut mail = Vec::with_capacity(5_000);
    mail.extend(b"Subject: x\n\n");
    for number in 0..54 {
        if number % 8 == 0 {
            mail.push(b'.');
        }
        mail.extend(b"The quick brown fox jumps over the lazy dog, and over the lazy cat as well.\n");
    }
    mail
}

/// The same as it is sent, with the end.
fn mail_on_the_wire() -> Vec<u8> {
    let (mut stuffer, mut wire) = (pop3_proto::dots::Stuffer::new(), bytes::BytesMut::new());
    stuffer.encode(&mail(), &mut wire);
    stuffer.finish(&mut wire);
    wire.to_vec()
}

/// One command for each message: the words before its number, and behind it.
fn commands(before: &str, behind: &str) -> Vec<u8> {
    (1..=MESSAGES).flat_map(|number| format!("{before} {number}{behind}\r\n").into_bytes()).collect()
}
