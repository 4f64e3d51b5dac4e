//! Translations of the texts in replies (RFC 6856 section 3).

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

use crate::TextId;

/// A language that LANG offers: a tag, and translations of the texts in replies.
///
/// Translations can be compiled in or loaded at run time. A text without a translation stays English. Cloning is
/// cheap.
///
/// ```
/// use pop3_proto::TextId;
/// use pop3_proto::server::Language;
///
/// let mut language = Language::new("nl", "Nederlands");
/// // As read from a file:
/// for line in "Bye=tot ziens\nOctets={} octetten".lines() {
///     let (name, text) = line.split_once('=').unwrap();
///     language = language.with_text(TextId::from_name(name).unwrap(), text.to_owned())?;
/// }
/// # Ok::<(), pop3_proto::server::TranslationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language(Arc<Translations>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Translations {
    tag: Cow<'static, str>,
    description: Cow<'static, str>,
    texts: BTreeMap<TextId, Cow<'static, str>>,
    own: BTreeMap<Cow<'static, str>, Cow<'static, str>>,
}

/// An error: a translation has a different number of `{}` than the English text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranslationError {
    /// The text.
    pub id: TextId,
    /// The number of `{}` in the translation.
    pub numbers: usize,
    /// The number of `{}` in the English text.
    pub expected: usize,
}

impl Language {
    /// Creates a language without translations, from its tag (RFC 5646) such as `de` and its name in the language
    /// itself such as `Deutsch`.
    #[must_use]
    pub fn new(tag: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Translations {
            tag: tag.into(),
            description: description.into(),
            texts: BTreeMap::new(),
            own: BTreeMap::new(),
        }))
    }

    /// Returns English, the language of all replies before LANG. It has no translations.
    #[must_use]
    pub fn english() -> Self {
        Self::new("en", "English")
    }

    /// Returns German, with its built-in translations.
    #[must_use]
    pub fn german() -> Self {
        let mut german = Self::new("de", "Deutsch");
        // A test counts the numbers in these.
        Arc::make_mut(&mut german.0).texts = GERMAN.iter().map(|&(id, text)| (id, text.into())).collect();
        german
    }

    /// Sets the translation of a text. It must have a `{}` for each number, in the order of the English text.
    ///
    /// # Errors
    /// Returns an error if the translation has more or fewer `{}` than the English text. A client would see a number
    /// in the wrong place, or none.
    ///
    /// ```
    /// use pop3_proto::TextId;
    /// use pop3_proto::server::Language;
    /// let error = Language::new("nl", "Nederlands").with_text(TextId::Octets, "octetten").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the translation of Octets must contain {} once for each number: 1 in the English text, but 0 in the translation"
    /// );
    /// ```
    pub fn with_text(
        mut self,
        id: TextId,
        translation: impl Into<Cow<'static, str>>,
    ) -> Result<Self, TranslationError> {
        let translation = translation.into();
        let (numbers, expected) = (numbers_in(&translation), numbers_in(id.english()));
        if numbers != expected {
            return Err(TranslationError { id, numbers, expected });
        }
        Arc::make_mut(&mut self.0).texts.insert(id, translation);
        Ok(self)
    }

    /// Sets the translation of a text that the store uses in a [`Rejection`](crate::Rejection).
    #[must_use]
    pub fn with_own_text(
        mut self,
        text: impl Into<Cow<'static, str>>,
        translation: impl Into<Cow<'static, str>>,
    ) -> Self {
        Arc::make_mut(&mut self.0).own.insert(text.into(), translation.into());
        self
    }

    /// Returns the tag (RFC 5646).
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.0.tag
    }

    /// Returns the name of the language in the language itself.
    pub(super) fn description(&self) -> &str {
        &self.0.description
    }

    /// The translation of a text with this id, or of a store's own text.
    pub(super) fn translate(&self, id: Option<TextId>, text: &str) -> Option<Cow<'static, str>> {
        match id {
            Some(id) => self.0.texts.get(&id).cloned(),
            None => self.0.own.get(text).cloned(),
        }
    }
}

/// The number of `{}` in a text.
fn numbers_in(text: &str) -> usize {
    text.matches("{}").count()
}

impl fmt::Display for TranslationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, numbers, expected } = self;
        write!(
            f,
            "the translation of {} must contain {{}} once for each number: {expected} in the English text, but {numbers} \
             in the translation",
            id.name()
        )
    }
}

impl core::error::Error for TranslationError {}

const GERMAN: &[(TextId, &str)] = &[
    (TextId::Bye, "auf Wiedersehen"),
    (TextId::NotRemoved, "einige gelöschte Nachrichten wurden nicht entfernt"),
    (TextId::NowThePassword, "Passwort erforderlich"),
    (TextId::FirstTheName, "zuerst USER senden"),
    (TextId::NeedsTls, "TLS ist erforderlich"),
    (TextId::ApopUnavailable, "APOP ist nicht verfügbar"),
    (TextId::TlsActive, "TLS ist bereits aktiv"),
    (TextId::TlsUnavailable, "TLS ist nicht verfügbar"),
    (TextId::TlsTooLate, "STLS ist nur vor der Anmeldung erlaubt"),
    (TextId::TlsAfterUtf8, "STLS ist nach UTF8 nicht erlaubt"),
    (TextId::BeginTls, "TLS-Aushandlung beginnen"),
    (TextId::LogInFirst, "zuerst anmelden"),
    (TextId::LoggedIn, "bereits angemeldet"),
    (TextId::NothingDone, "nichts geändert"),
    (TextId::Reset, "keine Nachricht ist als gelöscht markiert"),
    (TextId::Marked, "als gelöscht markiert"),
    (TextId::NoSuchMessage, "diese Nachricht gibt es nicht"),
    (TextId::IsMarked, "diese Nachricht ist als gelöscht markiert"),
    (TextId::Maildrop, "{} Nachrichten ({} Oktette)"),
    (TextId::Listing, "{} Nachrichten ({} Oktette)"),
    (TextId::Octets, "{} Oktette"),
    (TextId::Top, "es folgt der Anfang der Nachricht"),
    (TextId::Capabilities, "es folgen die Erweiterungen"),
    (TextId::Mechanisms, "es folgen die Anmeldeverfahren"),
    (TextId::UnknownMechanism, "dieses Anmeldeverfahren ist nicht verfügbar"),
    (TextId::Cancelled, "die Anmeldung wurde abgebrochen"),
    (TextId::TooManyRounds, "zu viele Nachrichten bei der Anmeldung"),
    (TextId::NoUtf8, "ungültiges UTF-8"),
    (TextId::Utf8On, "der UTF8-Modus ist aktiv"),
    (TextId::Utf8TooLate, "UTF8 ist nur vor der Anmeldung erlaubt"),
    (TextId::Languages, "es folgen die Sprachen"),
    (TextId::LanguageChanged, "Sprache geändert"),
    (TextId::UnknownLanguage, "diese Sprache ist nicht verfügbar"),
    (TextId::Proxied, "Adresse des Clients übernommen"),
    (TextId::BadXclient, "fehlerhaftes Attribut"),
    (TextId::EmptyLine, "leere Befehlszeile"),
    (TextId::UnknownCommand, "unbekannter Befehl"),
    (TextId::MissingArgument, "ein Argument fehlt"),
    (TextId::SurplusArgument, "zu viele Argumente"),
    (TextId::InvalidNumber, "diese Nachricht gibt es nicht: ungültige Nummer"),
    (TextId::ControlCharacter, "Steuerzeichen im Befehl"),
    (TextId::NotAscii, "hier ist nur ASCII erlaubt"),
    (TextId::BadDigest, "der Digest muss 32 hexadezimale Ziffern haben"),
    (TextId::BadMechanism, "ungültiger Name eines Anmeldeverfahrens"),
    (TextId::BadBase64, "ungültiges Base64"),
    (TextId::BadLanguage, "ungültiges Sprachkürzel"),
    (TextId::LineTooLong, "die Befehlszeile ist zu lang"),
    (TextId::Credentials, "falscher Name oder falsches Passwort"),
    (TextId::InUse, "das Postfach wird bereits von einer anderen Sitzung verwendet"),
    (TextId::LoginDelay, "zu kurz nach der letzten Anmeldung"),
    (TextId::NeedsUtf8, "diese Nachricht erfordert den Befehl UTF8"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translation_has_a_place_for_each_number() {
        let dutch = Language::new("nl", "Nederlands");
        for (id, text) in [
            (TextId::Octets, "octetten"),
            (TextId::Octets, "{} van {} octetten"),
            (TextId::Maildrop, "{} berichten"),
            (TextId::Bye, "tot {} ziens"),
        ] {
            let error = dutch.clone().with_text(id, text).unwrap_err();
            assert_eq!((error.id, error.expected), (id, numbers_in(id.english())), "{text}");
            assert_ne!(error.numbers, error.expected, "{text}");
        }
        let dutch = dutch.with_text(TextId::Octets, "{} octetten").unwrap();
        assert_eq!(dutch.translate(Some(TextId::Octets), "").as_deref(), Some("{} octetten"));
        assert!(dutch.with_text(TextId::Bye, "{tot} } ziens {").is_ok());
    }

    #[test]
    fn every_text_has_its_german() {
        let language = Language::german();
        for id in TextId::ALL {
            let english = id.english();
            let german =
                language.translate(Some(*id), "").unwrap_or_else(|| panic!("no German for: {english}"));
            assert_ne!(german, english);
            assert_eq!(german.matches("{}").count(), english.matches("{}").count(), "{english}");
            assert!(german.len() < 200 && !german.starts_with('['), "{german}");
        }
        assert_eq!(GERMAN.len(), TextId::ALL.len(), "a text is translated twice");
    }
}
