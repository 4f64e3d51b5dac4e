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

/// A group of rows.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Group {
    /// A short name, such as `SYN`.
    pub name: &'static str,
    /// The topic of the rows.
    pub title: &'static str,
    /// The rows, in the order of the table.
    pub rows: &'static [Row],
}

/// A selection of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Vec<String>);

impl Selection {
    /// Selects the rows and groups with these names, which are case-insensitive. An empty list selects all.
    ///
    /// # Errors
    /// Returns the first name that is neither a row nor a group in `groups`.
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

    /// Returns whether the row is selected.
    #[must_use]
    pub fn has(&self, group: &str, id: &str) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|name| name.eq_ignore_ascii_case(group) || name.eq_ignore_ascii_case(id))
    }

    /// Returns the selected rows of `groups` with their requirements, one per line.
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
