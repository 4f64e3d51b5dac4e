//! Each value that `arbitrary` makes is written as a line that the parser reads as the same value.

use core::fmt::Debug;
use std::collections::HashSet;

use ::arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use pop3_proto::apop::{ApopProof, Timestamp};
use pop3_proto::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use pop3_proto::{
    Base64, Capabilities, Capability, Command, Expire, Extension, Keyword, LanguageRange, LoginDelay,
    MechanismName, MessageNumber, Name, Password, Quirk, Quirks, Reply, ReplyShape, ResponseCode, Snapshot,
    Status, TextId, UniqueId,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// The value that these octets make. None of them are refused.
fn make<'a, T: Arbitrary<'a>>(octets: &'a [u8]) -> T {
    T::arbitrary(&mut Unstructured::new(octets)).unwrap()
}

/// Octets that look random and are the same in each run, for what must come up sooner or later.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 1_u64;
    let mut octet = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..2000).map(move |_| (0..100).map(|_| octet()).collect())
}

#[track_caller]
fn same<T: PartialEq + Debug>(read: T, made: T) {
    assert_eq!(read, made);
}

fn command(made: Command<'_>) {
    let mut written = BytesMut::new();
    made.write(&mut written);
    let line = written.strip_suffix(b"\r\n").unwrap();
    match made {
        // No parser returns an extension: it is a line that this crate does not know.
        Command::Extension(own) => same(Extension::new(line, made.reply_shape()), Ok(own)),
        _ => {
            same(Command::parse(line), Ok(made));
            same(Keyword::of_line(line).unwrap().as_str(), made.keyword().as_str());
        }
    }
}

fn capability(made: Capability<'_>) {
    let line = match made {
        Capability::Sasl(text) => [b"SASL ", text].concat(),
        Capability::Implementation(text) => [b"IMPLEMENTATION ", text].concat(),
        Capability::Other(line) => line.to_vec(),
        known => known.to_string().into_bytes(),
    };
    same(Capability::parse(&line), made);
}

fn reply(made: Reply<'_>) {
    let status = match (made.status, made.quirk) {
        (Status::Positive, Some(Quirk::StatusCase)) => "+ok ",
        (Status::Negative, Some(Quirk::StatusCase)) => "-Err ",
        (Status::Positive, Some(Quirk::Spacing)) => "+OK\t",
        (Status::Negative, Some(Quirk::Spacing)) => "-ERR\t",
        (Status::Positive, None) => "+OK ",
        (Status::Negative, None) => "-ERR ",
        other => panic!("{other:?}"),
    };
    let line = [status.as_bytes(), made.text].concat();
    assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
    same(Reply::parse(&line), Some(made));
}

fn words(octets: &[u8]) {
    command(make(octets));
    capability(make(octets));
    reply(make(octets));

    let made: MessageNumber = make(octets);
    same(MessageNumber::parse(made.to_string().as_bytes()), Some(made));
    let made: UniqueId<'_> = make(octets);
    same(UniqueId::parse(made.as_bytes()), Ok(made));
    let made: LanguageRange<'_> = make(octets);
    same(LanguageRange::parse(made.as_str().as_bytes()), Some(made));
    let made: Timestamp = make(octets);
    same(Timestamp::find(format!("ready {made}").as_bytes()), Some(made));
    command(Command::Apop { name: make(octets), digest: make(octets) });
    let made: ApopProof = make(octets);
    same(Timestamp::parse(made.timestamp().as_str().as_bytes()).as_ref(), Some(made.timestamp()));
    let made: MechanismName = make(octets);
    same(MechanismName::parse(made.as_str().as_bytes()), Some(made));
    let made: Base64<'_> = make(octets);
    same(Base64::parse(made.expose()), Some(made));
    same(pop3_proto::encode_base64(made.decode().expose()).expose().as_slice(), made.expose());
    let made: Name<'_> = make(octets);
    same(Name::parse(made.as_bytes()), Ok(made));
    let made: Password<'_> = make(octets);
    same(Password::parse(made.expose()), Ok(made));
    command(Command::Xclient(make(octets)));

    let made: DropListing = make(octets);
    same(DropListing::parse(format!("{} {}", made.messages, made.octets).as_bytes()), Some(made));
    let made: ScanListing = make(octets);
    same(ScanListing::parse(format!("{} {}", made.message, made.octets).as_bytes()), Some(made));
    let made: UniqueIdListing<'_> = make(octets);
    let line = [format!("{} ", made.message).as_bytes(), made.uid].concat();
    same(UniqueIdListing::parse(&line), Some(made));
    let made: LanguageListing<'_> = make(octets);
    let line = [made.tag.as_bytes(), b" ", made.description].concat();
    same(LanguageListing::parse(&line), Some(made));

    let made: Expire = make(octets);
    same(Capability::parse(Capability::Expire(made).to_string().as_bytes()), Capability::Expire(made));
    let made: LoginDelay = make(octets);
    let shown = Capability::LoginDelay(made);
    same(Capability::parse(shown.to_string().as_bytes()), shown);
    let made: Capabilities = make(octets);
    same(made.lines().collect(), made);
    let made: Quirks = make(octets);
    same(made.iter().collect(), made);
    let made: TextId = make(octets);
    same(TextId::from_name(made.name()), Some(made));
    let made: Snapshot = make(octets);
    same(made.same_unique_id(), None);
    same(made.numbers().map(|number| made.size(number).unwrap()).sum(), made.octets());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn words_read_back_as_themselves(octets in vec(any::<u8>(), 0..300)) {
        words(&octets);
    }

    // Octets that a fuzzer finds soon: printable ones, and what the grammar gives a meaning to.
    #[test]
    fn words_of_text_read_back_as_themselves(octets in r"[ -~\t\r\n/=\[\]<>@]{0,300}") {
        words(octets.as_bytes());
    }
}

#[test]
fn nothing_is_needed_to_make_a_word() {
    words(b"");
}

// A generator that always returned its example would pass the tests above.
#[test]
fn every_word_comes_up() {
    let inputs: Vec<_> = inputs().collect();
    let keywords: HashSet<Keyword> =
        inputs.iter().map(|octets| make::<Command<'_>>(octets).keyword()).collect();
    assert_eq!(keywords.len(), 21);
    let kinds: HashSet<_> =
        inputs.iter().map(|octets| core::mem::discriminant(&make::<Capability<'_>>(octets))).collect();
    assert_eq!(kinds.len(), 14);
    let quirks: HashSet<Quirk> = inputs.iter().map(|octets| make(octets)).collect();
    assert_eq!(quirks.len(), Quirk::ALL.len());
    let shapes: HashSet<ReplyShape> = inputs.iter().map(|octets| make(octets)).collect();
    assert_eq!(shapes.len(), 3);
    let codes: HashSet<_> =
        inputs.iter().map(|octets| core::mem::discriminant(&make::<Reply<'_>>(octets).code)).collect();
    assert_eq!(codes.len(), 2);
    assert!(inputs.iter().any(|octets| make::<Reply<'_>>(octets).quirk.is_some()));
    for different in [
        inputs.iter().map(|octets| make::<UniqueId<'_>>(octets).as_bytes().to_vec()).collect::<HashSet<_>>(),
        inputs.iter().map(|octets| make::<Name<'_>>(octets).as_bytes().to_vec()).collect(),
        inputs.iter().map(|octets| make::<Password<'_>>(octets).expose().to_vec()).collect(),
        inputs.iter().map(|octets| make::<Base64<'_>>(octets).expose().to_vec()).collect(),
        inputs.iter().map(|octets| make::<Timestamp>(octets).as_str().as_bytes().to_vec()).collect(),
        inputs.iter().map(|octets| format!("{:?}", make::<ResponseCode<'_>>(octets)).into_bytes()).collect(),
    ] {
        assert!(different.len() > 100, "{}", different.len());
    }
    assert!(inputs.iter().any(|octets| make::<Snapshot>(octets).len() > 1));
}
