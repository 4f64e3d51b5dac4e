//! Properties of the listings in replies to STAT, LIST, UIDL and LANG. The reference reads words one after the other.

use pop3_proto::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use pop3_proto::{LanguageRange, MessageNumber, Quirk, UniqueId};

/// A line is read as a simple reader of words reads it, or refused as there. What is written of a listing is read as
/// the same listing, without a quirk.
///
/// # Panics
/// If that does not hold.
pub fn listing(line: &[u8]) {
    drop_listing(line);
    scan_listing(line);
    unique_id_listing(line);
    language_listing(line);
}

fn drop_listing(line: &[u8]) {
    let read = DropListing::parse(line).map(|listing| (listing.messages, listing.octets, listing.quirk));
    assert_eq!(read, reference_drop(line), "{}", line.escape_ascii());
    if let Some((messages, octets, _)) = read {
        let written = format!("{messages} {octets}");
        assert_eq!(reference_drop(written.as_bytes()), Some((messages, octets, None)));
        assert!(DropListing::parse(written.as_bytes()).is_some_and(|again| again.quirk.is_none()));
    }
}

fn scan_listing(line: &[u8]) {
    let read = ScanListing::parse(line).map(|listing| (listing.message, listing.octets, listing.quirk));
    let wanted = numbers(line, false).and_then(|(message, octets, _)| {
        let message = MessageNumber::new(u32::try_from(message).ok()?)?;
        Some((message, octets, spacing(line).or_else(|| zeros(line))))
    });
    assert_eq!(read, wanted, "{}", line.escape_ascii());
    if let Some((message, octets, _)) = read {
        let again = ScanListing::parse(format!("{message} {octets}").as_bytes()).expect("a listing");
        assert_eq!((again.message, again.octets, again.quirk), (message, octets, None));
    }
}

fn unique_id_listing(line: &[u8]) {
    let read = UniqueIdListing::parse(line);
    let digits = without_spaces(line);
    let end = digits.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(digits.len());
    let behind = without_spaces(&digits[end..]);
    let uid = behind.trim_ascii_end();
    let is_read =
        number(&digits[..end]).and_then(|number| u32::try_from(number).ok()).is_some_and(|it| it > 0)
            && behind.len() < digits.len() - end
            && !uid.is_empty();
    assert_eq!(read.is_some(), is_read, "{}", line.escape_ascii());
    let Some(read) = read else { return };
    assert_eq!((Some(u64::from(read.message.number())), read.uid), (number(&digits[..end]), uid));
    match (UniqueId::parse(uid), read.quirk) {
        (Err(_), quirk) => assert_eq!(quirk, Some(Quirk::UniqueIdSyntax)),
        (Ok(_), None) => assert_eq!(line, [read.message.to_string().as_bytes(), b" ", uid].concat()),
        (Ok(_), Some(quirk)) => {
            assert!(matches!(quirk, Quirk::Spacing | Quirk::LeadingZeros));
            let written = [read.message.to_string().as_bytes(), b" ", uid].concat();
            assert_eq!(UniqueIdListing::parse(&written).and_then(|again| again.quirk), None);
        }
    }
}

fn language_listing(line: &[u8]) {
    let read = LanguageListing::parse(line);
    let trimmed = line.trim_ascii();
    let end = trimmed.iter().position(|octet| matches!(octet, b' ' | b'\t')).unwrap_or(trimmed.len());
    let tag = LanguageRange::parse(&trimmed[..end]).filter(|tag| *tag != LanguageRange::ANY);
    assert_eq!(read.map(|read| read.tag), tag.map(LanguageRange::as_str));
    if let Some(read) = read {
        assert_eq!(read.description, trimmed[end..].trim_ascii());
        let written = [read.tag.as_bytes(), b" ", read.description].concat();
        assert_eq!(LanguageListing::parse(&written), Some(read));
    }
}

fn reference_drop(line: &[u8]) -> Option<(u32, u64, Option<Quirk>)> {
    let (messages, octets, is_negative) = numbers(line, true)?;
    let quirk = if is_negative { Some(Quirk::NegativeOctets) } else { spacing(line).or_else(|| zeros(line)) };
    Some((u32::try_from(messages).ok()?, if is_negative { 0 } else { octets }, quirk))
}

/// The first two words as numbers, and whether the second one is negative.
fn numbers(line: &[u8], may_be_negative: bool) -> Option<(u64, u64, bool)> {
    let mut words = words(line);
    let (first, second) = (words.next()?, words.next()?);
    let positive = second.strip_prefix(b"-").filter(|_| may_be_negative);
    Some((number(first)?, number(positive.unwrap_or(second))?, positive.is_some()))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// A decimal number, in wider arithmetic than the core has.
fn number(word: &[u8]) -> Option<u64> {
    let text =
        core::str::from_utf8(word).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
    let significant = text.trim_start_matches('0');
    match (text.is_empty(), significant.len()) {
        (true, _) | (_, 39..) => None,
        (false, 0) => Some(0),
        (false, _) => significant.parse::<u128>().ok().and_then(|number| u64::try_from(number).ok()),
    }
}

/// Whether something else than one space is before or between the first two words.
fn spacing(line: &[u8]) -> Option<Quirk> {
    let first = words(line).next().unwrap_or_default().len();
    let is_plain = !line.starts_with(b" ")
        && !line.starts_with(b"\t")
        && matches!(&line[first..], [b' ', next, ..] if !matches!(next, b' ' | b'\t'));
    (!is_plain).then_some(Quirk::Spacing)
}

/// Whether one of the first two words has zeros before its number.
fn zeros(line: &[u8]) -> Option<Quirk> {
    words(line).take(2).any(|word| matches!(word, [b'0', b'0'..=b'9', ..])).then_some(Quirk::LeadingZeros)
}

/// Without spaces and tabs at the start.
fn without_spaces(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|octet| !matches!(octet, b' ' | b'\t')).unwrap_or(line.len());
    &line[start..]
}
