//! Words in JSON and back, without secrets, and never as an invalid value.

use core::fmt::Debug;

use ::arbitrary::{Arbitrary, Unstructured};
use ::serde::de::DeserializeOwned;
use ::serde::{Deserialize, Serialize};
use pop3_proto::apop::{ApopProof, Digest, Timestamp};
use pop3_proto::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use pop3_proto::server::{Needs, OfferedMechanism};
use pop3_proto::{
    Advice, Base64, Capabilities, Capability, Channel, Command, Expire, Extension, Keyword, LanguageRange,
    LoginDelay, MechanismName, MessageNumber, Name, Password, Quirk, Quirks, Reply, ReplyShape, ResponseCode,
    Secret, Status, TextId, UniqueId, Xclient,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use serde_test::{Compact, Configure as _, Readable, Token, assert_tokens};

/// The value of these octets is the same after it was written and read.
#[track_caller]
fn survives<'a, T: Arbitrary<'a> + Serialize + DeserializeOwned + PartialEq + Debug>(octets: &'a [u8]) {
    let value = T::arbitrary(&mut Unstructured::new(octets)).unwrap();
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    // From a reader, nothing can be borrowed.
    assert_eq!(serde_json::from_reader::<_, T>(text.as_bytes()).unwrap(), value, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn words_that_own_their_octets_survive(octets in vec(any::<u8>(), 0..300)) {
        survives::<MessageNumber>(&octets);
        survives::<MechanismName>(&octets);
        survives::<Timestamp>(&octets);
        survives::<Quirk>(&octets);
        survives::<Quirks>(&octets);
        survives::<Keyword>(&octets);
        survives::<TextId>(&octets);
        survives::<Channel>(&octets);
        survives::<Needs>(&octets);
        survives::<OfferedMechanism>(&octets);
        survives::<ReplyShape>(&octets);
        survives::<Status>(&octets);
        survives::<Advice>(&octets);
        survives::<Expire>(&octets);
        survives::<LoginDelay>(&octets);
        survives::<DropListing>(&octets);
        survives::<ScanListing>(&octets);
        survives::<Capabilities>(&octets);
    }
}

#[test]
fn words_have_a_form_that_people_can_read() {
    let number = MessageNumber::new(7).unwrap();
    let spacing = [Quirk::Spacing].into_iter().collect::<Quirks>();
    for (value, text) in [
        (serde_json::to_value(number), json!(7)),
        (serde_json::to_value(UniqueId::parse(br#"a"\b"#).unwrap()), json!(r#"a"\b"#)),
        (serde_json::to_value(Name::parse(b"mrose").unwrap()), json!("mrose")),
        (serde_json::to_value(Name::parse(b"\xff").unwrap()), json!([255])),
        (serde_json::to_value(LanguageRange::ANY), json!("*")),
        (serde_json::to_value(MechanismName::parse(b"plain").unwrap()), json!("PLAIN")),
        (serde_json::to_value(Keyword::AuthList), json!("AuthList")),
        (serde_json::to_value(spacing), json!(["Spacing"])),
        (serde_json::to_value(ResponseCode::SysTemp), json!("SYS/TEMP")),
        (serde_json::to_value(Capability::Sasl(b"PLAIN LOGIN")), json!("SASL PLAIN LOGIN")),
        (serde_json::to_value(Capability::Utf8 { user: true }), json!("UTF8 USER")),
        (serde_json::to_value(Capability::Other(b"caf\xc3\xa9")), json!("café")),
        (
            serde_json::to_value(Reply::parse(b"-ERR [IN-USE] busy").unwrap()),
            json!({"status": "Negative", "code": "IN-USE", "text": "[IN-USE] busy", "message": "busy", "quirk": null}),
        ),
        (
            serde_json::to_value(UniqueIdListing::parse(b"7 a b").unwrap()),
            json!({"message": 7, "uid": "a b", "quirk": "UniqueIdSyntax"}),
        ),
        (
            serde_json::to_value(LanguageListing::parse(b"de Deutsch").unwrap()),
            json!({"tag": "de", "description": "Deutsch"}),
        ),
    ] {
        assert_eq!(value.unwrap(), text);
    }
}

#[test]
fn octets_are_octets_in_a_binary_format() {
    let list: Capabilities = [&b"TOP"[..], b"X-\xff"].into_iter().collect();
    let seq = Token::Seq { len: Some(2) };
    assert_tokens::<Compact<Capabilities>>(
        &list.clone().compact(),
        &[seq, Token::Bytes(b"TOP"), Token::Bytes(b"X-\xff"), Token::SeqEnd],
    );
    assert_tokens::<Readable<Capabilities>>(
        &list.readable(),
        &[seq, Token::Str("TOP"), Token::Bytes(b"X-\xff"), Token::SeqEnd],
    );
}

#[test]
fn nothing_invalid_is_read() {
    fn refused<T: for<'de> Deserialize<'de> + Debug>(values: &[serde_json::Value]) {
        for value in values {
            assert!(serde_json::from_value::<T>(value.clone()).is_err(), "{value}");
            assert!(serde_json::from_str::<T>(&value.to_string()).is_err(), "{value}");
        }
    }
    refused::<MessageNumber>(&[json!(0), json!(-1), json!(4_294_967_296_u64), json!("1"), json!(null)]);
    refused::<MechanismName>(&[json!(""), json!("PL@IN"), json!("A".repeat(21)), json!(7), json!([80])]);
    refused::<Timestamp>(&[
        json!("<a>"),
        json!("<a@b@c>"),
        json!("a@b"),
        json!("<a b@c>"),
        json!("<a@b>\r\n"),
    ]);
    refused::<Timestamp>(&[json!(format!("<{}@h>", "a".repeat(Timestamp::MAX_LEN)))]);
    refused::<OfferedMechanism>(&[json!({"name": "PL@IN", "needs": "Tls"}), json!({"name": "PLAIN"})]);
    refused::<LoginDelay>(&[
        json!({"delay": 1.5, "per_user": false}),
        json!({"delay": {"secs": 1, "nanos": 5}, "per_user": false}),
    ]);
    refused::<Quirk>(&[json!("spacing"), json!("Unknown"), json!(0)]);
    refused::<Quirks>(&[json!(["Unknown"]), json!("Spacing"), json!(1)]);
    refused::<Keyword>(&[json!("XYZZY")]);
    refused::<ScanListing>(&[json!({"message": 0, "octets": 1, "quirk": null}), json!({"message": 1})]);
    refused::<Capabilities>(&[json!(["TOP\r\nSTLS"]), json!([[84, 10]]), json!([[256]]), json!("TOP")]);
}

/// Which of two implementations a call means is ambiguous if the type can be written: then this file does not build.
trait NotSerialized<Marker> {
    fn proven() {}
}

struct Written;

impl<T: ?Sized> NotSerialized<()> for T {}
impl<T: ?Sized + Serialize> NotSerialized<Written> for T {}

#[test]
fn secrets_are_not_serialized() {
    <Password<'_> as NotSerialized<_>>::proven();
    <Base64<'_> as NotSerialized<_>>::proven();
    <Digest as NotSerialized<_>>::proven();
    <ApopProof as NotSerialized<_>>::proven();
    <Secret as NotSerialized<_>>::proven();
    // These may contain one.
    <Command<'_> as NotSerialized<_>>::proven();
    <Extension<'_> as NotSerialized<_>>::proven();
    <Xclient<'_> as NotSerialized<_>>::proven();
}
