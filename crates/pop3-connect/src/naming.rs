//! How texts for people name a setting.

/// How texts for people name a setting, and its value where they advise one. The keys are the fields of
/// [`Settings`](crate::Settings), such as `tls`, `min_rate` or `auth`; the values are as a person would write them:
/// `implicit`, `starttls` and `off` for `tls`; `user` or the name of a mechanism in lower case for `auth`.
///
/// The default is as in a file of settings: `tls=implicit`. A program with options says `--tls implicit`, a panel "Security: SSL/TLS".
pub type Naming = fn(key: &str, value: Option<&str>) -> String;

/// As in a file of settings: `tls=implicit`.
pub(crate) fn as_fields(key: &str, value: Option<&str>) -> String {
    value.map_or_else(|| key.to_owned(), |value| format!("{key}={value}"))
}
