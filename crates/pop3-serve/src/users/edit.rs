//! Changes of a users file that leave its other lines as they are.

mod replace;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

use pop3_proto::Secret;

use super::form::{Form, parse_line};
use super::home::parse_home;
use super::table::is_ignored;
use super::{NameRule, Table, UserName, UsersFormat};
use crate::error::ServeError;

/// A users file that is changed: other editors wait, and the new file takes the place of the old one at once.
///
/// Comments and the lines of other users stay as they are, and so do the owner and the mode of the file. A server that
/// reads the file at that moment finds the old one or the new one.
///
/// ```
/// use pop3_serve::{NameRule, PasswordForm, UserName, UsersEdit, UsersFormat};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("users");
/// let mut edit = UsersEdit::open_or_create(&path, UsersFormat::Pop3, NameRule::new())?;
/// let alice = UserName::parse(b"alice").ok_or("no name")?;
/// edit.add(&alice, &[PasswordForm::Argon2id.make(b"secret")?], None)?;
/// edit.save()?;
/// assert!(std::fs::read(&path)?.starts_with(b"alice:$argon2id$"));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UsersEdit {
    file: replace::Locked,
    format: UsersFormat,
    names: NameRule,
    /// Each with its line end.
    lines: Vec<Secret<Vec<u8>>>,
}

impl UsersEdit {
    /// Locks a users file and reads it. If another program edits it, this waits. If the path is a link, the file that
    /// it leads to is edited.
    ///
    /// # Errors
    /// Returns an error if the file or one of its lines cannot be read.
    pub fn open(path: &Path, format: UsersFormat, names: NameRule) -> Result<Self, ServeError> {
        Self::of(replace::Locked::open(path)?, format, names)
    }

    /// Does the same, and creates an empty file if there is none. Only its owner may read it.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open), and one if no file can be created.
    pub fn open_or_create(path: &Path, format: UsersFormat, names: NameRule) -> Result<Self, ServeError> {
        Self::of(replace::Locked::open_or_create(path)?, format, names)
    }

    fn of(mut file: replace::Locked, format: UsersFormat, names: NameRule) -> Result<Self, ServeError> {
        let mut octets = Secret::new(Vec::new());
        let read = file.file().read_to_end(octets.expose_mut());
        read.map_err(|error| file.fails("be read", &error))?;
        let lines = octets.expose().split_inclusive(|&octet| octet == b'\n');
        let lines = lines.map(|line| Secret::new(line.to_vec())).collect();
        let edit = Self { file, format, names, lines };
        edit.check(octets.expose())?;
        Ok(edit)
    }

    /// Returns the users, sorted by name, and in a few words what each has: `hash`, `SCRAM-SHA-256`, `token`.
    ///
    /// # Errors
    /// Returns an error if a change has made the file unreadable.
    pub fn list(&self) -> Result<Vec<(UserName, String)>, ServeError> {
        let table = self.check(self.text().expose())?;
        Ok(table.users().map(|(name, user)| (name.clone(), user.summary())).collect())
    }

    /// Adds a user with these [forms](crate::PasswordForm) of a password. A passwd-file takes one.
    ///
    /// # Errors
    /// Returns an error if the user exists already, or if the format has no such form.
    pub fn add(
        &mut self,
        name: &UserName,
        forms: &[Secret<String>],
        home: Option<&str>,
    ) -> Result<(), ServeError> {
        if !self.lines_of(name).is_empty() {
            return Err(self.file.wrong(&format!("already contains {name}")));
        }
        if let Some(home) = home {
            parse_home(home.as_bytes()).map_err(ServeError::unusable)?;
            if home.contains([':', '\n', '\r']) {
                return Err(ServeError::unusable("the home directory contains a colon or a line end"));
            }
        }
        if let Some(last) = self.lines.last_mut().filter(|line| !line.expose().ends_with(b"\n")) {
            last.expose_mut().push(b'\n');
        }
        let mut lines = self.password_lines(name, forms, home.unwrap_or_default())?;
        if let (UsersFormat::Pop3, Some(home)) = (self.format, home) {
            lines.push(Secret::new(format!("{name}:{{HOME}}{home}\n").into_bytes()));
        }
        self.lines.append(&mut lines);
        Ok(())
    }

    /// Replaces the password of a user, in all its forms. Certificates, tokens and settings remain.
    ///
    /// # Errors
    /// Returns an error if there is no such user, or if the format has no such form.
    pub fn set_password(&mut self, name: &UserName, forms: &[Secret<String>]) -> Result<(), ServeError> {
        let own = self.lines_of(name);
        let Some(&last) = own.last() else { return Err(self.unknown(name)) };
        if self.format == UsersFormat::PasswdFile {
            let password = self.password_field(forms)?;
            let line = self.lines[last].expose();
            let end =
                line.len() - line.iter().rev().take_while(|&&octet| octet == b'\n' || octet == b'\r').count();
            let fields: Vec<_> = line[..end].splitn(3, |&octet| octet == b':').collect();
            let rest = fields.get(2).copied().unwrap_or(b"::::");
            let user = fields.first().copied().unwrap_or_default();
            let new = Secret::join(&[user, b":", password.expose().as_bytes(), b":", rest, &line[end..]]);
            self.lines[last] = new;
            return Ok(());
        }
        let is_password = |&index: &usize| {
            let line = content(self.lines[index].expose());
            let form = parse_line(line, &self.names).map(|(_, form)| form);
            matches!(form, Ok(Form::Plain(_) | Form::Hash(_) | Form::Keys(_)))
        };
        let old: Vec<_> = own.iter().copied().filter(is_password).collect();
        let place = old.first().copied().unwrap_or(last + 1);
        if place > 0 && !self.lines[place - 1].expose().ends_with(b"\n") {
            self.lines[place - 1].expose_mut().push(b'\n');
        }
        let lines = self.password_lines(name, forms, "")?;
        for index in old.into_iter().rev() {
            self.lines.remove(index);
        }
        self.lines.splice(place..place, lines);
        Ok(())
    }

    /// Removes a user with all settings. The maildrop stays.
    ///
    /// # Errors
    /// Returns an error if there is no such user.
    pub fn remove(&mut self, name: &UserName) -> Result<(), ServeError> {
        let own = self.lines_of(name);
        if own.is_empty() {
            return Err(self.unknown(name));
        }
        for index in own.into_iter().rev() {
            self.lines.remove(index);
        }
        Ok(())
    }

    /// Puts the changed file in the place of the old one. After this returns, it survives a power failure.
    ///
    /// # Errors
    /// Returns an error if the file would not be readable, or cannot be written. The old file then stays as it was.
    pub fn save(self) -> Result<(), ServeError> {
        let text = self.text();
        self.check(text.expose())?;
        self.file.replace(text.expose())
    }

    fn text(&self) -> Secret<Vec<u8>> {
        let lines: Vec<_> = self.lines.iter().map(|line| line.expose().as_slice()).collect();
        Secret::join(&lines)
    }

    fn check(&self, text: &[u8]) -> Result<Table, ServeError> {
        let table = Table::parse_with(text, self.format, self.names.clone());
        table.map_err(|error| self.file.wrong_line(error))
    }

    fn unknown(&self, name: &UserName) -> ServeError {
        self.file.wrong(&format!("does not contain {name}"))
    }

    /// The indices of the lines of this user.
    fn lines_of(&self, name: &UserName) -> Vec<usize> {
        let is_own = |line: &Secret<Vec<u8>>| {
            let line = content(line.expose());
            let written = line.split(|&octet| octet == b':').next().unwrap_or_default();
            !is_ignored(line) && self.names.apply(written).as_ref() == Some(name)
        };
        self.lines.iter().enumerate().filter(|(_, line)| is_own(line)).map(|(index, _)| index).collect()
    }

    /// The lines for a password.
    fn password_lines(
        &self,
        name: &UserName,
        forms: &[Secret<String>],
        home: &str,
    ) -> Result<Vec<Secret<Vec<u8>>>, ServeError> {
        if self.format == UsersFormat::PasswdFile {
            let password = self.password_field(forms)?;
            let line = format!("{name}:{}::::{home}:\n", password.expose());
            return Ok(vec![Secret::new(line.into_bytes())]);
        }
        if forms.iter().any(|form| form.expose().contains(['\n', '\r'])) {
            return Err(ServeError::unusable("the form of the password contains a line end"));
        }
        let line = |form: &Secret<String>| Secret::new(format!("{name}:{}\n", form.expose()).into_bytes());
        Ok(forms.iter().map(line).collect())
    }

    /// The password field of a line of a passwd-file.
    fn password_field(&self, forms: &[Secret<String>]) -> Result<Secret<String>, ServeError> {
        let [form] = forms else {
            return Err(self.file.wrong("is a passwd-file, which takes one form of a password"));
        };
        let form = form.expose();
        let field = match form.split_once('$') {
            Some((scheme @ ("SCRAM-SHA-1" | "SCRAM-SHA-256"), keys)) => {
                Some(format!("{{{scheme}}}{}", keys.replace([':', '$'], ",")))
            }
            Some(("", hash)) if hash.starts_with("argon2id$") => Some(format!("{{ARGON2ID}}{form}")),
            _ => None,
        };
        let unknown = "is a passwd-file, and other programs that read it know no such form of a password; use argon2id, \
            scram-sha-1 or scram-sha-256";
        field.map(Secret::new).ok_or_else(|| self.file.wrong(unknown))
    }
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
