//! The languages of the replies' texts (RFC 6856 section 3).

use super::texts;

/// A language that LANG offers: a tag, and the translations of [`TEXTS`](super::TEXTS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Language {
    /// The tag (RFC 5646), as `de`.
    pub tag: &'static str,
    /// The language's name in itself, as `Deutsch`.
    pub description: &'static str,
    /// English texts and what stands for them. What is not found stays English. This holds for the
    /// texts of a backend's [`Rejection`](crate::Rejection), too, if they are `'static`.
    pub texts: &'static [(&'static str, &'static str)],
}

impl Language {
    /// English, as all replies are without LANG.
    pub const ENGLISH: Self = Self::new("en", "English", &[]);

    /// German.
    pub const GERMAN: Self = Self::new("de", "Deutsch", GERMAN);

    /// A language of one's own.
    #[must_use]
    pub const fn new(
        tag: &'static str,
        description: &'static str,
        texts: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { tag, description, texts }
    }

    /// What stands for an English text.
    #[must_use]
    pub fn translate(&self, text: &'static str) -> &'static str {
        self.texts.iter().find(|(english, _)| *english == text).map_or(text, |(_, other)| other)
    }
}

const GERMAN: &[(&str, &str)] = &[
    (texts::BYE, "auf Wiedersehen"),
    (texts::NOT_REMOVED, "einige gelöschte Nachrichten wurden nicht entfernt"),
    (texts::NOW_THE_PASSWORD, "nun das Passwort"),
    (texts::FIRST_THE_NAME, "erst der Name"),
    (texts::NEEDS_TLS, "das geht nur mit TLS"),
    (texts::APOP_UNAVAILABLE, "APOP ist nicht verfügbar"),
    (texts::TLS_ACTIVE, "TLS besteht schon"),
    (texts::TLS_UNAVAILABLE, "TLS ist nicht verfügbar"),
    (texts::TLS_TOO_LATE, "TLS kann nur vor der Anmeldung beginnen"),
    (texts::TLS_AFTER_UTF8, "TLS kann nach UTF8 nicht mehr beginnen"),
    (texts::BEGIN_TLS, "TLS beginnt"),
    (texts::LOG_IN_FIRST, "erst die Anmeldung"),
    (texts::LOGGED_IN, "die Anmeldung ist schon erfolgt"),
    (texts::NOTHING_DONE, "nichts getan"),
    (texts::RESET, "keine Nachricht ist als gelöscht markiert"),
    (texts::MARKED, "als gelöscht markiert"),
    (texts::NO_SUCH_MESSAGE, "diese Nachricht gibt es nicht"),
    (texts::IS_MARKED, "diese Nachricht ist als gelöscht markiert"),
    (texts::MAILDROP, "{} Nachrichten ({} Oktette)"),
    (texts::LISTING, "{} Nachrichten ({} Oktette)"),
    (texts::OCTETS, "{} Oktette"),
    (texts::TOP, "der Anfang der Nachricht folgt"),
    (texts::CAPABILITIES, "die Fähigkeiten folgen"),
    (texts::MECHANISMS, "die Verfahren folgen"),
    (texts::UNKNOWN_MECHANISM, "dieses Verfahren ist nicht verfügbar"),
    (texts::CANCELLED, "die Anmeldung wurde abgebrochen"),
    (texts::TOO_MANY_ROUNDS, "die Anmeldung dauert zu lange"),
    (texts::NO_UTF8, "das ist kein UTF-8"),
    (texts::UTF8_ON, "von nun an UTF-8"),
    (texts::UTF8_TOO_LATE, "UTF8 kann nur vor der Anmeldung beginnen"),
    (texts::LANGUAGES, "die Sprachen folgen"),
    (texts::LANGUAGE_CHANGED, "Sprache geändert"),
    (texts::UNKNOWN_LANGUAGE, "diese Sprache ist nicht verfügbar"),
    (texts::PROXIED, "vermerkt"),
    (texts::BAD_XCLIENT, "fehlerhafte Angabe"),
    ("empty command line", "leere Zeile"),
    ("unknown command", "unbekannter Befehl"),
    ("missing argument", "eine Angabe fehlt"),
    ("too many arguments", "zu viele Angaben"),
    ("no such message: invalid number", "diese Nachricht gibt es nicht: ungültige Nummer"),
    ("control character in command", "Steuerzeichen im Befehl"),
    ("only ASCII is allowed here", "hier ist nur ASCII erlaubt"),
    ("the digest is 32 hexadecimal digits", "die Prüfsumme hat 32 hexadezimale Ziffern"),
    ("this is no name of a mechanism", "das ist kein Name eines Verfahrens"),
    ("this is no base64", "das ist kein Base64"),
    ("this is no language tag", "das ist kein Sprachkürzel"),
    ("command line too long", "die Zeile ist zu lang"),
    ("invalid name or password", "Name oder Passwort ist falsch"),
    ("the maildrop is in use by another session", "das Postfach wird von einer anderen Sitzung benutzt"),
    ("too soon after the last login", "zu bald nach der letzten Anmeldung"),
    ("this message needs the command UTF8", "diese Nachricht verlangt den Befehl UTF8"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_its_german() {
        for text in texts::TEXTS {
            let german = Language::GERMAN.translate(text);
            assert_ne!(german, *text, "no German for: {text}");
            assert_eq!(german.matches("{}").count(), text.matches("{}").count(), "{text}");
            assert!(german.len() < 200 && !german.starts_with('['), "{german}");
        }
        assert_eq!(Language::GERMAN.texts.len(), texts::TEXTS.len(), "a translation of nothing");
    }
}
