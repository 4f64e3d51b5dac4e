//! One target, however it is written: one state, one lock, and the remains of a killed run are cleaned up.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{
    House, PASSWORD, RUNTIMES, Scripted, Server, code, contents, errors, program, script, stalling,
};

/// A fetch with the default state file.
fn fetch(house: &House, url: &str, to: &str, folder: &Path) -> Command {
    let mut command = program();
    command
        .args(["fetch", url, "--to", to, "--timeout", "20"])
        .env("POP3_PASSWORD", PASSWORD)
        .env("HOME", house.path("home"))
        .env_remove("XDG_STATE_HOME")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn states(house: &House) -> Vec<PathBuf> {
    let is_state = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "state");
    files(&house.path("home")).into_iter().filter(is_state).collect()
}

fn summary(output: &Output) -> String {
    assert_eq!(code(output), 0, "{}", errors(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn served(house: &House) -> Server {
    house.deliver(&[b"Subject: a\r\n\r\nA\r\n".to_vec(), b"Subject: b\r\n\r\nB\r\n".to_vec()]);
    house.serve(&[])
}

#[test]
fn a_target_has_one_state_however_it_is_spelled() {
    for (runtime, kind) in RUNTIMES.iter().zip(["dir", "maildir", "mbox", "dir"]) {
        let house = House::new();
        let server = served(&house);
        let url = server.url("pop3");
        let (here, there) = (house.path("here"), house.path("there"));
        for folder in [&here, &there] {
            fs::create_dir(folder).unwrap();
        }
        symlink(&here, house.path("folder-link")).unwrap();
        symlink("here/out", house.path("link")).unwrap();
        let run = |path: &str, folder: &Path| {
            let output = fetch(&house, &url, &format!("{kind}:{path}"), folder)
                .args(["--runtime", runtime])
                .output()
                .unwrap();
            summary(&output)
        };
        assert!(run("out", &here).starts_with("2 messages fetched"), "{kind}");
        let absolute = here.join("out").display().to_string();
        let mut spellings = vec![
            "../here/out".to_owned(),
            "../here/../here/./out".to_owned(),
            "../folder-link/out".to_owned(),
            "../link".to_owned(),
            absolute.clone(),
            format!("/{absolute}"),
        ];
        if kind != "mbox" {
            spellings.extend(["../here/out/".to_owned(), "../link/".to_owned(), format!("{absolute}//.")]);
        }
        for spelled in spellings {
            let text = run(&spelled, &there);
            assert!(
                text.contains("0 messages fetched") && text.contains("2 fetched earlier"),
                "{spelled}: {text}"
            );
        }
        assert_eq!(states(&house).len(), 1, "{kind}");
    }
}

/// A state file of the previous version, which named it after the path as written.
#[test]
fn a_state_file_of_an_old_name_is_taken_over() {
    let house = House::new();
    let server = served(&house);
    let (url, here) = (server.url("pop3"), house.path("here"));
    fs::create_dir(&here).unwrap();
    let here = fs::canonicalize(here).unwrap();
    symlink("here", house.path("link")).unwrap();
    let link = here.parent().unwrap().join("link");
    assert!(
        summary(&fetch(&house, &url, "dir:out", &here).output().unwrap()).starts_with("2 messages fetched")
    );
    let [state] = states(&house).try_into().unwrap();
    for spelled in [format!("dir:{}/out/", here.display()), format!("dir:{}/out", link.display())] {
        // Its name is a hash of account and target, and its first line contains both.
        let account = format!("alice@127.0.0.1:{}", server.plain);
        let old = state.with_file_name(format!("{}.state", hash(&format!("{account}\0{spelled}"))));
        let text = fs::read_to_string(&state).unwrap();
        let (header, rest) = text.split_once('\n').unwrap();
        let fields: Vec<&str> = header.split(' ').collect();
        let body = [&fields[1..fields.len() - 1], &[spelled.as_str()]].concat().join(" ");
        fs::write(&old, format!("{} {body}\n{rest}", &sha(body.as_bytes())[..8])).unwrap();
        fs::remove_file(&state).unwrap();
        let text = summary(&fetch(&house, &url, &spelled, &here).output().unwrap());
        assert!(
            text.contains("0 messages fetched") && text.contains("2 fetched earlier"),
            "{spelled}: {text}"
        );
        assert_eq!(states(&house).as_slice(), core::slice::from_ref(&state));
        let text = summary(&fetch(&house, &url, "dir:out", &here).output().unwrap());
        assert!(text.contains("2 fetched earlier"), "{spelled}: {text}");
    }
}

fn hash(text: &str) -> String {
    sha([b"uid\0", text.as_bytes()].concat().as_slice())[..32].to_owned()
}

fn sha(octets: &[u8]) -> String {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), octets).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn an_overlapping_run_has_its_own_exit_code_and_advises_no_other_state() {
    let mail = vec![b"Subject: a\r\n\r\nA\r\n".to_vec()];
    for (runtime, kind) in RUNTIMES.iter().zip(["dir", "maildir", "mbox", "-"]) {
        let house = House::new();
        fs::create_dir(house.path("here")).unwrap();
        symlink("here", house.path("link")).unwrap();
        let to = |folder: &str| {
            if kind == "-" { kind.to_owned() } else { format!("{kind}:{}/out", house.path(folder).display()) }
        };
        let (port, stalled) = stalling(mail.clone(), "RETR 1", b"+OK\r\nSubject");
        let url = format!("pop3://alice@127.0.0.1:{port}");
        let run = |to: &str, state: Option<&str>| {
            let mut command = fetch(&house, &url, to, &house.path("here"));
            command.args(["--runtime", runtime]);
            if let Some(state) = state {
                command.arg("--state").arg(house.path(state));
            }
            command
        };
        let mut child = run(&to("here"), None).spawn().unwrap();
        stalled.recv().unwrap();
        let mut seconds = vec![run(&to("link"), None)];
        if kind != "-" {
            seconds.push(run(&to("here"), Some("states/other")));
        }
        for mut second in seconds {
            let output = second.output().unwrap();
            assert_eq!(code(&output), 7, "{kind}: {}", errors(&output));
            let text = errors(&output);
            assert!(text.contains("another fetch") && text.contains("is running"), "{text}");
            assert!(!text.contains("--state") && text.lines().count() == 1, "{text}");
        }
        // Another account may fetch into the same target in the meantime.
        if kind != "-" {
            let other = Scripted::start(b"+OK\r\n", vec![script(mail.clone(), |_| None)]);
            let output = fetch(&house, &other.url(), &to("here"), &house.path("here")).output().unwrap();
            assert!(summary(&output).starts_with("1 message fetched"));
            other.said();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_state_file_has_one_lock_however_it_is_spelled() {
    let house = House::new();
    symlink("state", house.path("state-link")).unwrap();
    let (port, stalled) = stalling(vec![b"Subject: a\r\n\r\nA\r\n".to_vec()], "RETR 1", b"+OK\r\nSubject");
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let run = |state: &str, to: &str| {
        let mut command =
            fetch(&house, &url, &format!("dir:{}", house.path(to).display()), &house.path("mail"));
        command.arg("--state").arg(house.path(state));
        command
    };
    // The link has no target yet.
    let mut child = run("state-link", "a").spawn().unwrap();
    stalled.recv().unwrap();
    assert!(house.path("state").is_file() && house.path("state-link").is_symlink());
    let output = run("state", "b").output().unwrap();
    assert_eq!(code(&output), 7, "{}", errors(&output));
    assert!(!errors(&output).contains("--state"), "{}", errors(&output));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_killed_runs_left_is_removed_and_nothing_else() {
    let mail = vec![b"Subject: a\r\n\r\nA\r\n".to_vec()];
    for (runtime, kind) in RUNTIMES.iter().cycle().zip(["dir", "maildir", "mbox"]) {
        let house = House::new();
        let to = house.to(kind);
        let tmp = if kind == "mbox" { house.path("") } else { house.path("out/tmp") };
        let ours = || {
            let is_ours = |path: &PathBuf| {
                kind != "mbox" || path.file_name().unwrap().to_str().unwrap().starts_with("out.")
            };
            files(&tmp).into_iter().filter(is_ours).collect::<Vec<_>>()
        };
        // A run of another account is active, and another program is delivering. Its message does not fit in memory.
        let large = [b"+OK\r\nSubject: a\r\n\r\n".to_vec(), b"0123456789abcde\r\n".repeat(1 << 17)].concat();
        let start = || {
            let (port, stalled) = stalling(mail.clone(), "RETR 1", large.clone());
            let url = format!("pop3://alice@127.0.0.1:{port}");
            let child = house.fetch(&url, &["--to", &to, "--runtime", runtime]).spawn().unwrap();
            stalled.recv().unwrap();
            (child, url, port)
        };
        let (mut live, ..) = start();
        // Its unfinished file, and its lock.
        while ours().len() < 2 {
            assert!(live.try_wait().unwrap().is_none());
        }
        let foreign = tmp.join("1700000000.M1P2Q3R0123456789abcdef.elsewhere");
        fs::write(&foreign, "From an MTA").unwrap();
        let before = ours();
        let (mut killed, url, port) = start();
        while ours().len() < before.len() + 2 {
            assert!(killed.try_wait().unwrap().is_none());
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert_eq!(ours().len(), before.len() + 2);
        // The next run of the same account removes what the killed one left, whether or not there is mail.
        let output = house.fetch(&url, &["--to", &to, "--runtime", runtime]).output().unwrap();
        assert_ne!(code(&output), 0, "{kind}: nothing listens at {port}");
        assert_eq!(ours(), before, "{kind}");
        assert!(foreign.exists());
        live.kill().unwrap();
        live.wait().unwrap();
        assert!(contents(&house.path("out/new")).is_empty());
    }
}
