//! The CPU time of a server's processes, from /proc.

use core::time::Duration;
use std::collections::HashMap;
use std::fs;
use std::io;

/// Returns the CPU time of a process and its descendants so far. Descendants that have ended count if their parents
/// have waited for them.
///
/// # Errors
/// Returns an error if there is no such process, or no Linux /proc.
pub(crate) fn cpu_time(root: u32) -> io::Result<Duration> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may have ended by now.
        if let Some(stat) =
            fs::read_to_string(format!("/proc/{id}/stat")).ok().as_deref().and_then(Stat::parse)
        {
            found.insert(id, stat);
        }
    }
    if !found.contains_key(&root) {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no process {root}")));
    }
    let ticks: u64 =
        found.iter().filter(|(id, _)| is_within(&found, **id, root)).map(|(_, stat)| stat.ticks).sum();
    let in_a_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / in_a_second)))
}

/// Whether the process is this one or a descendant of it.
fn is_within(found: &HashMap<u32, Stat>, mut id: u32, root: u32) -> bool {
    // Parents that change meanwhile must not lead in a circle.
    for _ in 0..found.len() {
        if id == root {
            return true;
        }
        match found.get(&id) {
            Some(stat) => id = stat.parent,
            None => return false,
        }
    }
    false
}

struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    /// Reads a line of proc_pid_stat(5).
    fn parse(line: &str) -> Option<Self> {
        // The name is in parentheses, and may contain anything.
        let (_, rest) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // utime, stime, cutime, cstime
        let ticks = (11..15).map(number).sum::<Option<u64>>()?;
        Some(Self { parent: u32::try_from(number(1)?).ok()?, ticks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.ticks), (3, 100));
        assert!(Stat::parse("7 (a) S 3").is_none());
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        assert_eq!(cpu_time(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
        cpu_time(std::process::id()).unwrap();
    }
}
