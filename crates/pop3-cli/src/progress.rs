//! The progress bar: on a terminal only.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::tell::tell;

/// The progress of a fetch, on standard error, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    messages: usize,
    done: usize,
}

impl Progress {
    /// `octets` is what the server says all `messages` have.
    pub(crate) fn new(messages: usize, octets: u64, quiet: bool) -> Self {
        let shown = !quiet && messages > 0 && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(octets), target);
        let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        // The default style is good enough if this one has a fault.
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let progress = Self { bar, messages, done: 0 };
        progress.show();
        progress
    }

    /// So many octets more have come.
    pub(crate) fn octets(&self, octets: u64) {
        self.bar.inc(octets);
    }

    /// One message more is done.
    pub(crate) fn message(&mut self) {
        self.done += 1;
        self.show();
    }

    /// Prints a line above the bar, or just prints it. It must be escaped already.
    pub(crate) fn line(&self, line: &str) {
        self.bar.suspend(|| tell(line));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        self.bar.set_message(format!("{}/{}", self.done, self.messages));
    }
}
