//! `kill -9` at any point: each message is complete or gone, none is duplicated, and no lock remains.

use std::io::{BufRead, Write};

use pop3_maildir::{Delivery, Maildir};

use crate::support::{Said, child, contents, maildir, names, open, path_of_child, put, remove, say};

const STEPS: [&str; 4] = ["begun", "half", "flushed", "finished"];

#[test]
fn a_delivery_killed_between_its_steps() {
    for (index, step) in STEPS.iter().enumerate() {
        let folder = maildir();
        let mut other = child("crash::delivers_step_by_step", folder.path(), "", false);
        let mut said = Said::by(&mut other);
        for expected in &STEPS[..=index] {
            assert_eq!(said.next(), *expected);
            if expected != step {
                other.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
            }
        }
        other.kill().unwrap();
        other.wait().unwrap();
        let texts = contents(&mut open(&folder));
        if *step == "finished" {
            assert_eq!(texts, [vec![b'x'; 200_000]]);
            assert!(names(&folder, "tmp").is_empty());
        } else {
            assert!(texts.is_empty(), "{step}");
            assert_eq!(names(&folder, "tmp").len(), 1);
        }
    }
}

#[test]
fn delivers_step_by_step() {
    let Some(path) = path_of_child() else { return };
    let mut lines = std::io::stdin().lock().lines();
    let mut step = |name: &str| {
        say(name);
        lines.next().unwrap().unwrap();
    };
    let delivery = Delivery::open(path, false).unwrap();
    let mut message = delivery.begin().unwrap();
    step("begun");
    message.write_all(&[b'x'; 100_000]).unwrap();
    step("half");
    message.write_all(&[b'x'; 100_000]).unwrap();
    message.flush().unwrap();
    step("flushed");
    message.finish().unwrap();
    step("finished");
}

#[test]
fn a_commit_killed_anywhere() {
    for delay in 0..6_u32 {
        let folder = maildir();
        for index in 0..400 {
            put(&folder, &format!("new/{}.a.h", 1000 + index), format!("message {index}\n"));
        }
        let mut other = child("crash::removes_every_other", folder.path(), "", false);
        let mut said = Said::by(&mut other);
        assert_eq!(said.next(), "now");
        // Somewhere in the middle, each time at a different point. It does not matter where, because the properties
        // must hold at every point.
        for _ in 0..delay * 20_000 {
            core::hint::spin_loop();
        }
        other.kill().unwrap();
        other.wait().unwrap();
        let mut maildir = open(&folder);
        let texts = contents(&mut maildir);
        for index in 0..400 {
            let text = format!("message {index}\n").into_bytes();
            let found = texts.iter().filter(|found| **found == text).count();
            if index % 2 == 1 {
                assert_eq!(found, 1, "an unmarked message was touched");
            } else {
                assert!(found <= 1);
            }
        }
        assert!(remove(maildir, &[1]).is_complete());
    }
}

#[test]
fn removes_every_other() {
    let Some(path) = path_of_child() else { return };
    let maildir = Maildir::open(path).unwrap();
    let marked: Vec<u32> = (1..=400).step_by(2).collect();
    say("now");
    assert!(remove(maildir, &marked).is_complete());
}
