//! The progress bar of a fetch, on a terminal only, and the notices above it.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pop3_driver::OnStop;
use pop3_fetch::{FetchEvent, Notice};

use crate::interrupt;
use crate::tell::tell;

/// The progress of a fetch, on standard error, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    quiet: bool,
    /// Whether there is a bar on a terminal.
    has_bar: bool,
    /// It is hidden where nobody sees it.
    bar: ProgressBar,
    messages: usize,
    done: usize,
    /// A signal takes the bar away at once.
    _on_stop: Option<OnStop>,
}

impl Progress {
    /// Shows nothing yet. If `quiet`, there is no bar, and only what went wrong is told. If `verbose`, the dialogue
    /// is shown in the place of a bar.
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            quiet,
            has_bar: !quiet && !verbose,
            bar: ProgressBar::hidden(),
            messages: 0,
            done: 0,
            _on_stop: None,
        }
    }

    /// Shows what it is told of.
    pub(crate) fn listener(mut self) -> impl FnMut(FetchEvent<'_>) + Send {
        move |event| self.hear(event)
    }

    fn hear(&mut self, event: FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { messages, octets } => self.begin(messages, octets),
            FetchEvent::Octets(octets) => self.received(octets),
            FetchEvent::Message { .. } => self.one_more(),
            FetchEvent::Finished => self.bar.finish_and_clear(),
            FetchEvent::Notice(notice) if self.quiet && notice.is_harmless() => {}
            // Above the bar, where there is one.
            FetchEvent::Notice(notice) => self.bar.suspend(|| tell(format_args!("pop3: {}", words(notice)))),
            _ => {}
        }
    }

    /// `octets` is what the server says all `messages` have.
    fn begin(&mut self, messages: usize, octets: u64) {
        let shown = self.has_bar && messages > 0 && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(octets), target);
        let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        // The default style is good enough if this one has a fault.
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        self._on_stop = interrupt::stop().map(|stop| {
            let bar = bar.clone();
            stop.on_stop(move || bar.finish_and_clear())
        });
        (self.bar, self.messages, self.done) = (bar, messages, 0);
        self.show();
    }

    fn one_more(&mut self) {
        self.done += 1;
        self.show();
    }

    fn received(&self, octets: u64) {
        // A hidden bar would look at the clock, too.
        if !self.bar.is_hidden() {
            self.bar.inc(octets);
        }
    }

    fn show(&self) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(self.count());
    }

    /// How many messages are done, of all.
    fn count(&self) -> String {
        format!("{}/{}", self.done, self.messages)
    }
}

/// The notice, which names the option that it comes from.
fn words(notice: &Notice) -> String {
    if let Notice::TooLarge { message, octets } = notice {
        return format!("message {message} skipped: its {octets} octets exceed --max-size");
    }
    notice.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_anew_in_each_run() {
        let mut progress = Progress::new(true, false);
        for (messages, done) in [(4, 3), (2, 0)] {
            progress.hear(FetchEvent::Planned { messages, octets: 100 });
            (0..done).for_each(|_| progress.one_more());
            assert_eq!(progress.count(), format!("{done}/{messages}"));
        }
    }
}
