//! Measures how many sessions, commands and messages a POP3 server can handle.
//!
//! A [`Bench`] opens connections with the client of this stack, and repeats one [`Script`] on each of them: log in and
//! quit, STAT, LIST, UIDL, RETR, or DELE. The [`BenchReport`] has the counts, the octets, the percentiles of the time
//! for one operation, and the errors. It can include the CPU time of the server's processes.
//!
//! ```
//! use pop3_bench::{Bench, Plan, Script, Settings, Source, Url};
//!
//! # use std::io::{BufRead as _, BufReader, Write as _};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = listener.local_addr()?.port();
//! # std::thread::spawn(move || {
//! #     for stream in listener.incoming() {
//! #         std::thread::spawn(move || -> std::io::Result<()> {
//! #             let stream = stream?;
//! #             (&stream).write_all(b"+OK ready\r\n")?;
//! #             for line in BufReader::new(&stream).lines() {
//! #                 let reply = if line? == "CAPA" { "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n" } else { "+OK 1 17\r\n" };
//! #                 (&stream).write_all(reply.as_bytes())?;
//! #             }
//! #             Ok(())
//! #         });
//! #     }
//! # });
//! # let text = format!("pop3://alice@127.0.0.1:{port}");
//! // let text = "pop3://alice@127.0.0.1:1110";
//! let settings = Settings::new().with_password(Source::given("tanstaaf"));
//! let bench = Bench::new(&settings, &[Url::parse(&text)?])?;
//!
//! let mut plan = Plan::new(Script::Stat);
//! plan.connections = 2;
//! plan.sessions = Some(10);
//! plan.repeat = 5;
//! let report = bench.run(&plan)?;
//! assert_eq!((report.sessions, report.operations), (10, 50));
//! assert!(report.errors.is_empty());
//! println!("{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! Load is for servers of your own. [`Bench::run`] refuses a host that is not on this machine, unless
//! [`Plan::remote`] is set. A run ends by itself: after a number of sessions or after a time. A connection gives up
//! after three failed sessions in succession.
//!
//! Nothing is deleted on the server, unless [`Plan::delete`] is set.
//!
//! The client uses processor time, too. On one machine, compare the CPU time of the server
//! ([`BenchReport::cpu`]) rather than the sessions in a second.
#![cfg(unix)]

mod bench;
mod plan;
mod process;
mod report;
mod tally;
mod worker;

pub use bench::Bench;
pub use plan::{Plan, Script};
pub use pop3_connect::{ConnectError, Settings, Source, Url};
pub use report::BenchReport;
