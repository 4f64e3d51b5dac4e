//! The users, in the forms of a users file.

use std::sync::Arc;

use bytes::Bytes;
use pop3_certificates::Fingerprint;
use pop3_serve::{Profile, User, UserName};

use crate::error::{SqlError, SqlErrorKind};
use crate::random;
use crate::sql;
use crate::statement::{Call, Value};
use crate::store::{PAGE, SqlStore, user_name};

/// The forms of one user. They may be secrets.
struct Forms(Vec<Vec<u8>>);

impl Forms {
    /// # Errors
    /// `Invalid` if one can't be parsed, or has a line end.
    fn new(name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(Self, User), SqlError> {
        let forms: Vec<_> = forms.iter().map(|form| form.as_ref().to_vec()).collect();
        if forms.iter().any(|form| form.contains(&b'\n') || form.contains(&b'\r')) {
            return Err(SqlError::invalid("a form of a user contains a line end"));
        }
        let forms = Self(forms);
        let user = forms.parse(name)?;
        if !user.can_log_in() {
            return Err(SqlError::invalid(format!(
                "{name} has settings, but nothing to log in with; add {{TOKEN}} to allow logins with tokens"
            )));
        }
        Ok((forms, user))
    }

    /// Reads them as they are in the table: each with a line end.
    fn of(octets: &[u8]) -> Self {
        let lines = octets.split(|&octet| octet == b'\n').filter(|line| !line.is_empty());
        Self(lines.map(<[u8]>::to_vec).collect())
    }

    fn octets(&self) -> Bytes {
        let mut octets = Vec::new();
        for form in &self.0 {
            octets.extend_from_slice(form);
            octets.push(b'\n');
        }
        octets.into()
    }

    fn parse(&self, name: &UserName) -> Result<User, SqlError> {
        self.0.iter().try_fold(User::new(), |user, form| {
            user.with_form(form).map_err(|error| SqlError::invalid(format!("the user {name}: {error}")))
        })
    }
}

/// The statements that store a user.
fn put(
    name: &UserName,
    forms: &Forms,
    user: &User,
    first: &'static crate::statement::Statement,
) -> Vec<Call> {
    let text = || Value::from(name.as_str());
    let mut calls = vec![
        first.with([text(), forms.octets().into(), (&*user.kind()).into()]),
        sql::REMOVE_CERTIFICATES.with([text()]),
    ];
    calls.extend(user.certificates().iter().map(|certificate| {
        sql::ADD_CERTIFICATE.with([text(), Bytes::copy_from_slice(certificate.octets()).into()])
    }));
    calls
}

impl SqlStore {
    /// Returns the user with this name.
    ///
    /// # Errors
    /// Returns the errors of the database, and `Invalid` if the forms of the user cannot be parsed.
    pub async fn find_user(&self, name: &UserName) -> Result<Option<Arc<User>>, SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let found = store.engine().read_one(sql::USER.with([name.as_str().into()])).await?.first();
            found.map(|mut row| Forms::of(&row.octets(0)?).parse(&name).map(Arc::new)).transpose()
        })
        .await
    }

    /// Adds a user with these forms, as they follow the name in a [users file](pop3_serve#the-users-file), and an
    /// empty maildrop, if there is none.
    ///
    /// # Errors
    /// `Exists`, `Invalid` for a form that cannot be parsed or if there is nothing to log in with, and the errors of the
    /// database.
    pub async fn add_user(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let (forms, user) = Forms::new(name, forms)?;
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let mut transaction = store.engine().begin().await?;
            let mut calls = put(&name, &forms, &user, &sql::ADD_USER).into_iter();
            let added = transaction.run(calls.by_ref().take(1).collect()).await?;
            if added.first().is_none_or(|answer| answer.changed == 0) {
                transaction.roll_back().await;
                return Err(SqlError::new(SqlErrorKind::Exists, format!("the user {name} exists already")));
            }
            let mut calls: Vec<_> = calls.collect();
            calls.push(sql::ADD_MAILDROP.with([name.as_str().into()]));
            transaction.run(calls).await?;
            transaction.commit().await
        })
        .await
    }

    /// Replaces the password of a user, in all its forms. Certificates, tokens and settings remain.
    ///
    /// # Errors
    /// `NoUser`, `Invalid` for a form that is no password, and the errors of the database.
    pub async fn set_password(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let new: Vec<_> = forms.iter().map(|form| form.as_ref().to_vec()).collect();
        for form in &new {
            let is_password =
                User::is_password_form(form).map_err(|error| SqlError::invalid(error.to_string()))?;
            if !is_password {
                return Err(SqlError::invalid("the form is no form of a password"));
            }
        }
        self.change_user(name, move |old| {
            let is_password = |form: &Vec<u8>| User::is_password_form(form).unwrap_or(false);
            let place = old.iter().position(is_password).unwrap_or(old.len());
            let mut forms: Vec<_> = old.into_iter().filter(|form| !is_password(form)).collect();
            let place = place.min(forms.len());
            forms.splice(place..place, new);
            forms
        })
        .await
    }

    /// Replaces all forms of a user.
    ///
    /// # Errors
    /// `NoUser`, `Invalid` for a form that cannot be parsed or if there is nothing to log in with, and the errors of the
    /// database.
    pub async fn replace_user(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let new: Vec<_> = forms.iter().map(|form| form.as_ref().to_vec()).collect();
        Forms::new(name, &new)?;
        self.change_user(name, move |_| new).await
    }

    async fn change_user(
        &self,
        name: &UserName,
        change: impl FnOnce(Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Result<(), SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let mut transaction = store.engine().begin().await?;
            let found = transaction.run_one(sql::HOLD_USER.with([name.as_str().into()])).await?.first();
            let mut found = found.ok_or_else(|| no_user(&name))?;
            let (forms, user) = Forms::new(&name, &change(Forms::of(&found.octets(0)?).0))?;
            transaction.run(put(&name, &forms, &user, &sql::CHANGE_USER)).await?;
            transaction.commit().await
        })
        .await
    }

    /// Removes a user with all settings. The maildrop stays.
    ///
    /// # Errors
    /// `NoUser`, and the errors of the database.
    pub async fn remove_user(&self, name: &UserName) -> Result<(), SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let answers = store.engine().write(vec![sql::REMOVE_USER.with([name.as_str().into()])]).await?;
            let removed = answers.first().is_some_and(|answer| answer.changed > 0);
            removed.then_some(()).ok_or_else(|| no_user(&name))
        })
        .await
    }

    /// Returns users after this one, sorted by the octets of their names, at most 1,000 at once, and in a few words
    /// what each has: `hash`, `SCRAM-SHA-256`, `token`.
    ///
    /// # Errors
    /// Returns the errors of the database, and `Invalid` if the forms of a user cannot be parsed.
    pub async fn list_users(&self, after: Option<&UserName>) -> Result<Vec<(UserName, String)>, SqlError> {
        let (store, after) = (self.clone(), after.map_or("", UserName::as_str).to_owned());
        self.run(async move {
            let rows = store.engine().read_one(sql::USERS.with([(&*after).into(), PAGE.into()])).await?.rows;
            let user = |mut row: crate::statement::Row| {
                let name = user_name(&row.text(0)?)?;
                let user = Forms::of(&row.octets(1)?).parse(&name)?;
                Ok((name, user.summary()))
            };
            rows.into_iter().map(user).collect()
        })
        .await
    }

    /// Returns the users who own this certificate.
    pub(crate) async fn owners(&self, certificate: Fingerprint) -> Result<Vec<UserName>, SqlError> {
        let store = self.clone();
        self.run(async move {
            let octets = Bytes::copy_from_slice(certificate.octets());
            let rows = store.engine().read_one(sql::OWNERS.with([octets.into()])).await?.rows;
            rows.into_iter().map(|mut row| user_name(&row.text(0)?)).collect()
        })
        .await
    }

    /// Returns the key for the SCRAM salts of users without keys, which all nodes share. The first call makes it.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn decoy_key(&self) -> Result<[u8; 32], SqlError> {
        let new: [u8; 32] = random::octets()?;
        let store = self.clone();
        self.run(async move {
            let new = Value::from(Bytes::copy_from_slice(&new));
            let name = || Value::from("decoy key");
            let calls = vec![sql::ADD_SETTING.with([name(), new]), sql::SETTING.with([name()])];
            let row = store.engine().write(calls).await?.pop().and_then(crate::statement::Answer::first);
            let octets = row.map(|mut row| row.octets(0)).transpose()?.unwrap_or_default();
            octets[..]
                .try_into()
                .map_err(|_| SqlError::invalid("the decoy key in the database has not 32 octets"))
        })
        .await
    }
}

/// The common properties of the users: those of one user of each kind, as often as there are such users, in
/// proportion.
pub(crate) async fn profile(store: &SqlStore) -> Result<Arc<Profile>, SqlError> {
    let mut users = Vec::new();
    for mut row in store.engine().read_one(sql::KINDS.with([])).await?.rows {
        let forms = Forms::of(&row.octets(0)?);
        let user = forms.0.iter().try_fold(User::new(), |user, form| user.with_form(form));
        // Who can't be parsed can't log in, either.
        let Ok(user) = user else { continue };
        users.push((user, usize::try_from(row.count(1)?).unwrap_or(1)));
    }
    let users = users.iter().flat_map(|(user, count)| core::iter::repeat_n(user, *count));
    Ok(Arc::new(Profile::of(users)))
}

fn no_user(name: &UserName) -> SqlError {
    SqlError::new(SqlErrorKind::NoUser, format!("there is no user {name}"))
}
