//! Reads the transcript of a session, and prints the violations of the RFCs.
//!
//! ```text
//! S: +OK ready
//! C: USER mrose
//! ```

use core::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pop3_observer::{Observer, ObserverConfig, ObserverEvent, Severity};
use pop3_proto::Channel;

#[derive(Parser)]
struct Arguments {
    /// The session used TLS, so passwords in it are not violations.
    #[arg(long)]
    tls: bool,
    /// The transcript: lines that begin with `C: ` or `S: `.
    transcript: PathBuf,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { tls, transcript } = Arguments::parse();
    let channel = if tls { Channel::Tls } else { Channel::Plaintext };
    let mut observer = Observer::new(ObserverConfig::new().with_channel(channel));
    let (mut number, mut broken) = (0_u64, 0_u64);
    let name = transcript.display();
    let file = std::fs::File::open(&transcript).map_err(|error| format!("{name}: {error}"))?;
    for line in BufReader::new(file).split(b'\n') {
        let mut line = line?;
        number += 1;
        line.extend_from_slice(if line.ends_with(b"\r") { b"\n" } else { b"\r\n" });
        let mut sink = |event: ObserverEvent<'_>| {
            if let ObserverEvent::Violation(violation) = event {
                println!("line {number}: {violation}");
                broken += u64::from(violation.rule.level() == Severity::Must);
            }
        };
        match line.split_at_checked(3) {
            Some((b"C: ", octets)) => observer.client(octets, &mut sink),
            Some((b"S: ", octets)) => observer.server(octets, &mut sink),
            _ => return Err(format!("line {number} begins neither with \"C: \" nor with \"S: \"").into()),
        }
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
