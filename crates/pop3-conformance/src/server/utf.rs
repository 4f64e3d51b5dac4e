//! UTF8 and LANG.

use crate::bench::Bench;
use crate::facts::Facts;
use crate::row::Check::{Bench as With, Known, Open, Outside};
use crate::row::RequirementLevel::{Must, Practice, Should};
use crate::row::{Row, row};
use crate::show::escaped;
use crate::verdict::{Stop, Verdict, done, ensure, fail, note, skip};
use crate::wire::{Wire, trimmed};

pub(super) const ROWS: &[Row] = &[
    row(
        "6856-2.11",
        Must,
        "UTF8 has no argument and is accepted only before the login.",
        With(|bench| {
            bench.facts.announced("UTF8")?;
            let mut wire = bench.open()?;
            wire.refused("UTF8 x")?;
            wire.accepted("UTF8")?;
            wire.quit();
            bench.refused_after(&["UTF8"])?;
            done()
        }),
    ),
    row(
        "6856-2.12",
        Must,
        "Without UTF8, headers are sent in ASCII.",
        Known(|facts| {
            facts.announced("UTF8")?;
            facts.message()?;
            for message in facts.fetched() {
                let header = message.lines.iter().take(message.header_lines());
                let raw = header.clone().find(|line| !line.is_ascii());
                ensure(raw.is_none(), || {
                    format!(
                        "message {} has the header {}",
                        message.number,
                        escaped(raw.map_or(b"", |line| trimmed(line)))
                    )
                })?;
            }
            done()
        }),
    ),
    row(
        "6856-2.13",
        Practice,
        "8-bit bodies are sent unchanged.",
        Known(|facts| {
            let body = facts.fetched().find(|message| {
                message.lines.iter().skip(message.header_lines()).any(|line| !line.is_ascii())
            });
            if body.is_some() { done() } else { skip("no message has an 8-bit body") }
        }),
    ),
    row("6856-2.14", Must, "With UTF8, messages are sent unchanged.", With(with_utf8)),
    row(
        "6856-2.15",
        Must,
        "Binary transfer encoding stays forbidden.",
        Outside("applies to the sender of the mail"),
    ),
    row(
        "6856-2.16",
        Must,
        "With UTF8 USER, names may be UTF-8.",
        Open(|wire, facts| {
            utf8_user(facts)?;
            let mut command = b"USER ".to_vec();
            command.extend_from_slice("jos\u{e9}".as_bytes());
            let reply = wire.reply_secretly("USER (UTF-8)", &command)?;
            ensure(reply.positive, || format!("a name in UTF-8 gets {}", escaped(&reply.raw)))?;
            done()
        }),
    ),
    row(
        "6856-2.18",
        Must,
        "Names that are not UTF-8 are refused.",
        With(|bench| {
            utf8_user(&bench.facts)?;
            for name in [&b"\xc0\xaf"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"] {
                let mut wire = bench.open()?;
                let reply = wire.reply_secretly("USER (no UTF-8)", &[b"USER ", name].concat())?;
                wire.quit();
                ensure(!reply.positive, || format!("USER {} was accepted", escaped(name)))?;
            }
            done()
        }),
    ),
    row(
        "6856-2.19",
        Must,
        "Names with characters that SASLprep prohibits are refused.",
        With(|bench| {
            utf8_user(&bench.facts)?;
            for name in ["a\u{7}b", "a\u{e000}b", "a\u{fffd}b"] {
                let mut wire = bench.open()?;
                let reply =
                    wire.reply_secretly("USER (prohibited)", &[b"USER ", name.as_bytes()].concat())?;
                wire.quit();
                ensure(!reply.positive, || format!("USER {} was accepted", escaped(name.as_bytes())))?;
            }
            done()
        }),
    ),
    row(
        "6856-2.21",
        Practice,
        "Names are prepared with SASLprep or its successor.",
        Outside("both are correct"),
    ),
    row(
        "6856-3.01",
        Must,
        "LANG with a tag answers with that tag, in both states.",
        With(|bench| {
            let tag = first_tag(bench)?;
            let mut before = bench.open()?;
            names(&mut before, &tag, &tag)?;
            before.quit();
            let mut wire = bench.session()?;
            names(&mut wire, &tag, &tag)?;
            bench.keep(wire)?;
            note(tag)
        }),
    ),
    row(
        "6856-3.02",
        Must,
        "LANG with an unknown tag is refused.",
        Open(|wire, facts| {
            facts.announced("LANG")?;
            wire.refused("LANG x-nowhere")?;
            done()
        }),
    ),
    row(
        "6856-3.03",
        Must,
        "Language tags are case-insensitive.",
        With(|bench| {
            let tag = first_tag(bench)?;
            let mut wire = bench.open()?;
            names(&mut wire, &tag.to_uppercase(), &tag)?;
            wire.quit();
            done()
        }),
    ),
    row(
        "6856-3.04",
        Must,
        "LANG * selects the server's preferred language.",
        Open(|wire, facts| {
            facts.announced("LANG")?;
            let reply = wire.accepted("LANG *")?;
            note(reply.text.split(' ').next().unwrap_or_default())
        }),
    ),
    row(
        "6856-3.05",
        Must,
        "LANG without an argument lists the languages or is refused.",
        Open(|wire, facts| {
            facts.announced("LANG")?;
            let Some(lines) = wire.multiline_if("LANG")? else { return note("refused") };
            for line in &lines {
                let tag = trimmed(line).split(|octet| *octet == b' ').next().unwrap_or_default();
                let good = !tag.is_empty()
                    && tag.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
                ensure(good, || format!("LANG lists {}", escaped(line)))?;
            }
            note(format!("{} languages", lines.len()))
        }),
    ),
    row(
        "6856-3.06",
        Should,
        "Before the login, the language does not depend on the user.",
        Outside("needs a second user"),
    ),
    row(
        "6856-3.08",
        Practice,
        "Reply texts are valid UTF-8.",
        Open(|wire, facts| {
            facts.announced("LANG")?;
            let reply = wire.reply("LANG *")?;
            ensure(core::str::from_utf8(&reply.raw).is_ok(), || {
                format!("{} is not UTF-8", escaped(&reply.raw))
            })?;
            done()
        }),
    ),
];

fn utf8_user(facts: &Facts) -> Result<(), Stop> {
    if facts.announced("UTF8")?.iter().any(|parameter| parameter == "USER") {
        Ok(())
    } else {
        skip("UTF8 is announced without USER")
    }
}

fn first_tag(bench: &Bench<'_>) -> Result<String, Stop> {
    bench.facts.announced("LANG")?;
    let mut wire = bench.open()?;
    let lines = wire.multiline_if("LANG")?.unwrap_or_default();
    wire.quit();
    let mut tags = lines
        .iter()
        .filter_map(|line| String::from_utf8_lossy(trimmed(line)).split(' ').next().map(str::to_owned));
    // i-default has no language of its own.
    let tag = tags.find(|tag| !tag.starts_with("i-"));
    tag.map_or_else(|| skip("LANG lists no language"), Ok)
}

fn names(wire: &mut Wire, asked: &str, tag: &str) -> Result<(), Stop> {
    let reply = wire.accepted(&format!("LANG {asked}"))?;
    let answered = reply.text.split(' ').next().unwrap_or_default();
    ensure(answered.eq_ignore_ascii_case(tag), || format!("LANG {asked} gets {}", escaped(&reply.raw)))
}

fn with_utf8(bench: &mut Bench<'_>) -> Verdict {
    bench.facts.announced("UTF8")?;
    bench.facts.message()?;
    bench.end_session();
    let mut wire = bench.open()?;
    wire.accepted("UTF8")?;
    let reply = bench.try_log_in(&mut wire)?;
    ensure(reply.positive, || format!("the login was refused: {}", escaped(&reply.raw)))?;
    let facts = std::rc::Rc::clone(&bench.facts);
    for message in facts.messages.iter().filter(|message| message.out_of_step.is_none()) {
        let number = message.number;
        let Some(lines) = wire.multiline_if(&format!("RETR {number}"))? else {
            return fail(format!("RETR {number} is refused with UTF8"));
        };
        // A message in ASCII has no other form.
        let ascii = message.refused.is_none() && message.lines.iter().all(|line| line.is_ascii());
        let changed = ascii && lines.iter().all(|line| line.is_ascii()) && lines != message.lines;
        ensure(!changed, || format!("message {number} is different with UTF8"))?;
    }
    wire.quit();
    done()
}
