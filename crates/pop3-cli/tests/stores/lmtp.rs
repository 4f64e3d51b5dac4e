//! `pop3 lmtp`: mail over LMTP into maildrops.

use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use crate::support::{House, add, code, contents, databases, done, errors, program, run};

/// A server that ends when the value is dropped.
struct Server {
    child: Child,
    port: u16,
    log: std::path::PathBuf,
}

impl Server {
    fn start(house: &House, options: &[&str]) -> Self {
        Self::start_on(house, &house.maildirs(), options)
    }

    fn start_on(house: &House, store: &str, options: &[&str]) -> Self {
        let log = house.path("log");
        let mut command = program();
        command.args(["lmtp", "--listen", "127.0.0.1:0", "--hostname", "mail.example", "--store", store]);
        command.args(options).stderr(fs::File::create(&log).unwrap());
        let mut server = Self { child: command.spawn().unwrap(), port: 0, log };
        let mut stdout = BufReader::new(server.child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "{}", server.log());
            if let Some(address) = line.trim_end().strip_prefix("listening lmtp 127.0.0.1:") {
                server.port = address.parse().unwrap();
            }
        }
        server
    }

    /// Says all of this, and returns all that is answered.
    fn talk(&self, octets: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(octets).unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).unwrap();
        replies
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn session(recipients: &[&str], content: &str) -> Vec<u8> {
    let recipients: String =
        recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n")).collect();
    format!("LHLO client\r\nMAIL FROM:<bob@x>\r\n{recipients}DATA\r\n{content}.\r\nQUIT\r\n").into_bytes()
}

/// The beginnings of the replies, but for those to LHLO.
fn codes(all: &str) -> String {
    let replies = all.lines().filter(|line| !line.starts_with("250-") && !line.starts_with("250 SIZE"));
    replies.map(|reply| &reply[..9]).collect::<Vec<_>>().join(", ")
}

#[test]
fn mail_for_several_users_arrives() {
    let house = House::new();
    for user in ["alice", "carol"] {
        house.maildir(&format!("mail/{user}"));
    }
    let server = Server::start(&house, &["--strip-domain", "--recipient-delimiter", "+"]);
    let recipients = ["alice@example.org", "nobody@example.org", "carol+lists@other.example", "..@x"];
    let all = server.talk(&session(&recipients, "Subject: x\r\n\r\n..dot\r\n"));
    let expected = "220 mail., 250 2.1.0, 250 2.1.5, 550 5.1.1, 250 2.1.5, \
        553 5.1.3, 354 go on, 250 2.0.0, 250 2.0.0, 221 2.0.0";
    assert_eq!(codes(&all), expected, "{all}");
    for user in ["alice", "carol"] {
        let stored = contents(&house.path(&format!("mail/{user}/new")));
        let text = String::from_utf8(stored[0].clone()).unwrap();
        assert!(
            text.starts_with(
                "Return-Path: <bob@x>\nReceived: from client by mail.example with LMTP id 1;\n\t"
            )
        );
        assert!(text.ends_with("\nSubject: x\n\n.dot\n") && !text.contains('\r'), "{text}");
        assert_eq!(stored.len(), 1);
        assert!(contents(&house.path(&format!("mail/{user}/tmp"))).is_empty());
    }
    let log = server.log();
    assert!(log.contains("delivered") && log.contains("recipient=\"alice@example.org\""), "{log}");
    // A message that is larger than what is kept in memory.
    let large = "x".repeat(998) + "\r\n";
    let all = server.talk(&session(&["alice@a", "carol@a"], &large.repeat(2000)));
    assert!(all.contains("<alice@a> delivered") && all.contains("<carol@a> delivered"), "{all}");
    let expected = ("x".repeat(998)
        + "
")
    .repeat(2000);
    assert!(
        contents(&house.path("mail/carol/new")).iter().any(|message| message.ends_with(expected.as_bytes()))
    );
}

#[test]
fn mail_arrives_in_databases() {
    let house = House::new();
    for url in databases(&house) {
        for user in ["alice@x", "carol@x"] {
            add(&url, user);
        }
        done(&["user", "quota", "carol@x", "--store", &url, "--max-octets", "500k"], b"");
        let server = Server::start_on(&house, &url, &[]);
        let content = "Subject: x\r\n\r\n".to_owned() + &("x".repeat(998) + "\r\n").repeat(1000);
        let all = server.talk(&session(&["alice@x", "nobody@x", "carol@x"], &content));
        let expected = "220 mail., 250 2.1.0, 250 2.1.5, 550 5.1.1, 250 2.1.5, \
            354 go on, 250 2.0.0, 552 5.2.2, 221 2.0.0";
        assert_eq!(codes(&all), expected, "{all}");
        let out = house.path("out");
        fs::remove_dir_all(&out).ok();
        done(&["store", "export", "--store", &url, "--to", out.to_str().unwrap()], b"");
        let stored = contents(&out.join("alice@x/new"));
        assert!(stored.len() == 1 && stored[0].ends_with(content.as_bytes()));
        assert!(contents(&out.join("carol@x/new")).is_empty());
    }
}

#[test]
fn a_message_that_is_sent_again_can_be_recognised() {
    let house = House::new();
    for url in databases(&house) {
        add(&url, "alice");
        for (options, copies) in
            [(&["--strip-domain"][..], 2), (&["--strip-domain", "--recognise-retries"], 1)]
        {
            let server = Server::start_on(&house, &url, options);
            for content in ["Subject: x\r\n", "Subject: x\r\n", "Subject: x\r\n\r\n"] {
                assert!(server.talk(&session(&["alice@x"], content)).contains("\r\n250 2.0.0 "));
            }
            assert!(options.len() == 1 || server.log().contains("an earlier attempt had stored the message"));
            let out = house.path("out");
            fs::remove_dir_all(&out).ok();
            done(&["store", "export", "--store", &url, "--to", out.to_str().unwrap()], b"");
            let stored = contents(&out.join("alice/new"));
            let same = stored.iter().filter(|message| message.ends_with(b"+0000\r\nSubject: x\r\n")).count();
            // What the first server has stored is there, too.
            assert_eq!((same, stored.len()), if copies == 2 { (2, 3) } else { (3, 5) });
        }
    }
    let listen = ["lmtp", "--listen", "127.0.0.1:0", "--recognise-retries"];
    let refused = run(&[&listen[..], &["--store", &house.maildirs()]].concat(), b"");
    assert_eq!(code(&refused), 2);
    assert!(errors(&refused).contains("does not work with Maildirs"), "{}", errors(&refused));
}

#[test]
fn a_disk_that_is_not_mounted_lets_mail_wait() {
    let house = House::new();
    fs::create_dir(house.path("mail")).unwrap();
    let server = Server::start(&house, &["--max-message-size", "1k"]);
    let all = server
        .talk(b"LHLO a\r\nMAIL FROM:<> SIZE=1025\r\nMAIL FROM:<> SIZE=1024\r\nRCPT TO:<alice@x>\r\nQUIT\r\n");
    assert_eq!(codes(&all), "220 mail., 552 5.3.4, 250 2.1.0, 451 4.3.0, 221 2.0.0", "{all}");
    assert!(all.contains("is a disk not mounted"), "{all}");
}

#[test]
fn a_unix_socket_is_for_a_group_and_is_replaced_when_it_is_left() {
    let house = House::new();
    house.maildir("mail/alice@x");
    let socket = house.path("lmtp");
    let listen = format!("unix:{}", socket.display());
    let mut server = Server::start(&house, &["--listen", &listen, "--socket-mode", "640"]);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o640);
    // Another one does not take it away.
    let second = run(&["lmtp", "--listen", &listen, "--store", &house.maildirs()], b"");
    assert_eq!(code(&second), 3, "{}", errors(&second));
    assert!(errors(&second).contains("can't listen on unix:"), "{}", errors(&second));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(socket.exists());
    let _server = Server::start(&house, &["--listen", &listen]);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(&session(&["alice@x"], "x\r\n")).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.contains("<alice@x> delivered"), "{all}");
    // What is no socket is not removed.
    let file = house.path("file");
    fs::write(&file, "x").unwrap();
    let listen = format!("unix:{}", file.display());
    assert_eq!(code(&run(&["lmtp", "--listen", &listen, "--store", &house.maildirs()], b"")), 3);
    assert_eq!(fs::read(&file).unwrap(), b"x");
    let nowhere = run(&["lmtp", "--store", &house.maildirs()], b"");
    assert_eq!(code(&nowhere), 2);
    assert!(errors(&nowhere).contains("--listen unix:PATH"));
}

/// A client that has sent the content of a message up to here, without its end.
fn halfway(server: &Server) -> (TcpStream, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    stream.write_all(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nDATA\r\n").unwrap();
    let mut line = String::new();
    while !line.starts_with("354 ") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    }
    stream.write_all(b"Subject: x\r\n\r\n").unwrap();
    (stream, reader)
}

#[test]
fn a_server_that_is_ended_delivers_what_it_receives() {
    let house = House::new();
    house.maildir("mail/alice@x");
    let mut server = Server::start(&house, &[]);
    let (mut stream, mut reader) = halfway(&server);
    server.signal(rustix::process::Signal::TERM);
    while !server.log().contains("stopping") {
        std::thread::yield_now();
    }
    stream.write_all(b"x\r\n.\r\n").unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("250 2.0.0 ") && rest.contains("\r\n421 4.3.2 "), "{rest}");
    assert!(server.child.wait().unwrap().success());
    assert_eq!(contents(&house.path("mail/alice@x/new")).len(), 1);
    assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());
}

// A message is there if and only if its recipient was answered 250, except for one whose answer was lost.
#[test]
fn a_server_that_is_killed_has_delivered_what_it_has_answered() {
    let house = House::new();
    house.maildir("mail/alice@x");
    let mut server = Server::start(&house, &[]);
    let (_stream, mut reader) = halfway(&server);
    let mut busy = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let mut answers = BufReader::new(busy.try_clone().unwrap());
    busy.write_all(b"LHLO a\r\n").unwrap();
    let (mut answered, mut line) = (0, String::new());
    let message = b"MAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nDATA\r\nSubject: y\r\n\r\n.\r\n";
    busy.write_all(&message.repeat(300)).unwrap();
    while answers.read_line(&mut line).is_ok_and(|read| read > 0) {
        answered += usize::from(line.starts_with("250 2.0.0 "));
        if answered == 20 {
            server.child.kill().unwrap();
        }
        line.clear();
    }
    server.child.wait().unwrap();
    assert_eq!(reader.read_line(&mut line).unwrap_or(0), 0);
    let stored = contents(&house.path("mail/alice@x/new"));
    assert!((answered..=answered + 1).contains(&stored.len()), "{answered} {}", stored.len());
    assert!(stored.iter().all(|message| message.ends_with(b"\nSubject: y\n\n")));
}

#[test]
fn sockets_can_be_passed_on() {
    // As a service manager does it: the socket has the number 3, and the variables name the process.
    let house = House::new();
    house.maildir("mail/alice@x");
    let socket = house.path("lmtp");
    let script = "import os, socket, sys\n\
        sock = socket.socket(socket.AF_UNIX); sock.bind(sys.argv[1]); sock.listen()\n\
        os.dup2(sock.fileno(), 3); os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[2], sys.argv[2:])";
    let mut child = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&socket)
        .args([env!("CARGO_BIN_EXE_pop3"), "lmtp", "--store", &house.maildirs()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), format!("listening lmtp unix:{}", socket.display()));
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(&session(&["alice@x"], "x\r\n")).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert!(all.contains("<alice@x> delivered"), "{all}");
    child.kill().unwrap();
    child.wait().unwrap();
}
