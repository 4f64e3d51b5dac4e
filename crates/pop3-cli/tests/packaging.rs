//! The files for service managers: systemd itself judges the units.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const UNITS: [&str; 3] = ["pop3-serve.service", "pop3-serve.socket", "pop3s-serve.socket"];

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)
}

/// The output of a program that is installed; `None` if it is not, which is an error in CI.
fn run(command: &mut Command, package: &str) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("NOT TESTED: {command:?}: {error}; install it with: apt-get install {package}");
            assert!(std::env::var_os("CI").is_none(), "{command:?}: {error}");
            None
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_unit_is_hardened() {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager", "--threshold=20"]);
    let Some(output) = run(analyze.arg(packaging("systemd/pop3-serve.service")), "systemd") else { return };
    let text = text(&output);
    assert!(output.status.success() && text.contains("Overall exposure level"), "{text}");
}

#[test]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = fs::read_to_string(packaging("systemd").join(name)).unwrap();
        // It looks for the program.
        let unit = unit.replace("/usr/bin/pop3 ", &format!("{} ", env!("CARGO_BIN_EXE_pop3")));
        fs::write(folder.path().join(name), unit).unwrap();
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["verify", "--man=no"]).args(UNITS.map(|name| folder.path().join(name)));
    let Some(output) = run(&mut analyze, "systemd") else { return };
    assert!(output.status.success() && text(&output).is_empty(), "{}", text(&output));
}

/// The program understands the command line of the unit: it misses only the files.
#[test]
fn the_program_understands_the_unit() {
    let unit = fs::read_to_string(packaging("systemd/pop3-serve.service")).unwrap().replace("\\\n", " ");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/pop3 ")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_pop3"));
    let output = program
        .args(line.split_whitespace())
        .args(["--allow-root", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let text = text(&output);
    assert!(text.contains("/etc/pop3/users"), "{text}");
}
