//! Metrics of a database.

use pop3_serve::DurationCounts;

/// A metric of a database.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) figure: Figure,
}

/// The value of a metric.
#[derive(Debug)]
#[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "without databases there are none"))]
pub(super) enum Figure {
    Counter(u64),
    Gauge(u64),
    Histogram(DurationCounts),
    /// One for each value of a label.
    Histograms(&'static str, Vec<(&'static str, DurationCounts)>),
}

impl Metric {
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "without databases there are none"))]
    pub(super) const fn new(name: &'static str, help: &'static str, figure: Figure) -> Self {
        Self { name, help, figure }
    }
}
