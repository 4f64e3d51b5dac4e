//! Options that take one of some words.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Takes these words, and gives the value of each. The text behind a word is for the help, if it is not empty.
pub(super) fn named<T>(names: &'static [(&'static str, T, &'static str)]) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    let word = |(name, _, help): &(&'static str, T, &'static str)| {
        PossibleValue::new(*name).help((!help.is_empty()).then_some(*help))
    };
    let words: Vec<_> = names.iter().map(word).collect();
    PossibleValuesParser::new(words).try_map(move |text| {
        // Only where the option ignores the case do other letters come here.
        let found = names.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&text));
        found.map(|(_, value, _)| value.clone()).ok_or("expected one of them")
    })
}
