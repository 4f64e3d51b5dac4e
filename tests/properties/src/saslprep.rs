//! SASLprep, compared with the tables of RFC 3454 and the characters of Unicode 3.2. Nothing of it is shared with the
//! library: neither its tables nor its form KC.

use std::collections::HashMap;
use std::sync::LazyLock;

use pop3_sasl::saslprep::{SaslprepError, StringKind, prepare};

/// The first octet decides whether the rest is UTF-8 or triples of octets, each a character.
///
/// A text is prepared or refused as RFC 4013 has it. What is prepared stays as it is.
///
/// # Panics
/// If that does not hold.
pub fn saslprep(octets: &[u8]) {
    let Some((&kind, rest)) = octets.split_first() else { return };
    let text: String = if kind & 1 == 0 {
        rest.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).collect()
    } else {
        let points = rest.chunks_exact(3).map(|it| u32::from_be_bytes([0, it[0], it[1], it[2]]) % 0x11_0000);
        points.filter_map(char::from_u32).collect()
    };
    for kind in [StringKind::Stored, StringKind::Query] {
        let prepared = prepare(&text, kind);
        let wanted = reference(&text, kind);
        match (&prepared, &wanted) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours.as_ref(), theirs, "{}", text.escape_unicode()),
            // Which of several reasons is told does not matter.
            (Err(ours), Err(reasons)) => {
                assert!(reasons.contains(ours), "{ours:?} {reasons:?} {}", text.escape_unicode());
            }
            (_, _) => panic!("{prepared:?} {wanted:?} {}", text.escape_unicode()),
        }
        let Ok(prepared) = prepared else { continue };
        assert!(!prepared.is_empty() && !prepared.chars().any(char::is_control));
        assert!(prepared.len() <= 11 * text.len());
        if kind == StringKind::Stored {
            assert_eq!(prepare(&prepared, kind).as_deref(), Ok(prepared.as_ref()));
            assert_eq!(prepare(&text, StringKind::Query).as_deref(), Ok(prepared.as_ref()));
        }
    }
}

/// The prepared text, or all reasons not to accept it.
fn reference(text: &str, kind: StringKind) -> Result<String, Vec<SaslprepError>> {
    let is = |table: &str, character: char| PREP.contains(table, character);
    let mut mapped = Vec::new();
    for character in text.chars() {
        if is("C.1.2", character) {
            mapped.push(' ');
        } else if !is("B.1", character) {
            mapped.push(character);
        }
    }
    let normal = UNICODE.form_kc(&mapped);
    let any = |table: &str| normal.iter().any(|&character| is(table, character));
    let mut reasons = Vec::new();
    if normal.is_empty() {
        reasons.push(SaslprepError::Empty);
    }
    if ["C.1.2", "C.2.1", "C.2.2", "C.3", "C.4", "C.5", "C.6", "C.7", "C.8", "C.9"]
        .iter()
        .any(|table| any(table))
    {
        reasons.push(SaslprepError::Prohibited);
    }
    let right = |character: Option<&char>| character.is_some_and(|&character| is("D.1", character));
    if any("D.1") && (any("D.2") || !right(normal.first()) || !right(normal.last())) {
        reasons.push(SaslprepError::Bidirectional);
    }
    if kind == StringKind::Stored && any("A.1") {
        reasons.push(SaslprepError::Unassigned);
    }
    if reasons.is_empty() { Ok(normal.iter().collect()) } else { Err(reasons) }
}

/// For each code point, a bit for each table of RFC 3454 that has it.
struct Prep {
    names: Vec<&'static str>,
    bits: Vec<u16>,
}

static PREP: LazyLock<Prep> = LazyLock::new(|| {
    let mut prep = Prep { names: Vec::new(), bits: vec![0; 0x11_0000] };
    for line in lines(include_str!("../../data/stringprep.txt")) {
        if let Some(name) = line.strip_prefix("table ") {
            prep.names.push(name);
            continue;
        }
        let bit = 1 << (prep.names.len() - 1);
        for range in line.split(' ') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            prep.bits[point(first)..=point(last)].iter_mut().for_each(|bits| *bits |= bit);
        }
    }
    prep
});

impl Prep {
    fn contains(&self, table: &str, character: char) -> bool {
        let place = self.names.iter().position(|name| *name == table).expect("a table of the RFC");
        self.bits[character as usize] & (1 << place) != 0
    }
}

/// What Unicode 3.2 says of characters.
struct Unicode {
    classes: HashMap<char, u8>,
    compatible: HashMap<char, Vec<char>>,
    composed: HashMap<(char, char), char>,
}

static UNICODE: LazyLock<Unicode> = LazyLock::new(|| {
    let (mut classes, mut compatible, mut composed) = (HashMap::new(), HashMap::new(), HashMap::new());
    for line in lines(include_str!("../../data/unicode-3.2.txt")) {
        let (word, rest) = line.split_once(' ').expect("a word and what follows");
        if word == "class" {
            let (class, members) = rest.split_once(": ").expect("a class and its characters");
            let class: u8 = class.parse().expect("a class");
            classes.extend(members.split(' ').map(|member| (character(member), class)));
            continue;
        }
        for item in rest.split(' ') {
            let (whole, parts) = item.split_once('=').expect("a character and its parts");
            let parts: Vec<char> = parts.split('+').map(character).collect();
            match word {
                "compatible" => drop(compatible.insert(character(whole), parts)),
                "compose" => drop(composed.insert((parts[0], parts[1]), character(whole))),
                other => panic!("{other}: unknown"),
            }
        }
    }
    Unicode { classes, compatible, composed }
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn point(digits: &str) -> usize {
    usize::from_str_radix(digits, 16).expect("hexadecimal digits")
}

fn character(digits: &str) -> char {
    u32::try_from(point(digits)).ok().and_then(char::from_u32).expect("a character")
}

/// The syllables of Hangul, which are composed by arithmetic.
const SYLLABLES: u32 = 0xac00;
const LEADING: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
const TRAILING: u32 = 0x11a7;

impl Unicode {
    fn class(&self, character: char) -> u8 {
        self.classes.get(&character).copied().unwrap_or(0)
    }

    /// The form KC of Unicode 3.2: decomposes, puts marks into their order, and composes.
    fn form_kc(&self, text: &[char]) -> Vec<char> {
        let mut parts = Vec::new();
        for &character in text {
            match (u32::from(character).checked_sub(SYLLABLES), self.compatible.get(&character)) {
                (Some(index @ 0..11_172), _) => {
                    let points = [LEADING + index / 588, VOWELS + index % 588 / 28, TRAILING + index % 28];
                    let count = if index % 28 == 0 { 2 } else { 3 };
                    parts.extend(points[..count].iter().filter_map(|&point| char::from_u32(point)));
                }
                (_, Some(decomposed)) => parts.extend(decomposed),
                (_, None) => parts.push(character),
            }
        }
        for marks in parts.chunk_by_mut(|_, &next| self.class(next) != 0) {
            let start = usize::from(self.class(marks[0]) == 0);
            marks[start..].sort_by_key(|&mark| self.class(mark));
        }
        let mut whole = Vec::<char>::new();
        // The place of the last character that others combine with, and the class of the one behind it.
        let mut base = None;
        let mut before = 0;
        for next in parts {
            let class = self.class(next);
            if let Some(place) = base
                && (before == 0 || before < class)
                && let Some(composed) = self.pair(whole[place], next)
            {
                whole[place] = composed;
                continue;
            }
            if class == 0 {
                base = Some(whole.len());
            }
            before = class;
            whole.push(next);
        }
        whole
    }

    fn pair(&self, first: char, second: char) -> Option<char> {
        let (a, b) = (u32::from(first), u32::from(second));
        match (
            a.checked_sub(LEADING),
            b.checked_sub(VOWELS),
            a.checked_sub(SYLLABLES),
            b.checked_sub(TRAILING),
        ) {
            (Some(leading @ 0..19), Some(vowel @ 0..21), ..) => {
                char::from_u32(SYLLABLES + (leading * 21 + vowel) * 28)
            }
            (_, _, Some(syllable @ 0..11_172), Some(trailing @ 1..28)) if syllable % 28 == 0 => {
                char::from_u32(a + trailing)
            }
            _ => self.composed.get(&(first, second)).copied(),
        }
    }
}

/// Every character up to the last that Unicode 3.2 assigns to a script, and some of the others, are prepared as the
/// reference prepares them, alone and between others.
#[test]
fn every_character_as_rfc_3454_has_it() {
    let mut refusals = std::collections::HashSet::new();
    let others = ('\u{30000}'..=char::MAX).step_by(251);
    for character in ('\0'..'\u{30000}').chain(others) {
        let [_, high, middle, low] = u32::from(character).to_be_bytes();
        saslprep(&[1, high, middle, low]);
        saslprep(&[1, 0, 0, b'a', high, middle, low, 0, 3, 1]);
        refusals.extend(prepare(&character.to_string(), StringKind::Stored).err());
    }
    for error in [SaslprepError::Empty, SaslprepError::Prohibited, SaslprepError::Unassigned] {
        assert!(refusals.contains(&error), "{refusals:?}");
    }
}
