//! How fast listings and messages must come.

use core::str::FromStr;
use core::time::Duration;

/// A least rate: octets, and the seconds in which they must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) octets: u64,
    pub(crate) period: Duration,
}

impl From<Rate> for pop3_connect::Rate {
    fn from(rate: Rate) -> Self {
        Self::new(rate.octets, rate.period)
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    /// Octets, with a slash and the seconds behind it if it is not a minute.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (octets, seconds) = text.split_once('/').unwrap_or((text, "60"));
        match (octets.parse(), seconds.parse::<u32>()) {
            (Ok(octets), Ok(seconds @ 1..)) => {
                Ok(Self { octets, period: Duration::from_secs(seconds.into()) })
            }
            _ => Err("give octets a minute, as 1000, or octets in so many seconds, as 1000/60"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |octets, seconds| Ok(Rate { octets, period: Duration::from_secs(seconds) });
        assert_eq!("1000".parse(), rate(1000, 60));
        assert_eq!("0".parse(), rate(0, 60));
        assert_eq!("20/5".parse(), rate(20, 5));
        for bad in ["", "x", "1/", "/1", "1/0", "-1", "1/1/1", "1.5"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
