//! What is asked of a client about listings, messages and QUIT.

use crate::heard::Heard;
use crate::row::Check::Judge;
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, row};
use crate::verdict::{Verdict, done, ensure, fail, note, skip};

pub(super) const IN_PIECES: &[Row] = &[row(
    "1939-3.19",
    Must,
    "Replies that arrive octet by octet have the same meaning.",
    Judge(Heard::took_all),
)];

pub(super) const DOTS: &[Row] = &[
    row(
        "1939-3.30",
        Must,
        "The end of a reply is recognised when it arrives in pieces.",
        Judge(Heard::took_all),
    ),
    row(
        "1939-3.31",
        Must,
        "A dot that is not alone on its line does not end a reply.",
        Judge(|heard| {
            let twice = heard.lines.iter().filter(|line| line.keyword == "RETR").count();
            ensure(twice >= heard.messages, || format!("the client sent {}", heard.commands()))?;
            heard.took_all()
        }),
    ),
];

pub(super) const BARE_LF: &[Row] =
    &[row("1939-3.35", Practice, "A dot after a bare LF does not end a reply.", Judge(Heard::took_all))];
pub(super) const LONG_LINE: &[Row] =
    &[row("1939-3.38", Practice, "Lines of a message may have any length.", Judge(Heard::took_all))];
pub(super) const OCTETS: &[Row] =
    &[row("1939-3.39", Practice, "NUL and 8-bit octets in a message are accepted.", Judge(Heard::took_all))];

pub(super) const EMPTY: &[Row] = &[row(
    "1939-3.26",
    Must,
    "An empty listing is accepted.",
    Judge(|heard| {
        ensure(heard.has("STAT") || heard.has("LIST") || heard.has("UIDL"), || {
            format!("the client sent {}", heard.commands())
        })?;
        ensure(!heard.has("RETR") && !heard.has("DELE"), || "the client requested a message".to_owned())?;
        ensure(heard.has("QUIT"), || "the client did not send QUIT".to_owned())?;
        ensure(heard.succeeded != Some(false), || "the client ended with an error".to_owned())?;
        done()
    }),
)];

pub(super) const PIPELINING: &[Row] = &[
    row(
        "2449-6.61",
        Must,
        "Replies are matched to commands in order.",
        Judge(|heard| {
            heard.deleted_only(&[1, 3])?;
            heard.reached("DELE")?;
            ensure(heard.numbers("DELE").contains(&3), || format!("the client sent {}", heard.commands()))?;
            ensure(heard.has("QUIT"), || "the client did not send QUIT".to_owned())?;
            done()
        }),
    ),
    row(
        "1939-7.25",
        Practice,
        "The client may send PASS before the reply to USER.",
        Judge(|heard| {
            heard.reached("PASS")?;
            let ahead = heard.all("PASS").any(|line| line.pipelined);
            note(if ahead {
                "PASS is sent before the reply to USER"
            } else {
                "PASS waits for the reply to USER"
            })
        }),
    ),
];

pub(super) const EXPIRE: &[Row] = &[row(
    "1939-8.02",
    Must,
    "The client sends DELE, whatever the server's policy.",
    Judge(|heard| {
        heard.reached("CAPA")?;
        heard.took_all()
    }),
)];

pub(super) const TRUNCATED: &[Row] = &[row(
    "1939-3.37",
    Practice,
    "A truncated message is neither deleted nor treated as complete.",
    Judge(|heard| {
        heard.reached("RETR")?;
        // The connection ends in message 2: what was deleted before can't be committed any more.
        ensure(!heard.numbers("DELE").contains(&2), || "message 2 was deleted".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const UNSTUFFED: &[Row] = &[row(
    "TOL-14",
    Practice,
    "A message that ends too early is noticed.",
    Judge(|heard| {
        heard.reached("RETR")?;
        let committed = heard.numbers("DELE").contains(&1) && heard.has("QUIT");
        ensure(!committed, || "message 1 was deleted, although it was incomplete".to_owned())?;
        heard.noticed()?;
        done()
    }),
)];

pub(super) const EXTRA_FIELDS: &[Row] = &[
    row("1939-5.23", Must, "Text after the size is ignored.", Judge(Heard::took_all)),
    row("TOL-08", Practice, "Lines of LIST may have further fields.", Judge(Heard::took_all)),
];

pub(super) const GAPS: &[Row] =
    &[row("1939-5.32", Practice, "Listings may skip numbers.", Judge(|heard| heard.took(&[2, 5])))];

pub(super) const TWINS: &[Row] = &[row(
    "1939-7.56",
    Should,
    "If two messages have the same unique-id, neither is lost.",
    Judge(|heard| {
        heard.reached("RETR")?;
        heard.deleted_only(&[1, 2, 3])?;
        ensure(heard.numbers("RETR").contains(&1), || format!("the client sent {}", heard.commands()))?;
        note(format!("{} of {} fetched", heard.numbers("RETR").len(), heard.messages))
    }),
)];

pub(super) const CASE: &[Row] =
    &[row("1939-7.57", Practice, "Unique-ids are case-sensitive.", Judge(Heard::took_all))];

pub(super) const LONG_UID: &[Row] =
    &[row("1939-7.58", Practice, "A long unique-id is accepted or refused.", Judge(either))];
pub(super) const NO_UID: &[Row] = &[row(
    "TOL-10",
    Practice,
    "If a line of UIDL has no unique-id, no message is deleted unread.",
    Judge(either),
)];

pub(super) const SIZES: &[Row] =
    &[row("TOL-13", Practice, "A wrong size does not decide where a message ends.", Judge(Heard::took_all))];

pub(super) const HUGE_SIZE: &[Row] = &[row(
    "1939-5.30",
    Practice,
    "A huge size causes neither an allocation nor a delay.",
    Judge(|heard| {
        heard.reached("PASS").or_else(|_| heard.reached("AUTH"))?;
        ensure(!heard.waited, || "the client waits for more octets".to_owned())?;
        either(heard)
    }),
)];

pub(super) const BAD_STAT: &[Row] = &[row(
    "1939-5.24",
    Must,
    "Invalid numbers are an error and cause no crash.",
    Judge(|heard| {
        heard.reached("STAT").or_else(|_| heard.reached("LIST"))?;
        either(heard)
    }),
)];

pub(super) const NOT_REMOVED: &[Row] = &[row(
    "1939-6.15",
    Practice,
    "A refused QUIT is not a success.",
    Judge(|heard| {
        heard.reached("DELE")?;
        heard.reached("QUIT")?;
        by_exit(heard)
    }),
)];

pub(super) const NO_FAREWELL: &[Row] = &[row(
    "TOL-07",
    Practice,
    "A connection that ends without a reply to QUIT is reported.",
    Judge(|heard| {
        heard.reached("DELE")?;
        heard.reached("QUIT")?;
        by_exit(heard)
    }),
)];

pub(super) const UNENDED_FAREWELL: &[Row] =
    &[row("TOL-06", Practice, "A last reply without CRLF is accepted or reported.", Judge(either))];

/// Both is right: to go through, or to stop with an error; not to hang, nor to delete what was not fetched.
pub(super) fn either(heard: &Heard) -> Verdict {
    ensure(heard.connections > 0, || "the client did not connect".to_owned())?;
    ensure(!heard.waited, || "the client waits".to_owned())?;
    let all: Vec<usize> = (1..=heard.messages).collect();
    heard.deleted_only(&all)?;
    if heard.took(&all).is_ok() {
        return note("taken");
    }
    heard.noticed()?;
    note("refused")
}

/// By the exit code alone.
fn by_exit(heard: &Heard) -> Verdict {
    match heard.succeeded {
        None => skip("shows only in the exit code: needs --exec"),
        Some(true) => fail("the client reported success"),
        Some(false) => done(),
    }
}
