//! How texts for people name a setting.

/// A function that formats a setting in messages to people, with a value if the message recommends one. The keys are
/// the fields of [`Settings`](crate::Settings), such as `tls`, `min_rate` or `auth`. The values are those that a
/// person would write: `implicit`, `starttls` and `off` for `tls`; `user` or the name of a mechanism in lower case
/// for `auth`.
///
/// The default is the form of a settings file: `tls=implicit`. A command-line program may use `--tls implicit`, a web
/// panel "Security: SSL/TLS".
pub type Naming = fn(key: &str, value: Option<&str>) -> String;

/// As in a file of settings: `tls=implicit`.
pub(crate) fn as_fields(key: &str, value: Option<&str>) -> String {
    value.map_or_else(|| key.to_owned(), |value| format!("{key}={value}"))
}
