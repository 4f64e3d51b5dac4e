//! What a change does to the file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::{PasswordForm, Users as _};

fn name(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

fn form(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// What becomes of a text.
fn edited(
    format: UsersFormat,
    text: &str,
    change: impl FnOnce(&mut UsersEdit) -> Result<(), ServeError>,
) -> Result<String, ServeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, text).unwrap();
    let mut edit = UsersEdit::open(&path, format, NameRule::new())?;
    change(&mut edit)?;
    edit.save()?;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    Ok(fs::read_to_string(&path).unwrap())
}

#[test]
fn other_lines_stay_as_they_are() {
    const TEXT: &str = "# first\r\n\nalice:{PLAIN}x\nbob:{TOKEN}\n#alice:\nalice:{LOGIN-DELAY}5";
    let pop3 =
        |change: &dyn Fn(&mut UsersEdit) -> Result<(), ServeError>| edited(UsersFormat::Pop3, TEXT, change);
    let new = [form("{PLAIN}new")];
    assert_eq!(
        pop3(&|edit| edit.add(&name("carol"), &new, None)).unwrap(),
        format!("{TEXT}\ncarol:{{PLAIN}}new\n")
    );
    assert_eq!(
        pop3(&|edit| edit.add(&name("carol"), &new, Some("/home/c"))).unwrap(),
        format!("{TEXT}\ncarol:{{PLAIN}}new\ncarol:{{HOME}}/home/c\n")
    );
    assert_eq!(
        pop3(&|edit| edit.set_password(&name("alice"), &new)).unwrap(),
        TEXT.replace("alice:{PLAIN}x", "alice:{PLAIN}new")
    );
    assert_eq!(
        pop3(&|edit| edit.set_password(&name("bob"), &new)).unwrap(),
        TEXT.replace("bob:{TOKEN}\n", "bob:{TOKEN}\nbob:{PLAIN}new\n")
    );
    assert_eq!(pop3(&|edit| edit.remove(&name("alice"))).unwrap(), "# first\r\n\nbob:{TOKEN}\n#alice:\n");
    assert!(pop3(&|edit| edit.add(&name("alice"), &new, None)).is_err());
    assert!(pop3(&|edit| edit.remove(&name("carol"))).is_err());
    assert!(pop3(&|edit| edit.set_password(&name("carol"), &new)).is_err());
    for home in ["home", "/../x", "/a:b", "/a\nroot:{PLAIN}x"] {
        assert!(pop3(&|edit| edit.add(&name("carol"), &new, Some(home))).is_err(), "{home}");
    }
    assert!(pop3(&|edit| edit.add(&name("carol"), &[form("{PLAIN}x\nroot:{PLAIN}x")], None)).is_err());
    // What would not be readable is not saved.
    assert!(pop3(&|edit| edit.add(&name("carol"), &[form("x")], None)).is_err());
}

#[test]
fn a_passwd_file_is_edited_in_its_format() {
    const TEXT: &str =
        "# c\nalice:{SHA}60cXn4M+9rlkPiIl1CM8mjjFKYE=:5:6:g:/home/a:/bin/sh:allow_nets=::1\r\nbob:{PLAIN}x\n";
    let keys = PasswordForm::Scram { hash: pop3_sasl::scram::Hash::Sha256, iterations: 4_096 };
    let keys = [keys.make(b"secret").unwrap()];
    let edit = |change: &dyn Fn(&mut UsersEdit) -> Result<(), ServeError>| {
        edited(UsersFormat::PasswdFile, TEXT, change)
    };
    for user in ["alice", "bob"] {
        let text = edit(&|edit| edit.set_password(&name(user), &keys)).unwrap();
        assert!(text.contains(&format!("{user}:{{SCRAM-SHA-256}}4096,")), "{text}");
        assert!(text.contains(":5:6:g:/home/a:/bin/sh:allow_nets=::1\r\n"), "{text}");
        assert_eq!(text.lines().count(), 3);
        let table = Table::parse_with(text.as_bytes(), UsersFormat::PasswdFile, NameRule::new()).unwrap();
        assert!(table.verify(user.as_bytes(), b"secret").is_some(), "{text}");
    }
    let argon2id = [PasswordForm::Argon2id.make(b"secret").unwrap()];
    let text = edit(&|edit| edit.add(&name("carol"), &argon2id, Some("/home/c"))).unwrap();
    assert!(text.starts_with(TEXT) && text.contains("\ncarol:{ARGON2ID}$argon2id$"), "{text}");
    let table = Table::parse_with(text.as_bytes(), UsersFormat::PasswdFile, NameRule::new()).unwrap();
    assert!(table.verify(b"carol", b"secret").is_some());
    assert_eq!(table.find(&name("carol")).unwrap().unwrap().home(), Some(Path::new("/home/c")));
    assert!(edit(&|edit| edit.add(&name("carol"), &[], None)).is_err());
    let sha512 = PasswordForm::Scram { hash: pop3_sasl::scram::Hash::Sha512, iterations: 4_096 };
    assert!(edit(&|edit| edit.add(&name("carol"), &[sha512.make(b"secret").unwrap()], None)).is_err());
    assert_eq!(edit(&|edit| edit.remove(&name("alice"))).unwrap(), "# c\nbob:{PLAIN}x\n");
}

#[test]
fn links_and_modes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    symlink("real", &link).unwrap();
    fs::write(&real, "alice:{PLAIN}x\n").unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
    let mut edit = UsersEdit::open(&link, UsersFormat::Pop3, NameRule::new()).unwrap();
    edit.add(&name("bob"), &[form("{PLAIN}y")], None).unwrap();
    assert_eq!(edit.list().unwrap()[1], (name("bob"), "password".to_owned()));
    edit.save().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(fs::read_to_string(&real).unwrap(), "alice:{PLAIN}x\nbob:{PLAIN}y\n");
    let new = folder.path().join("new");
    UsersEdit::open_or_create(&new, UsersFormat::Pop3, NameRule::new()).unwrap().save().unwrap();
    assert_eq!(fs::metadata(&new).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn editors_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, "").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..8 {
                    let mut edit = UsersEdit::open(path, UsersFormat::Pop3, NameRule::new()).unwrap();
                    edit.add(&name(&format!("user{thread}-{number}")), &[form("{PLAIN}x")], None).unwrap();
                    edit.save().unwrap();
                }
            });
        }
    });
    assert_eq!(Table::parse(&fs::read(&path).unwrap()).unwrap().len(), 32);
}

#[test]
fn what_can_not_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    fs::write(&path, "alice:{PLAIN}x\n").unwrap();
    let mut edit = UsersEdit::open(&path, UsersFormat::Pop3, NameRule::new()).unwrap();
    edit.remove(&name("alice")).unwrap();
    // A directory cannot be replaced by a file.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = edit.save().unwrap_err().to_string();
    assert!(error.contains("is unchanged"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(UsersEdit::open(&folder.path().join("none"), UsersFormat::Pop3, NameRule::new()).is_err());
}
