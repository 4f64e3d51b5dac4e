//! The line that begins a message in an mbox: `From alice@example.org Sat Jan  6 10:00:00 2024`.

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// The time of such a line, in seconds since 1970, or `None` if the line is another one. Lines of text may begin with
/// `From `, too, so that there must be a date: a month, a day, a time and a year, in the order of asctime(3) or of RFC 5322.
/// Without a zone, the time is taken to be UTC.
pub(super) fn time(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"From ")?;
    let mut words = rest[..rest.len().min(512)]
        .split(|octet| octet.is_ascii_whitespace() || *octet == b',')
        .filter(|word| !word.is_empty());
    // The address. If it is missing, the day of the week takes its place.
    words.next()?;
    let (mut month, mut day, mut clock, mut year, mut zone) = (None, None, None, None, 0);
    for word in words {
        if let Some(index) = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(word)) {
            month = month.or(Some(index as u64 + 1));
        } else if word.contains(&b':') {
            clock = clock.or_else(|| seconds_of_day(word));
        } else if let [sign @ (b'+' | b'-'), digits @ ..] = word {
            if let Some(number) = number(digits, 4..=4) {
                let seconds = i64::try_from(number / 100 * 3600 + number % 100 * 60).unwrap_or(0);
                zone = if *sign == b'-' { -seconds } else { seconds };
            }
        } else if let Some(number) = number(word, 4..=4) {
            year = year.or(Some(number).filter(|year| (1970..=9999).contains(year)));
        } else if let Some(number) = number(word, 1..=2) {
            day = day.or(Some(number).filter(|day| (1..=31).contains(day)));
        }
    }
    let days = days_since_1970(year?, month?, day?);
    let seconds = i64::try_from(days * 86_400 + clock?).ok()?;
    Some(u64::try_from(seconds - zone).unwrap_or(0))
}

fn number(digits: &[u8], lengths: core::ops::RangeInclusive<usize>) -> Option<u64> {
    lengths.contains(&digits.len()).then(|| crate::name::decimal(digits)).flatten()
}

fn seconds_of_day(word: &[u8]) -> Option<u64> {
    let mut parts = word.split(|&octet| octet == b':').map(|part| number(part, 1..=2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let is_time = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    is_time.then_some(hour * 3600 + minute * 60 + second)
}

fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + leap_days(year) + (month * 153 + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_messages_and_others() {
        for (line, seconds) in [
            ("From a Thu Jan  1 00:00:00 1970\n", 0),
            ("From MAILER-DAEMON Tue Feb 29 00:00:01 2000", 951_782_401),
            ("From a@b Tue Nov 14 22:13:20 2023\r\n", 1_700_000_000),
            ("From a@b  Tue Nov 14 23:13:20 +0100 2023\n", 1_700_000_000),
            ("From a@b Tue Nov 14 21:13 2023 -0100\n", 1_699_999_980),
            ("From a@b Tue, 14 Nov 2023 22:13:20 +0000\n", 1_700_000_000),
            ("From \"a b\"@c Sun Feb 28 23:59:59 2100\n", 4_107_542_399),
        ] {
            assert_eq!(time(line.as_bytes()), Some(seconds), "{line}");
        }
        for line in [
            "From nowhere\n",
            "from a Thu Jan  1 00:00:00 1970\n",
            "From a Thu Jan  1 00:00:00\n",
            "From a Thu 1 00:00:00 1970\n",
            "From a Thu Jan  1 24:00:00 1970\n",
            "From a Thu Jan  1 00:00:00 1969\n",
            ">From a Thu Jan  1 00:00:00 1970\n",
            "From ",
        ] {
            assert_eq!(time(line.as_bytes()), None, "{line}");
        }
    }
}
