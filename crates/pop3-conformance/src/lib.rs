#![doc = include_str!("../README.md")]

mod bench;
pub mod client;
mod connect;
mod facts;
mod heard;
mod probes;
mod record;
mod reply;
mod report;
mod row;
mod sasl;
pub mod server;
mod show;
mod verdict;
mod wire;

pub use connect::{Connect, TestedTls};
pub use report::{ConformanceReport, ReportEntry, ReportTotals};
pub use row::{RequirementLevel, Row};
pub use server::TestedServer;
pub use verdict::Outcome;

/// Rows that belong together.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Group {
    /// A short name, as `SYN`.
    pub name: &'static str,
    /// What the rows are about.
    pub title: &'static str,
    /// The rows, in the order of the table.
    pub rows: &'static [Row],
}

/// Which rows are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Vec<String>);

impl Selection {
    /// The rows and groups with these names, in letters of any case; all, where there is none.
    ///
    /// # Errors
    /// The first name that is neither a row nor a group of `groups`.
    pub fn new<S: AsRef<str>>(groups: &[Group], names: &[S]) -> Result<Self, String> {
        let mut selection = Self::default();
        for name in names {
            let name = name.as_ref();
            let known = groups.iter().any(|group| {
                group.name.eq_ignore_ascii_case(name)
                    || group.rows.iter().any(|row| row.id.eq_ignore_ascii_case(name))
            });
            if !known {
                return Err(name.to_owned());
            }
            selection.0.push(name.to_owned());
        }
        Ok(selection)
    }

    /// Whether this row is tried.
    #[must_use]
    pub fn has(&self, group: &str, id: &str) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|name| name.eq_ignore_ascii_case(group) || name.eq_ignore_ascii_case(id))
    }

    /// The rows of `groups` that are tried, with what each asks, a line each.
    #[must_use]
    pub fn list(&self, groups: &[Group]) -> String {
        let mut text = String::new();
        for group in groups {
            let rows: Vec<&Row> = group.rows.iter().filter(|row| self.has(group.name, row.id)).collect();
            if !rows.is_empty() {
                text.push_str(&format!("{} - {}\n", group.name, group.title));
            }
            for row in rows {
                let level = row.level.to_string();
                text.push_str(&format!("  {:<12} {level:<9} {}\n", row.id, row.requirement));
            }
        }
        text
    }
}
