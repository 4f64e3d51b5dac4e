//! The numbers of the server as OpenMetrics text.

use core::fmt;
use std::time::UNIX_EPOCH;

use pop3_serve::{CounterValues, Counters, DurationCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::logging;
use crate::serve::certificates::InUse;
use crate::serve::database::Database;
use crate::serve::metric::{Figure, Metric};

/// The type of the text.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers come from. They are read for each request.
#[derive(Debug)]
pub(in crate::serve) struct Figures(Registry);

#[derive(Debug)]
struct Sources {
    counters: Counters,
    certificate: InUse,
    database: Option<Database>,
}

impl Figures {
    pub(in crate::serve) fn new(counters: Counters, certificate: InUse, database: Option<Database>) -> Self {
        let mut registry = Registry::with_prefix("pop3");
        registry.register_collector(Box::new(Sources { counters, certificate, database }));
        Self(registry)
    }

    pub(super) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

/// A metric with one label.
type Labelled = ([(&'static str, String); 1], u64);

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let values = self.counters.read();
        let mut out = Out(&mut encoder);
        out.sessions(&values)?;
        out.messages(&values)?;
        out.counter("log_lines_dropped", "Log lines that could not be written", logging::dropped())?;
        self.certificates(&mut out)?;
        let of_database = self.database.iter().flat_map(Database::metrics);
        of_database.into_iter().try_for_each(|metric| out.metric(&metric))
    }
}

impl Sources {
    fn certificates(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let Some(certificate) = self.certificate.get() else { return Ok(()) };
        let expiries = certificate.expiries().into_iter().map(|expiry| {
            let file =
                expiry.file.map_or_else(|| "self-signed".to_owned(), |file| file.display().to_string());
            let at = expiry.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            ([("file", file)], at.as_secs())
        });
        let help = "When each certificate expires";
        out.gauges("certificate_expiry_timestamp_seconds", help, expiries)
    }
}

struct Out<'o, 'e>(&'o mut DescriptorEncoder<'e>);

impl Out<'_, '_> {
    fn sessions(&mut self, values: &CounterValues) -> fmt::Result {
        self.counter("sessions", "Connections that were accepted", values.accepted)?;
        let open = values.accepted.saturating_sub(values.ended);
        self.gauge("sessions_open", "Connections that are open", open)?;
        let help = "Sessions that ended because of a bug in this program";
        self.counter("session_panics", help, values.panicked)?;
        let logins = values.logins.iter().map(|&(method, outcome, count)| {
            ([("method", method.to_owned()), ("outcome", outcome.name().to_owned())], count)
        });
        self.counters("logins", "Logins by method and outcome", logins)?;
        let limits = values.limits.iter().map(|&(limit, count)| labelled("limit", limit.name(), count));
        self.counters("limits_hit", "How often a limit has kept a client out", limits)?;
        self.counter("commands", "Commands in sessions that have ended", values.commands)?;
        self.histogram("session_duration_seconds", "Durations of sessions", &values.session_seconds)?;
        let help = "Durations of logins, from the credentials to the open maildrop or the refusal";
        self.histogram("login_duration_seconds", help, &values.login_seconds)
    }

    fn messages(&mut self, values: &CounterValues) -> fmt::Result {
        let sent = [labelled("command", "retr", values.retrieved), labelled("command", "top", values.topped)];
        self.counters("messages_sent", "Messages that were sent completely, by RETR and TOP", sent)?;
        let octets = [
            labelled("command", "retr", values.retrieved_octets),
            labelled("command", "top", values.topped_octets),
        ];
        self.counters("message_octets_sent", "Octets of messages that were sent completely", octets)?;
        self.counter("messages_removed", "Messages that were removed at QUIT", values.removed)?;
        let help = "Messages that could not be removed at QUIT";
        self.counter("messages_not_removed", help, values.not_removed)?;
        self.counter("messages_listed", "Messages in the maildrops that were opened", values.listed)?;
        let cached = values.listed.saturating_sub(values.measured);
        self.counter("size_cache_hits", "Messages in them whose size was known", cached)?;
        let help = "Messages in them that were read to learn their size";
        self.counter("size_cache_misses", help, values.measured)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut counter = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        counter.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut counters = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            counters.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn metric(&mut self, Metric { name, help, figure }: &Metric) -> fmt::Result {
        match figure {
            Figure::Counter(value) => self.counter(name, help, *value),
            Figure::Gauge(value) => self.gauge(name, help, *value),
            Figure::Histogram(counts) => self.histogram(name, help, counts),
            Figure::Histograms(label, counts) => {
                let mut histograms = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
                for (value, counts) in counts {
                    let (sum, count, labels) = (counts.sum, total(counts), [(*label, *value)]);
                    let mut histogram = histograms.encode_family(&labels)?;
                    histogram.encode_histogram::<NoLabelSet>(sum, count, &counts.ranges, None)?;
                }
                Ok(())
            }
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut gauge = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = Labelled>) -> fmt::Result {
        let mut gauges = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            gauges.encode_family(&labels)?.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, counts: &DurationCounts) -> fmt::Result {
        let mut histogram = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(counts.sum, total(counts), &counts.ranges, None)
    }
}

fn total(counts: &DurationCounts) -> u64 {
    counts.ranges.iter().map(|(_, count)| count).sum()
}

fn labelled(name: &'static str, value: &str, count: u64) -> Labelled {
    ([(name, value.to_owned())], count)
}
