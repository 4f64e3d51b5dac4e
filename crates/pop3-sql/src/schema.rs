//! The tables, and how they came to be.

use crate::statement::{Dialect, expand};

/// The version of the tables that this crate uses: one for each step.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// What makes each version of the one before. A step that was released is never changed.
///
/// Times are in milliseconds since 1970 (UTC), by the clock of the database.
const STEPS: &[&[&str]] = &[&[
    // Who may log in: the forms of a users file, each followed by a line end.
    "CREATE TABLE pop3_users (
        user_name {name} PRIMARY KEY,
        forms {octets} NOT NULL,
        kind {name} NOT NULL)",
    // The kinds of users are few, and the announcements before a login depend on them.
    "CREATE INDEX pop3_users_kind ON pop3_users (kind, user_name)",
    "CREATE TABLE pop3_certificates (
        fingerprint {octets} NOT NULL,
        user_name {name} NOT NULL REFERENCES pop3_users ON DELETE CASCADE,
        PRIMARY KEY (fingerprint, user_name))",
    "CREATE INDEX pop3_certificates_user ON pop3_certificates (user_name)",
    // The lock is the incarnation of a node, and the token grows with each session that takes it. taken_from: the node
    // that was gone and still had the lock when it was taken last.
    "CREATE TABLE pop3_maildrops (
        id {id},
        user_name {name} NOT NULL UNIQUE,
        lock_node bigint,
        taken_from bigint,
        token bigint NOT NULL DEFAULT 0,
        last_login bigint,
        quota_messages bigint,
        quota_octets bigint) {roomy}",
    // size: on the wire. ascii_size: with the header in ASCII, where that is another.
    "CREATE TABLE pop3_messages (
        id {id},
        maildrop bigint NOT NULL REFERENCES pop3_maildrops (id),
        unique_id {name} NOT NULL,
        octets bigint NOT NULL,
        size bigint NOT NULL,
        ascii_size bigint,
        eight_bit bigint NOT NULL,
        received bigint NOT NULL,
        retrieved bigint,
        UNIQUE (maildrop, unique_id))",
    "CREATE INDEX pop3_messages_maildrop ON pop3_messages (maildrop, id)",
    // The stored form in pieces of 262144 octets; the last one may be shorter.
    "CREATE TABLE pop3_chunks (
        message bigint NOT NULL REFERENCES pop3_messages (id) ON DELETE CASCADE,
        seq bigint NOT NULL,
        data {octets} NOT NULL,
        PRIMARY KEY (message, seq))",
    // What a node has committed under a token, to find out the outcome when the answer was lost. Kept for a day. A token
    // alone may come twice, if the server fails over to one that has not seen the first.
    "CREATE TABLE pop3_commits (
        maildrop bigint NOT NULL,
        token bigint NOT NULL,
        node bigint NOT NULL,
        at bigint NOT NULL,
        removed bigint NOT NULL,
        PRIMARY KEY (maildrop, token, node))",
    "CREATE INDEX pop3_commits_at ON pop3_commits (at)",
    // What was delivered, to recognise a retry. Kept for a week.
    "CREATE TABLE pop3_deliveries (
        maildrop bigint NOT NULL REFERENCES pop3_maildrops (id) ON DELETE CASCADE,
        delivery_key {octets} NOT NULL,
        at bigint NOT NULL,
        unique_id {name} NOT NULL,
        attempt bigint NOT NULL,
        PRIMARY KEY (maildrop, delivery_key))",
    "CREATE INDEX pop3_deliveries_at ON pop3_deliveries (at)",
    // What was imported, so that another import does not bring back what a client has deleted. Kept for ever.
    "CREATE TABLE pop3_imported (
        maildrop bigint NOT NULL REFERENCES pop3_maildrops (id) ON DELETE CASCADE,
        unique_id {name} NOT NULL,
        PRIMARY KEY (maildrop, unique_id))",
    // run: of the server, in which the node took its lock. outage, back: how long its last long silence was, and when it
    // ended.
    "CREATE TABLE pop3_nodes (
        incarnation bigint PRIMARY KEY,
        node_name text NOT NULL,
        started bigint NOT NULL,
        heartbeat bigint NOT NULL,
        outage bigint NOT NULL DEFAULT 0,
        back bigint NOT NULL DEFAULT 0,
        run bigint NOT NULL) {roomy}",
    // What all nodes share, such as the key for the salts of users who do not exist.
    "CREATE TABLE pop3_settings (
        setting text PRIMARY KEY,
        value {octets} NOT NULL)",
    // Failed logins, for the brakes of the other nodes. Kept for a minute.
    "CREATE TABLE pop3_failures (
        id {id},
        incarnation bigint NOT NULL,
        address text NOT NULL,
        failures bigint NOT NULL,
        at bigint NOT NULL)",
    "CREATE INDEX pop3_failures_at ON pop3_failures (at)",
]];

/// What only PostgreSQL needs, in the same steps.
///
/// Chunks are stored outside of their rows, and not compressed: base64 does not gain enough to pay for trying.
const POSTGRES: &[&[&str]] = &[&["ALTER TABLE pop3_chunks ALTER COLUMN data SET STORAGE EXTERNAL"]];

/// The table with the version.
pub(crate) const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS pop3_schema (version bigint NOT NULL)";

/// The statements that make this version of an older one.
pub(crate) fn steps(from: u32, dialect: Dialect) -> Vec<String> {
    let from = from as usize;
    let own = if dialect == Dialect::Postgres { POSTGRES } else { &[] };
    let steps = STEPS.iter().enumerate().skip(from);
    steps
        .flat_map(|(index, step)| step.iter().chain(own.get(index).copied().unwrap_or_default()))
        .map(|text| expand(text, dialect))
        .collect()
}
