//! How much an end of a connection may have in its buffers.

use super::Socket;

/// The most octets that an end has a buffer for, as its reads and writes show.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an end reads and writes")]
pub struct Bounds {
    /// What it has room for when it reads.
    pub input: usize,
    /// What waits to be written.
    pub output: usize,
}

impl Socket {
    /// Fails the run if this end reads or writes more octets at a time.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = Some(bounds);
    }

    pub(super) fn check_input(&self, octets: usize) {
        if let Some(bounds) = self.bounds {
            self.line().largest_read(octets);
            if octets > bounds.input {
                self.sim.fail(format!(
                    "the server has room for {octets} octets of input, more than {}",
                    bounds.input
                ));
            }
        }
    }

    pub(super) fn check_output(&self, octets: usize) {
        if let Some(bounds) = self.bounds {
            self.line().largest_write(octets);
            if octets > bounds.output {
                self.sim
                    .fail(format!("the server has {octets} octets of output, more than {}", bounds.output));
            }
        }
    }
}
