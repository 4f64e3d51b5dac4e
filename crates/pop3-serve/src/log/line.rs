//! One line of the log.
//!
//! Whatever a client, a file or another program has put into a value stays within it. In text, each value that
//! is more than a plain word stands in quotes, and the message too where it could be taken for fields. In
//! JSON, values are JSON's own.

use core::fmt;

use pop3_text::escape;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::Format;

/// The most characters that are shown of a value.
const LIMIT: usize = 1_000;

/// The line for this event, its end included.
pub(super) fn line(event: &Event<'_>, time: &str, format: Format, colours: bool) -> String {
    let mut parts = Parts::default();
    event.record(&mut parts);
    let level = *event.metadata().level();
    match format {
        Format::Text => parts.text(&prefix(time, level, colours)),
        Format::Journald => parts.text(&format!("<{}>", priority(level))),
        Format::Json => parts.json(time, level),
    }
}

/// The parts of an event.
#[derive(Default)]
struct Parts {
    message: String,
    fields: Vec<(&'static str, Part)>,
}

enum Part {
    /// From elsewhere: always in quotes.
    Text(String),
    /// What has a form of its own, as an address: in quotes where it would not be one word.
    Shown(String),
    /// A number or a truth.
    Plain(Value),
}

impl Parts {
    fn add(&mut self, field: &Field, part: Part) {
        match part {
            Part::Text(text) | Part::Shown(text) if field.name() == "message" => self.message = text,
            part @ (Part::Text(_) | Part::Shown(_) | Part::Plain(_)) => {
                self.fields.push((field.name(), part))
            }
        }
    }

    /// Behind this prefix.
    fn text(&self, prefix: &str) -> String {
        let mut line = prefix.to_owned();
        if self.message.contains('=') || !is_printable(&self.message) {
            quote(&mut line, &self.message);
        } else {
            line.push_str(&self.message);
        }
        for (name, part) in &self.fields {
            line.push_str(&format!(" {name}="));
            match part {
                Part::Text(text) => quote(&mut line, text),
                Part::Shown(text) if text.is_empty() || text.contains([' ', '=']) || !is_printable(text) => {
                    quote(&mut line, text);
                }
                Part::Shown(text) => line.push_str(text),
                Part::Plain(Value::Number(number)) if number.is_f64() => {
                    line.push_str(&format!("{:.3}", number.as_f64().unwrap_or_default()));
                }
                Part::Plain(value) => line.push_str(&value.to_string()),
            }
        }
        line.push('\n');
        line
    }

    fn json(self, time: &str, level: Level) -> String {
        let text = |text: &str| Value::from(cut(text).collect::<String>());
        let first = [("timestamp", time), ("level", level.as_str()), ("message", &self.message)];
        let first = first.map(|(name, value)| (name, text(value)));
        let fields = self.fields.iter().map(|(name, part)| match part {
            Part::Text(value) | Part::Shown(value) => (*name, text(value)),
            Part::Plain(value) => (*name, value.clone()),
        });
        let all = first.into_iter().chain(fields);
        let members: Vec<_> = all.map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
        format!("{{{}}}\n", members.join(","))
    }
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Part::Text(value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Part::Shown(format!("{value:?}")));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Part::Plain(value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Part::Plain(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Part::Plain(value.into()));
    }

    /// Three decimals are what a duration has that means something.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Part::Plain(((value * 1_000.0).round() / 1_000.0).into()));
    }
}

/// The time and the level.
fn prefix(time: &str, level: Level, colours: bool) -> String {
    let (on, off) = if colours { (colour(level), "\x1b[0m") } else { ("", "") };
    format!("{time} {on}{level:>5}{off} ")
}

/// The level as syslog(3) has it.
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Whether the text has neither characters that are escaped, nor quotes, and is not too long.
fn is_printable(text: &str) -> bool {
    let mut escaped = String::new();
    text.chars().take(LIMIT + 1).for_each(|character| escape(&mut escaped, character, false));
    escaped == text && !text.contains('"')
}

/// Appends the text in quotes: the one way in which text from elsewhere gets into a line.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for character in cut(text) {
        if character == '"' {
            line.push('\\');
            line.push(character);
        } else {
            escape(line, character, false);
        }
    }
    line.push('"');
}

/// The characters that are shown of a text, and dots for the rest.
fn cut(text: &str) -> impl Iterator<Item = char> {
    let rest = if text.chars().nth(LIMIT).is_some() { "..." } else { "" };
    text.chars().take(LIMIT).chain(rest.chars())
}

/// How a terminal shows a level.
const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(message: &str, user: &str) -> Parts {
        let fields = vec![
            ("user", Part::Text(user.to_owned())),
            ("peer", Part::Shown("192.0.2.1:1".to_owned())),
            ("end", Part::Shown("too slow".to_owned())),
            ("seconds", Part::Plain(0.5.into())),
            ("retr", Part::Plain(7.into())),
        ];
        Parts { message: message.to_owned(), fields }
    }

    #[test]
    fn a_value_stays_within_its_quotes() {
        let text = |message, user| parts(message, user).text(&prefix("T", Level::INFO, false));
        let rest = "peer=192.0.2.1:1 end=\"too slow\" seconds=0.500 retr=7\n";
        for (message, user, shown) in [
            ("session", "alice", format!("T  INFO session user=\"alice\" {rest}")),
            ("two words", "", format!("T  INFO two words user=\"\" {rest}")),
            ("x", "a b=c", format!("T  INFO x user=\"a b=c\" {rest}")),
            (
                "x",
                "\" a=\"\\\n\x1b\u{202e}",
                format!("T  INFO x user=\"\\\" a=\\\"\\\\\\n\\x1b\\u{{202e}}\" {rest}"),
            ),
            ("x peer=1", "a", format!("T  INFO \"x peer=1\" user=\"a\" {rest}")),
            ("x\ny", "a", format!("T  INFO \"x\\ny\" user=\"a\" {rest}")),
        ] {
            assert_eq!(text(message, user), shown);
        }
        let long = text("x", &"\u{f6}".repeat(10_000));
        assert!(long.contains("\u{f6}...\"") && long.chars().count() < 1_200, "{long}");
    }

    #[test]
    fn the_journal_knows_the_time_and_the_level() {
        for (level, start) in
            [(Level::ERROR, "<3>"), (Level::WARN, "<4>"), (Level::INFO, "<6>"), (Level::TRACE, "<7>")]
        {
            assert_eq!(format!("<{}>", priority(level)), start);
        }
        // Nothing in a value begins another line.
        let line = parts("x", "\n<0>y").text("<4>");
        assert!(line.starts_with("<4>x user=\"\\n<0>y\" ") && line.matches('\n').count() == 1, "{line}");
    }

    #[test]
    fn json_is_escaped_once() {
        let user = "J\u{f6}rg \"\\ \n";
        let line = parts("x=1\n", user).json("T", Level::WARN);
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&event["user"], &event["message"]), (&user.into(), &"x=1\n".into()));
        assert_eq!((&event["level"], &event["seconds"]), (&"WARN".into(), &0.5.into()));
        assert_eq!((&event["timestamp"], &event["retr"]), (&"T".into(), &7.into()));
    }
}
