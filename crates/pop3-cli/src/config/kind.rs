//! The kinds of values, as the parser of the command line has them.

use core::any::TypeId;
use core::time::Duration;
use std::path::PathBuf;

use clap::{Arg, ArgAction};

use crate::args::store_url::StoreText;

/// What a value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// True or false.
    Switch,
    /// A whole number.
    Number,
    /// A time, in seconds or with a unit.
    Time,
    /// A path.
    Path,
    /// Any text.
    Text,
    /// A store, which may have a path in it.
    Store,
    /// A text of some form, which the parser of the option knows.
    Form,
}

impl Kind {
    pub(super) fn of(option: &Arg) -> Self {
        if matches!(option.get_action(), ArgAction::SetTrue) {
            return Self::Switch;
        }
        let id = option.get_value_parser().type_id();
        let is = |types: &[TypeId]| types.iter().any(|one| id == *one);
        if is(&[TypeId::of::<PathBuf>()]) {
            Self::Path
        } else if is(&[TypeId::of::<StoreText>()]) {
            Self::Store
        } else if is(&[TypeId::of::<String>()]) {
            Self::Text
        } else if is(&[TypeId::of::<Duration>()]) {
            Self::Time
        } else if is(&[TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()])
            || is(&[TypeId::of::<usize>(), TypeId::of::<i32>(), TypeId::of::<i64>()])
        {
            Self::Number
        } else {
            Self::Form
        }
    }

    /// What a value must be.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Self::Switch => "true or false, without quotation marks",
            Self::Number => "a whole number, without quotation marks",
            Self::Time => "a whole number of seconds, or a string with a unit such as \"10m\"",
            Self::Path | Self::Text | Self::Store | Self::Form => "a string in quotation marks",
        }
    }
}

/// Whether an option may be repeated, so that its value is a list.
pub(super) fn is_list(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Append)
}
