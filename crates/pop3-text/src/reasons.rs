//! Errors with their causes.

/// Returns the text of an error and its causes in one line. Text that an error repeats from its cause appears only
/// once.
#[must_use]
pub fn reasons(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors repeat their cause themselves.
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use core::error::Error;
    use core::fmt;

    use super::*;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Self>>);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_are_told_once() {
        let chain = |texts: [&'static str; 3]| {
            let [outer, middle, inner] = texts;
            let middle = Told(middle, Some(Box::new(Told(inner, None))));
            reasons(&Told(outer, Some(Box::new(middle))))
        };
        assert_eq!(chain(["a", "b", "c"]), "a: b: c");
        assert_eq!(chain(["a: b", "b", "c"]), "a: b: c");
        assert_eq!(chain(["a: b: c", "b: c", "c"]), "a: b: c");
    }
}
