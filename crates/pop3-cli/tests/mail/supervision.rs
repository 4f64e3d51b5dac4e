//! The server under a service manager: rights, sockets that are passed on, and notifications.

use core::time::Duration;
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use crate::support::{House, PASSWORD, RUNTIMES, Raw, Server, code, errors, program};

/// nobody, everywhere.
const NOBODY: &str = "65534";

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("NOT TESTED: the rights of root are needed");
        assert!(std::env::var_os("CI").is_none(), "run this test as root");
    }
    root
}

/// Gives the house to nobody.
fn give_away(house: &House) {
    let status =
        Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(house.path("")).status();
    assert!(status.unwrap().success());
}

/// The numbers behind this word in the status of each thread.
fn status(server: &Server, word: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", server.child.id())).unwrap();
    let status = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    let found = status.map(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix(word)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    found.collect()
}

#[test]
fn root_is_refused_unless_it_is_asked_for() {
    if !is_root() {
        return;
    }
    let refused = |options: &[&str]| {
        let output =
            program().args(["serve", "--maildrops", "/", "--users", "/x"]).args(options).output().unwrap();
        assert_eq!((code(&output), errors(&output).lines().count()), (2, 1), "{output:?}");
        errors(&output)
    };
    let text = refused(&[]);
    assert!(text.contains("as root") && text.contains("--run-as") && text.contains("--allow-root"), "{text}");
    for (options, why) in [
        (&["--allow-root"][..], "/x"),
        (&["--run-as", "root"], "--allow-root"),
        (&["--run-as", "no-such-user"], "there is no user no-such-user"),
        (&["--run-as", "nobody:no-such-group"], "there is no group no-such-group"),
        (&["--run-as", "4242421"], "4242421:GROUP"),
    ] {
        let text = refused(options);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn the_rights_of_root_end_for_good() {
    if !is_root() {
        return;
    }
    for runtime in RUNTIMES {
        for run_as in ["nobody", "65534:65534", "4242421:65534"] {
            let house = House::new();
            give_away(&house);
            if run_as.starts_with('4') {
                let status = Command::new("chown").args(["-R", "4242421"]).arg(house.path("")).status();
                assert!(status.unwrap().success());
            }
            let server = house.serve(&["--run-as", run_as, "--runtime", runtime]);
            let user = if run_as.starts_with('4') { "4242421" } else { NOBODY };
            let mut session = server.connect();
            assert!(session.log_in().starts_with("+OK"), "{run_as}");
            for (word, expected) in [
                ("Uid:", [user; 4].join(" ")),
                ("Gid:", [NOBODY; 4].join(" ")),
                ("Groups:", NOBODY.to_owned()),
                ("CapEff:", "0".repeat(16)),
                ("CapPrm:", "0".repeat(16)),
                ("NoNewPrivs:", "1".to_owned()),
            ] {
                let threads = status(&server, word);
                assert!(
                    threads.len() > 2 && threads.iter().all(|found| *found == expected),
                    "{word} {threads:?}"
                );
            }
            // The decoy key was made by the new user, so it can be read the next time.
            assert_eq!(
                std::os::unix::fs::MetadataExt::uid(&fs::metadata(house.path("users.decoy-key")).unwrap())
                    .to_string(),
                user
            );
            assert!(server.ends_well());
        }
    }
}

#[test]
fn what_the_new_user_can_not_read_is_told_at_the_start() {
    if !is_root() {
        return;
    }
    for file in ["key.pem", "users", "pop3.toml"] {
        let house = House::new();
        fs::write(house.path("pop3.toml"), "").unwrap();
        give_away(&house);
        let status = Command::new("chown").arg("0:0").arg(house.path(file)).status();
        assert!(status.unwrap().success());
        assert!(Command::new("chmod").arg("600").arg(house.path(file)).status().unwrap().success());
        let config = house.path("pop3.toml");
        let options = ["--run-as", "nobody", "--config", config.to_str().unwrap()];
        let output = house.server(&options).stderr(Stdio::piped()).output().unwrap();
        let text = errors(&output);
        let last = text.lines().last().unwrap();
        assert_eq!(code(&output), 2, "{text}");
        assert!(last.contains(file) && last.contains("it is read as nobody (--run-as)"), "{text}");
    }
}

/// A server to which this socket is passed on under this name.
fn passing(house: &House, socket: &TcpListener, name: &str, options: &[&str]) -> Command {
    let server = house.server(options);
    let mut shell = Command::new("sh");
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    shell
        .args(["-c", script, "sh"])
        .arg(server.get_program())
        .args(server.get_args())
        .env("LISTEN_FDNAMES", name);
    shell.stdin(OwnedFd::from(socket.try_clone().unwrap())).stdout(Stdio::piped());
    shell.stderr(fs::File::create(house.path("log")).unwrap());
    shell
}

#[test]
fn a_restart_with_a_socket_that_is_held_refuses_nobody() {
    for runtime in RUNTIMES {
        let house = House::new();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let start = || house.start(&mut passing(&house, &socket, "pop3", &["--runtime", runtime]));
        let first = start();
        // Several, so that each thread of the server takes part.
        let sessions: Vec<_> = (0..16).map(|_| Raw::connect(port)).collect();
        for mut session in sessions {
            assert!(session.say("CAPA").starts_with("+OK"), "{runtime}");
        }
        assert!(first.ends_well(), "{runtime}");
        // Nobody serves. Whoever connects now waits.
        let waiting: Vec<_> = (0..16).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        let second = start();
        for stream in waiting {
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut session = Raw { reader: BufReader::new(stream.try_clone().unwrap()), stream };
            assert!(session.line().starts_with("+OK"), "{runtime}");
            assert!(session.say("QUIT").starts_with("+OK"), "{runtime}");
        }
        let mut session = Raw::connect(port);
        assert!(session.log_in().starts_with("+OK"), "{runtime}");
        assert!(second.ends_well(), "{runtime}");
        // Nothing else was bound at this address, and the socket still listens.
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        drop(socket);
        TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    }
}

#[test]
fn the_name_of_a_socket_tells_when_tls_starts() {
    let house = House::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let server = house.start(&mut passing(&house, &socket, "pop3s", &[]));
    assert_eq!(server.tls, port);
    let mut talk = crate::talk::Talk::tls(&house, port, None);
    talk.say("USER alice");
    assert!(talk.say(&format!("PASS {PASSWORD}")).starts_with("+OK"));
    drop(server);
    for name in ["", "smtp", "pop3-serve.socket"] {
        let output = passing(&house, &socket, name, &[]).stderr(Stdio::piped()).output().unwrap();
        let text = errors(&output);
        assert!(code(&output) == 2 && text.contains("FileDescriptorName="), "{text}");
    }
    // A socket that does not listen.
    let mut command = passing(&house, &socket, "pop3", &[]);
    command.stdin(OwnedFd::from(TcpStream::connect(("127.0.0.1", port)).unwrap()));
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert!(code(&output) == 3 && errors(&output).contains("does not listen"), "{}", errors(&output));
}

/// The next message to a service manager, as lines.
fn next(manager: &UnixDatagram) -> Vec<String> {
    let mut octets = [0; 4096];
    let length = loop {
        match manager.recv(&mut octets) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            length => break length.unwrap(),
        }
    };
    String::from_utf8(octets[..length].to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// The next message that is not of the watchdog.
fn next_state(manager: &UnixDatagram) -> Vec<String> {
    loop {
        let lines = next(manager);
        if lines != ["WATCHDOG=1"] {
            return lines;
        }
    }
}

#[test]
fn a_service_manager_is_told() {
    for runtime in RUNTIMES {
        let house = House::new();
        let manager = UnixDatagram::bind(house.path("notify")).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut command = house.server(&["--runtime", runtime]);
        command
            .env("NOTIFY_SOCKET", house.path("notify"))
            .env("WATCHDOG_USEC", "2000000")
            .env_remove("WATCHDOG_PID");
        let server = house.start(&mut command);
        let status =
            format!("STATUS=serving pop3 127.0.0.1:{}, pop3s 127.0.0.1:{}", server.plain, server.tls);
        let ready = ["READY=1", &status];
        assert_eq!(next_state(&manager), ready, "{runtime}");
        // Whether clients come or not, each loop turns.
        for _ in 0..4 {
            assert_eq!(next(&manager), ["WATCHDOG=1"], "{runtime}");
            assert!(server.connect().say("QUIT").starts_with("+OK"));
        }
        server.signal("-HUP");
        let reloading = next_state(&manager);
        assert_eq!(reloading[0], "RELOADING=1", "{runtime}");
        let time = reloading.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(time.unwrap().parse::<u64>().unwrap() > 0);
        assert_eq!(next_state(&manager), ready, "{runtime}");
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        server.signal("-TERM");
        assert_eq!(next_state(&manager)[0], "STOPPING=1", "{runtime}");
        assert!(server.ends_well(), "{runtime}");
    }
}
