//! Runs against a server that refuses some commands.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use pop3_bench::{Bench, BenchReport, Plan, Script, Settings, Source, Url};

/// Runs a plan against a server with three messages, of which the second is refused.
fn run(plan: &Plan) -> BenchReport {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("pop3://alice@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let serve = |stream: TcpStream| -> std::io::Result<()> {
        (&stream).write_all(b"+OK ready\r\n")?;
        for line in BufReader::new(&stream).lines() {
            let reply = match line?.as_str() {
                "CAPA" => "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n",
                "STAT" => "+OK 3 9\r\n",
                "RETR 2" | "DELE 2" | "UIDL" => "-ERR no\x1b[1m\r\n",
                "RETR 1" | "RETR 3" => "+OK\r\nx\r\n.\r\n",
                _ => "+OK\r\n",
            };
            (&stream).write_all(reply.as_bytes())?;
        }
        Ok(())
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    let settings = Settings::new().with_password(Source::given("tanstaaf"));
    Bench::new(&settings, &[Url::parse(&url).unwrap()]).unwrap().run(plan).unwrap()
}

fn plan(script: Script, pipelining: bool) -> Plan {
    let mut plan = Plan::new(script);
    plan.connections = 1;
    plan.sessions = Some(2);
    plan.pipelining = pipelining;
    plan
}

#[test]
fn a_message_that_is_refused_is_an_error_and_no_operation() {
    for pipelining in [false, true] {
        let report = run(&plan(Script::Retr, pipelining));
        assert_eq!((report.sessions, report.operations, report.messages, report.octets), (2, 4, 4, 12));
        let errors: Vec<_> = report.errors.into_iter().collect();
        assert_eq!(errors, [("RETR 2: no\\x1b[1m".to_owned(), 2)]);
    }
}

#[test]
fn a_session_with_a_refused_command_is_an_error() {
    for script in [Script::Dele, Script::Uidl] {
        for pipelining in [false, true] {
            let report = run(&plan(script, pipelining));
            assert_eq!(report.sessions, 0, "{script:?}");
            assert_eq!(report.errors.values().sum::<u64>(), 2, "{script:?}: {:?}", report.errors);
            assert!(report.errors.keys().all(|text| !text.contains('\x1b')), "{:?}", report.errors);
        }
    }
}
