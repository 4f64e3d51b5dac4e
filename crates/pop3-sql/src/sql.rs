//! The statements.

use crate::statement::Statement;

/// The time without a heartbeat after which a node counts as gone, in milliseconds.
macro_rules! silence {
    () => {
        "30000"
    };
}

/// Whether the node that has maildrop `d` lives. It has a heartbeat that is not old; and it holds its lock, or it has
/// lost it only a moment ago, or it took that lock in another run of the server, which proves nothing. Node `$me` has
/// more patience when it was silent itself: the others may be about to come back as well.
macro_rules! alive {
    ($($me:literal)?) => {
        concat!(
            "EXISTS (SELECT 1 FROM pop3_nodes n WHERE n.incarnation = d.lock_node AND n.heartbeat > {now} - ",
            silence!(),
            $(" - coalesce((SELECT CASE WHEN me.back > {now} - 10000 THEN me.outage ELSE 0 END \
                FROM pop3_nodes me WHERE me.incarnation = ", $me, "), 0)",)?
            " AND (n.run <> {run} OR n.heartbeat > {now} - {grace} OR {held:d.lock_node}))"
        )
    };
}

/// Whether the maildrop `$1` is locked under the token `$2` of the node `$3`.
macro_rules! mine {
    () => {
        "EXISTS (SELECT 1 FROM pop3_maildrops d WHERE d.id = $1 AND d.token = $2 AND d.lock_node = $3)"
    };
}

/// A week, in milliseconds.
macro_rules! week {
    () => {
        "604800000"
    };
}

/// Locks a maildrop that nobody has, or for this other reason.
macro_rules! lock {
    ($or:expr) => {
        concat!(
            "UPDATE pop3_maildrops AS d SET lock_node = $2, token = d.token + 1, \
                taken_from = CASE WHEN d.lock_node <> $2 THEN d.lock_node END, \
                last_login = CASE WHEN $5 = 1 THEN d.last_login ELSE {now} END \
                WHERE d.user_name = $1 AND (d.last_login IS NULL OR d.last_login + $3 <= {now} \
                    OR d.last_login > {now} OR ($4 = 1 AND d.lock_node = $2)) \
                AND (d.lock_node IS NULL OR d.lock_node = $2",
            $or,
            ") RETURNING id, token, taken_from"
        )
    };
}

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: Statement = Statement::new($text);)*
    };
}

statements! {
    PING = "SELECT 1";
    VERSION = "SELECT version FROM pop3_schema";

    // Opening a maildrop.

    /// Locks the maildrop of user `$1` for node `$2`, unless it is locked, or the last login was less than `$3` ago.
    /// With `$4` = 1, this is repeated because the answer was lost. With `$5` = 1, the login is not noted.
    LOCK = lock!("");
    /// The same, but also takes over the lock of a node that is gone. Costs the database more.
    TAKE_OVER = lock!(concat!(" OR NOT ", alive!("$2")));
    /// Why user `$1` did not get the lock: whether another than `$2` has it, and how long ago the last login was.
    WHY_NOT = concat!(
        "SELECT CASE WHEN d.lock_node IS NOT NULL AND d.lock_node <> $2 AND ", alive!("$2"), " THEN 1 ELSE 0 END, \
            {now} - d.last_login FROM pop3_maildrops d WHERE d.user_name = $1");
    /// The messages of user `$1`, if node `$2` has the lock.
    SNAPSHOT = "SELECT m.id, m.unique_id, m.size, m.ascii_size, m.eight_bit, m.octets \
            FROM pop3_messages m JOIN pop3_maildrops d ON d.id = m.maildrop \
            WHERE d.user_name = $1 AND d.lock_node = $2 ORDER BY m.id";
    /// What an export needs of the messages of maildrop `$1`.
    ENTRIES = "SELECT id, unique_id, received, retrieved, octets, size FROM pop3_messages \
            WHERE maildrop = $1 ORDER BY id";

    // Reading.

    /// A chunk `$2` of message `$1`.
    CHUNK = "SELECT data FROM pop3_chunks WHERE message = $1 AND seq = $2";
    /// The first chunks of the messages `$1`.
    FIRST_CHUNKS = "SELECT message, data FROM pop3_chunks WHERE message {in:$1} AND seq = 0";

    // The commit: all of these in one transaction, for maildrop `$1`, token `$2` and node `$3`.

    /// Waits for another transaction that has the maildrop, and returns a row if it is still ours.
    HOLD = "SELECT id FROM pop3_maildrops WHERE id = $1 AND token = $2 AND lock_node = $3 {hold}";
    /// Notes the commit of the messages `$4`.
    NOTE = concat!(
        "INSERT INTO pop3_commits (maildrop, token, node, at, removed) SELECT $1, $2, $3, {now}, \
            (SELECT count(*) FROM pop3_messages WHERE maildrop = $1 AND id {in:$4}) WHERE ", mine!());
    /// Removes the messages `$4`.
    REMOVE = concat!(
        "DELETE FROM pop3_messages WHERE maildrop = $1 AND id {in:$4} AND ", mine!());
    /// Removes what was read more than `$4` milliseconds ago.
    EXPIRE = concat!(
        "DELETE FROM pop3_messages WHERE maildrop = $1 AND retrieved < {now} - $4 AND ", mine!());
    /// Notes that the messages `$4` were read.
    SEEN = concat!(
        "UPDATE pop3_messages SET retrieved = {now} WHERE maildrop = $1 AND id {in:$4} AND retrieved IS NULL AND ",
        mine!());
    /// Releases the maildrop.
    FREE = "UPDATE pop3_maildrops SET lock_node = NULL WHERE id = $1 AND token = $2 AND lock_node = $3";
    /// What was committed for maildrop `$1` under token `$2` of node `$3`.
    OUTCOME = "SELECT removed FROM pop3_commits WHERE maildrop = $1 AND token = $2 AND node = $3";

    // Delivering.

    /// The maildrop of user `$1`, its quota, and what was delivered with key `$2`.
    TARGET = concat!(
        "SELECT d.id, d.quota_messages, d.quota_octets, (SELECT v.unique_id FROM pop3_deliveries v \
            WHERE v.maildrop = d.id AND v.delivery_key = $2 AND v.at > {now} - ", week!(), ") \
            FROM pop3_maildrops d WHERE d.user_name = $1");
    /// Notes the delivery of message `$3` with key `$2` to maildrop `$1`, unless the key is there. `$4` is the attempt.
    KEY = concat!(
        "INSERT INTO pop3_deliveries AS v (maildrop, delivery_key, at, unique_id, attempt) \
            VALUES ($1, $2, {now}, $3, $4) ON CONFLICT (maildrop, delivery_key) DO UPDATE \
            SET at = excluded.at, unique_id = excluded.unique_id, attempt = excluded.attempt \
            WHERE v.at <= {now} - ", week!());
    /// The message that was delivered with key `$2`.
    KEY_OF = "SELECT unique_id FROM pop3_deliveries WHERE maildrop = $1 AND delivery_key = $2";
    /// A message with unique-id `$2` for maildrop `$1`, if the key `$7` is noted for this attempt `$8`. If an earlier
    /// one has stored it, a client may have removed it since.
    MESSAGE = "INSERT INTO pop3_messages \
            (maildrop, unique_id, octets, size, ascii_size, eight_bit, received) \
            SELECT maildrop, unique_id, $3, $4, $5, $6, {now} FROM pop3_deliveries \
            WHERE maildrop = $1 AND delivery_key = $7 AND unique_id = $2 AND attempt = $8";
    /// The chunk `$3` of the message with unique-id `$2` of maildrop `$1`, unless an earlier attempt has stored it.
    PUT_CHUNK = "INSERT INTO pop3_chunks (message, seq, data) \
            SELECT id, $3, $4 FROM pop3_messages WHERE maildrop = $1 AND unique_id = $2 \
            ON CONFLICT (message, seq) DO NOTHING";
    /// Keeps other deliveries with a quota away from maildrop `$1` until the end of the transaction.
    HOLD_QUOTA = "SELECT quota_messages, quota_octets FROM pop3_maildrops WHERE id = $1 {hold}";
    /// What maildrop `$1` holds.
    USAGE = "SELECT count(*), CAST(coalesce(sum(size), 0) AS bigint) FROM pop3_messages WHERE maildrop = $1";

    // Importing.

    MAILDROP = "SELECT id FROM pop3_maildrops WHERE user_name = $1";
    /// Notes the import of unique-id `$2` into maildrop `$1`, unless it was imported before.
    IMPORTED = "INSERT INTO pop3_imported (maildrop, unique_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// A message, received at `$7` or now, and read now if `$8` is 1.
    IMPORT = "INSERT INTO pop3_messages \
            (maildrop, unique_id, octets, size, ascii_size, eight_bit, received, retrieved) \
            VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, {now}), CASE WHEN $8 = 1 THEN {now} END) \
            ON CONFLICT (maildrop, unique_id) DO NOTHING";

    // Users.

    USER = "SELECT forms FROM pop3_users WHERE user_name = $1";
    HOLD_USER = "SELECT forms FROM pop3_users WHERE user_name = $1 {hold}";
    USERS = "SELECT user_name, forms FROM pop3_users WHERE user_name > $1 ORDER BY user_name LIMIT $2";
    ADD_USER = "INSERT INTO pop3_users (user_name, forms, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    CHANGE_USER = "UPDATE pop3_users SET forms = $2, kind = $3 WHERE user_name = $1";
    REMOVE_USER = "DELETE FROM pop3_users WHERE user_name = $1";
    REMOVE_CERTIFICATES = "DELETE FROM pop3_certificates WHERE user_name = $1";
    ADD_CERTIFICATE = "INSERT INTO pop3_certificates (user_name, fingerprint) \
            SELECT user_name, $2 FROM pop3_users WHERE user_name = $1 ON CONFLICT DO NOTHING";
    OWNERS = "SELECT user_name FROM pop3_certificates WHERE fingerprint = $1 ORDER BY user_name LIMIT 100";
    /// The kinds of users, a user of each, and how many there are, up to 1,000. Skips from kind to kind.
    KINDS = "WITH RECURSIVE kinds (kind) AS ( \
            SELECT min(kind) FROM pop3_users \
            UNION ALL SELECT (SELECT min(u.kind) FROM pop3_users u WHERE u.kind > kinds.kind) \
                FROM kinds WHERE kinds.kind IS NOT NULL) \
            SELECT (SELECT u.forms FROM pop3_users u WHERE u.kind = k.kind ORDER BY u.user_name LIMIT 1), \
                (SELECT count(*) FROM (SELECT 1 FROM pop3_users u WHERE u.kind = k.kind LIMIT 1000) AS few) \
            FROM kinds k WHERE k.kind IS NOT NULL LIMIT 1000";

    // Maildrops.

    ADD_MAILDROP = "INSERT INTO pop3_maildrops (user_name) VALUES ($1) ON CONFLICT DO NOTHING";
    MAILDROPS = "SELECT user_name FROM pop3_maildrops WHERE user_name > $1 ORDER BY user_name LIMIT $2";
    SET_QUOTA = "UPDATE pop3_maildrops SET quota_messages = $2, quota_octets = $3 WHERE user_name = $1";
    QUOTA = "SELECT d.quota_messages, d.quota_octets, \
            (SELECT count(*) FROM pop3_messages m WHERE m.maildrop = d.id), \
            (SELECT CAST(coalesce(sum(m.size), 0) AS bigint) FROM pop3_messages m WHERE m.maildrop = d.id) \
            FROM pop3_maildrops d WHERE d.user_name = $1";
    /// The maildrop of user `$1`, whether a node that lives has it, and the number of messages.
    HOLD_MAILDROP = concat!(
        "SELECT d.id, CASE WHEN d.lock_node IS NOT NULL AND ", alive!(), " THEN 1 ELSE 0 END, \
            (SELECT count(*) FROM pop3_messages m WHERE m.maildrop = d.id) \
            FROM pop3_maildrops d WHERE d.user_name = $1 {hold}");
    EMPTY_MAILDROP = "DELETE FROM pop3_messages WHERE maildrop = $1";
    REMOVE_MAILDROP = "DELETE FROM pop3_maildrops WHERE id = $1";

    // Nodes.

    /// The heartbeat of node `$1` with name `$2`. With `$3` = 1, it holds its lock.
    HEARTBEAT = "INSERT INTO pop3_nodes AS n (incarnation, node_name, started, heartbeat, run) \
            VALUES ($1, $2, {now}, {now}, CASE WHEN $3 = 1 THEN {run} ELSE 0 END) \
            ON CONFLICT (incarnation) DO UPDATE SET heartbeat = excluded.heartbeat, \
            outage = CASE WHEN excluded.heartbeat - n.heartbeat > 15000 THEN excluded.heartbeat - n.heartbeat \
                ELSE n.outage END, \
            back = CASE WHEN excluded.heartbeat - n.heartbeat > 15000 THEN excluded.heartbeat ELSE n.back END, \
            run = CASE WHEN $3 = 1 THEN excluded.run ELSE n.run END RETURNING {session}";
    /// Takes the lock that shows that node `$1` lives, until the connection ends (PostgreSQL only).
    TAKE = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END";
    /// Does not wait for the disk at each heartbeat (PostgreSQL only).
    HURRY = "SELECT set_config('synchronous_commit', 'off', false)";
    /// Ends another connection that has that lock: a former one of the same node, which the server has not noticed to
    /// be dead (PostgreSQL only).
    END_OTHER = "SELECT count(*) FROM (SELECT pg_terminate_backend(l.pid) FROM pg_locks l \
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid() \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND l.classid::bigint = (($1 >> 32) & 4294967295) AND l.objid::bigint = ($1 & 4294967295)) AS ended";
    /// Releases the maildrop of user `$1` if node `$2` has it, under whatever token.
    FREE_USER = "UPDATE pop3_maildrops SET lock_node = NULL WHERE user_name = $1 AND lock_node = $2";
    /// The users whose maildrops node `$1` has, among those with a number above `$2` and up to `$3`.
    OWN = "SELECT user_name FROM pop3_maildrops WHERE lock_node = $1 AND id > $2 AND id <= $3";
    LAST_MAILDROP = "SELECT coalesce(max(id), 0) FROM pop3_maildrops";
    /// Releases all maildrops of node `$1`.
    FREE_ALL = "UPDATE pop3_maildrops SET lock_node = NULL WHERE lock_node = $1";
    LEAVE = "DELETE FROM pop3_nodes WHERE incarnation = $1";

    // Failed logins.

    FAILED = "INSERT INTO pop3_failures (incarnation, address, failures, at) VALUES ($1, $2, $3, {now})";
    /// Those of other nodes than `$1`, since number `$2`.
    FAILURES = "SELECT id, address, failures FROM pop3_failures WHERE incarnation <> $1 AND id > $2 \
            AND at > {now} - 60000 ORDER BY id LIMIT 10000";

    // Settings that all nodes share.

    ADD_SETTING = "INSERT INTO pop3_settings (setting, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    SETTING = "SELECT value FROM pop3_settings WHERE setting = $1";

    // The check.

    CHECKED = "SELECT m.id, d.user_name, m.unique_id, m.octets, m.size, m.ascii_size, m.eight_bit \
            FROM pop3_messages m JOIN pop3_maildrops d ON d.id = m.maildrop \
            WHERE m.id > $1 ORDER BY m.id LIMIT $2";
    IS_THERE = "SELECT id FROM pop3_messages WHERE id = $1";
    WITHOUT_MAILDROP = "SELECT u.user_name FROM pop3_users u \
            WHERE NOT EXISTS (SELECT 1 FROM pop3_maildrops d WHERE d.user_name = u.user_name) LIMIT 1000";
    ORPHANS = "SELECT count(*) FROM pop3_chunks c \
            WHERE NOT EXISTS (SELECT 1 FROM pop3_messages m WHERE m.id = c.message)";
    LEFT_LOCKS = concat!(
        "SELECT d.user_name FROM pop3_maildrops d WHERE d.lock_node IS NOT NULL AND NOT ", alive!(), " LIMIT 1000");

    // What is not needed any more.

    OLD_COMMITS = "DELETE FROM pop3_commits WHERE at < {now} - 86400000";
    OLD_DELIVERIES = concat!("DELETE FROM pop3_deliveries WHERE at <= {now} - ", week!());
    OLD_NODES = "DELETE FROM pop3_nodes WHERE heartbeat < {now} - 86400000";
    OLD_FAILURES = "DELETE FROM pop3_failures WHERE at < {now} - 60000";
}
