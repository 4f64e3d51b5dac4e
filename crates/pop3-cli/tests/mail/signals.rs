//! Signals end a fetch in an orderly way at any point.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::changes::until;
use crate::support::{House, RUNTIMES, Scripted, code, contents, errors, script, stalling};

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

fn mail(count: usize) -> Vec<Vec<u8>> {
    (1..=count)
        .map(|index| format!("Subject: {index}\r\n\r\n{}\r\n", "x".repeat(index)).into_bytes())
        .collect()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// The same fetch with the default handling of SIGHUP, even if the tests run under nohup(1).
fn minding_hangups(fetch: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal=HUP").arg(fetch.get_program()).args(fetch.get_args());
    for (variable, value) in fetch.get_envs() {
        if let Some(value) = value {
            env.env(variable, value);
        }
    }
    env.stdout(Stdio::piped()).stderr(Stdio::piped());
    env
}

/// Waits until the process reports the signal.
fn caught(child: &mut Child) {
    // Octet by octet, because others read the rest.
    let mut stderr = BufReader::with_capacity(1, child.stderr.as_mut().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("a second signal ends the fetch at once"), "{line}");
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn end(child: Child, exit: i32, what: &str) -> Output {
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), exit, "{what}: {}", errors(&output));
    assert!(errors(&output).contains("ended by SIG"), "{what}: {}", errors(&output));
    output
}

#[test]
fn what_is_complete_is_kept_where_the_server_falls_silent() {
    // At the same time, because each waits a while for the server.
    thread::scope(|scope| {
        for ((name, exit), runtime) in SIGNALS.into_iter().cycle().zip(RUNTIMES) {
            for (at, part, stored) in [
                ("LIST", &b"+OK\r\n1 "[..], 0),
                ("PASS secret with spaces ", b"", 0),
                ("RETR 3", b"+OK\r\nSubject: 3\r\n\r\nx", 2),
                ("QUIT", b"", 4),
            ] {
                scope.spawn(move || silent(name, exit, runtime, at, part, stored));
            }
        }
    });
}

fn silent(name: &str, exit: i32, runtime: &str, at: &'static str, part: &'static [u8], stored: usize) {
    let what = format!("{name} {runtime} {at}");
    let house = House::new();
    let (port, stalled) = stalling(mail(4), at, part);
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let options = ["--runtime", runtime, "--delete", "--to", &house.to("dir")];
    let child = minding_hangups(&house.fetch(&url, &options)).spawn().unwrap();
    stalled.recv().unwrap();
    signal(&child, name);
    let output = end(child, exit, &what);
    assert!(text(&output).starts_with(&format!("{stored} messages fetched")), "{what}: {}", text(&output));
    assert_eq!(house.fetched(), mail(4)[..stored], "{what}");
    assert!(contents(&house.path("out/tmp")).is_empty(), "{what}");
    // The next run continues, and neither repeats nor loses a message.
    let server = loop {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            break Scripted::at(listener, b"+OK\r\n", vec![script(mail(4), |_| None)]);
        }
    };
    let output = house.fetch(&url, &options).output().unwrap();
    assert_eq!(code(&output), 0, "{what}: {}", errors(&output));
    assert_eq!(house.fetched(), mail(4), "{what}");
    let said = server.said();
    assert_eq!(said.iter().filter(|line| line.starts_with("RETR")).count(), 4 - stored, "{what}");
}

/// A server that waits for our permission before it answers this command.
fn waiting(at: &'static str) -> (Scripted, Receiver<()>, Sender<()>) {
    let ((reached, seen), (go, gone)) = (channel(), channel());
    let answer = script(mail(4), move |line| {
        if line == at {
            reached.send(()).unwrap();
            gone.recv().unwrap();
        }
        None
    });
    (Scripted::start(b"+OK\r\n", vec![answer]), seen, go)
}

#[test]
fn quit_is_sent_where_all_that_was_sent_is_stored() {
    for runtime in RUNTIMES {
        for (at, stored) in [("RETR 2", 2), ("UIDL", 0)] {
            let house = House::new();
            let (server, reached, go) = waiting(at);
            let options = ["--runtime", runtime, "--delete", "--json", "--to", &house.to("dir")];
            let mut child = house.fetch(&server.url(), &options).spawn().unwrap();
            reached.recv().unwrap();
            signal(&child, "TERM");
            caught(&mut child);
            go.send(()).unwrap();
            let output = end(child, 143, at);
            assert!(text(&output).contains(&format!("\"fetched\":{stored}")), "{at}: {}", text(&output));
            assert_eq!(house.fetched(), mail(4)[..stored]);
            let said = server.said();
            let asked = said.iter().filter(|line| line.starts_with("RETR")).count();
            assert_eq!(
                (asked, said.last().map(String::as_str)),
                (stored, Some("QUIT")),
                "{runtime}: {said:?}"
            );
            assert!(!said.iter().any(|line| line.starts_with("DELE")), "{runtime}: {said:?}");
        }
    }
}

#[test]
fn before_the_session_it_ends_at_once() {
    for runtime in RUNTIMES {
        // No greeting.
        let house = House::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("pop3://alice@127.0.0.1:{}", listener.local_addr().unwrap().port());
        let options = ["--runtime", runtime, "--to", &house.to("dir")];
        let child = house.fetch(&url, &options).spawn().unwrap();
        let (mut connection, _) = listener.accept().unwrap();
        signal(&child, "INT");
        end(child, 130, runtime);
        let mut said = Vec::new();
        let _ = connection.read_to_end(&mut said);
        assert_eq!(said, b"", "{runtime}");

        // A password command, which ends, too.
        let started = house.path("started");
        let command = format!("echo $$ > '{0}.new'; mv '{0}.new' '{0}'; exec sleep 1000", started.display());
        let mut fetch = house.fetch(&url, &[&options[..], &["--password-command", &command]].concat());
        let child = fetch.env_remove("POP3_PASSWORD").spawn().unwrap();
        until(&house, "the command runs", || started.exists());
        let id = fs::read_to_string(&started).unwrap();
        signal(&child, "TERM");
        end(child, 143, runtime);
        // Its standard error was that of the fetch, which was read to the end.
        let process = format!("/proc/{}/cmdline", id.trim());
        assert_eq!(fs::read(&process).unwrap_or_default(), b"", "the command is gone");
    }
}

#[test]
fn who_waits_for_a_lock_can_be_ended() {
    let house = House::new();
    let mbox = File::create(house.path("out")).unwrap();
    mbox.lock().unwrap();
    let url = "pop3://alice@127.0.0.1:1";
    let child = house.fetch(url, &["--to", &house.to("mbox")]).spawn().unwrap();
    until(&house, "the state file is there", || house.path("state-1").exists());
    signal(&child, "INT");
    end(child, 130, "lock");
}

#[test]
fn the_second_signal_ends_at_once() {
    let house = House::new();
    let message = vec![b"0123456789\r\n".repeat(50_000)];
    let server = Scripted::start(b"+OK\r\n", vec![script(message, |_| None)]);
    let mut child = house.fetch(&server.url(), &["--to", "-"]).spawn().unwrap();
    // The reader reads only the first line, so the fetch blocks while it writes.
    let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    signal(&child, "INT");
    caught(&mut child);
    signal(&child, "TERM");
    let status: ExitStatus = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    server.said();
}

#[test]
fn under_nohup_a_hangup_is_none() {
    let house = House::new();
    let (server, reached, go) = waiting("RETR 2");
    let fetch = house.fetch(&server.url(), &["--to", &house.to("dir")]);
    let mut nohup = Command::new("nohup");
    nohup.arg(fetch.get_program()).args(fetch.get_args()).stdin(Stdio::null());
    nohup.stdout(Stdio::piped()).stderr(Stdio::piped()).env("POP3_PASSWORD", crate::support::PASSWORD);
    let child = nohup.spawn().unwrap();
    reached.recv().unwrap();
    signal(&child, "HUP");
    go.send(()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(contents(Path::new(&house.path("out"))).len(), 4);
    server.said();
}

/// A fetch on a terminal of its own, made by script(1), and what runs after it. The file `id` of the house contains
/// its process ID.
fn on_terminal(house: &House, fetch: &Command, behind: &str) -> Command {
    let words = [fetch.get_program()].into_iter().chain(fetch.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let line =
        format!("sh -c 'echo $$ > \"$0\"; exec \"$@\"' '{}' {}", house.path("id").display(), words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{line}{behind}"), "/dev/null"]);
    script.env("TERM", "xterm").env_remove("POP3_PASSWORD");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    script
}

fn interrupt(house: &House) {
    let id = fs::read_to_string(house.path("id")).unwrap();
    assert!(Command::new("kill").args(["-INT", id.trim()]).status().unwrap().success());
}

/// On a terminal, no part of the progress bar remains before the message.
#[test]
fn a_terminal_gets_clean_lines() {
    let house = House::new();
    let (port, stalled) = stalling(mail(4), "RETR 3", b"+OK\r\nSubject: 3\r\n\r\nx");
    let fetch = house.fetch(&format!("pop3://alice@127.0.0.1:{port}"), &["--to", &house.to("dir")]);
    let mut script = on_terminal(&house, &fetch, "");
    let child = script.env("POP3_PASSWORD", crate::support::PASSWORD).spawn().unwrap();
    stalled.recv().unwrap();
    interrupt(&house);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130);
    let text = text(&output);
    // How often the bar is drawn depends on the time, so it is not known which message it shows last.
    let (bar, lines) =
        text.rsplit_once("\r\u{1b}[2K").unwrap_or_else(|| panic!("no bar was taken away: {text:?}"));
    assert!(bar.contains("/4 "), "{bar:?}");
    let begins = ["pop3: SIGINT: ", "pop3: ended by SIGINT; ", "2 messages fetched "];
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{lines:?}");
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{lines:?}");
}

/// The prompt for a password turns off the echo of the terminal, and a signal turns it on again.
#[test]
fn a_terminal_echoes_behind_a_prompt_that_was_interrupted() {
    let house = House::new();
    let fetch = house.fetch("pop3://alice@127.0.0.1:1", &["--to", &house.to("dir")]);
    let mut child = on_terminal(&house, &fetch, "; stty -a").spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut prompt = Vec::new();
    stdout.read_until(b':', &mut prompt).unwrap();
    assert!(String::from_utf8(prompt).unwrap().contains("Password of"));
    interrupt(&house);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("ended by SIGINT") && text.contains(" echo ") && !text.contains("-echo "),
        "{text}"
    );
    child.wait().unwrap();
}
