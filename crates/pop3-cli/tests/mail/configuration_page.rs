//! The commands of `docs/configuration.md`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_commands_of_the_page_end_with_a_good_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let commands = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // The last one would serve until it is ended.
    let (commands, last) = commands.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(last, "pop3 serve --config pop3.toml");
    let folder = tempfile::tempdir().unwrap();
    let mut path = OsString::from(Path::new(env!("CARGO_BIN_EXE_pop3")).parent().unwrap());
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.arg("-ec").arg(commands).current_dir(folder.path()).env("PATH", path).stdin(Stdio::null());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ok\n");
}
