//! Properties of the words that octets make with the crate arbitrary, and of the texts that are shown for them.

use core::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use pop3_proto::apop::{ApopProof, Timestamp};
use pop3_proto::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use pop3_proto::server::OfferedMechanism;
use pop3_proto::{
    Base64, Capabilities, Command, Expire, Extension, Keyword, LanguageRange, LoginDelay, MechanismName,
    MessageNumber, Name, Password, Quirk, Quirks, Reply, ReplyShape, ResponseCode, Snapshot, Status, TextId,
    UniqueId, Xclient,
};

/// Octets make a value of every type. Each is written as a line that is read as the same value, and is shown in one
/// line.
///
/// # Panics
/// If that does not hold.
pub fn words(octets: &[u8]) {
    let (kind, octets) = octets.split_first().map_or((0, octets), |(&kind, rest)| (kind, rest));
    match kind % 10 {
        0 => command(make(octets)),
        1 => reply(make(octets)),
        2 => listings(octets),
        3 => snapshot(octets),
        4 => {
            let made: Timestamp = make(octets);
            same(Timestamp::find(format!("ready {made}").as_bytes()), Some(made));
            command(Command::Apop { name: make(octets), digest: make(octets) });
            let made: ApopProof = make(octets);
            same(Timestamp::parse(made.timestamp().as_str().as_bytes()).as_ref(), Some(made.timestamp()));
        }
        5 => {
            let made: MechanismName = make(octets);
            same(MechanismName::parse(made.as_str().as_bytes()), Some(made));
            let made: Base64<'_> = make(octets);
            same(Base64::parse(made.expose()), Some(made));
            same(pop3_proto::encode_base64(made.decode().expose()).expose().as_slice(), made.expose());
            shown(&make::<OfferedMechanism>(octets));
        }
        6 => {
            let made: Name<'_> = make(octets);
            same(Name::parse(made.as_bytes()), Ok(made));
            let made: Password<'_> = make(octets);
            same(Password::parse(made.expose()), Ok(made));
            assert_eq!(format!("{made:?}"), "Password(***)");
            command(Command::Xclient(make(octets)));
            let refused = [Name::parse(octets).map(drop), Xclient::parse(octets).map(drop)];
            for error in refused.into_iter().filter_map(Result::err) {
                line(&error.to_string());
            }
        }
        7 => {
            let made: Expire = make(octets);
            let written = pop3_proto::Capability::Expire(made);
            same(pop3_proto::Capability::parse(written.to_string().as_bytes()), written);
            let written = pop3_proto::Capability::LoginDelay(make::<LoginDelay>(octets));
            same(pop3_proto::Capability::parse(written.to_string().as_bytes()), written);
            let made: Capabilities = make(octets);
            same(made.lines().collect::<Capabilities>(), made.clone());
            shown(&made.iter().collect::<Vec<_>>());
        }
        8 => quirks(octets),
        _ => {
            let made: LanguageRange<'_> = make(octets);
            same(LanguageRange::parse(made.as_str().as_bytes()), Some(made));
            let made: UniqueId<'_> = make(octets);
            same(UniqueId::parse(made.as_bytes()), Ok(made));
            let made: MessageNumber = make(octets);
            same(MessageNumber::parse(made.to_string().as_bytes()), Some(made));
            let id: TextId = make(octets);
            same(TextId::from_name(id.name()), Some(id));
            line(id.english());
            if let Err(error) = UniqueId::parse(octets) {
                line(&error.to_string());
            }
        }
    }
}

/// The value that these octets make. None of them are refused.
fn make<'a, T: Arbitrary<'a>>(octets: &'a [u8]) -> T {
    T::arbitrary(&mut Unstructured::new(octets)).expect("any octets make a value")
}

#[track_caller]
fn same<T: PartialEq + Debug>(read: T, made: T) {
    shown(&made);
    assert_eq!(read, made);
}

/// What is shown of a value is one line of printable characters.
#[track_caller]
fn shown(value: &dyn Debug) {
    line(&format!("{value:?}"));
}

#[track_caller]
fn line(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}

fn command(made: Command<'_>) {
    let mut written = BytesMut::new();
    made.write(&mut written);
    let line = written.strip_suffix(b"\r\n").expect("a line");
    // No parser returns an extension: it is a line that the core does not know.
    if let Command::Extension(own) = made {
        same(Extension::new(line, made.reply_shape()), Ok(own));
    } else {
        same(Command::parse(line), Ok(made));
        assert_eq!(Keyword::of_line(line).map(Keyword::as_str), Some(made.keyword().as_str()));
    }
    assert!(matches!(made.reply_shape(), ReplyShape::Line | ReplyShape::Lines | ReplyShape::Body));
}

fn reply(made: Reply<'_>) {
    let status = match (made.status, made.quirk) {
        (Status::Positive, Some(Quirk::StatusCase)) => "+ok ",
        (Status::Negative, Some(Quirk::StatusCase)) => "-Err ",
        (Status::Positive, Some(_)) => "+OK\t",
        (Status::Negative, Some(_)) => "-ERR\t",
        (Status::Positive, None) => "+OK ",
        (Status::Negative, None) => "-ERR ",
    };
    let written = [status.as_bytes(), made.text].concat();
    same(Reply::parse(&written), Some(made));
    let joined = [status.trim_end().as_bytes(), made.text].concat();
    assert!(Reply::parse_joined(&joined).is_some_and(|reply| reply.text == made.text));
    if let Some(code) = made.code {
        line(&code.to_string());
        shown(&code.advice());
        same(ResponseCode::of_text(made.text), Some(code));
    }
}

fn listings(octets: &[u8]) {
    let made: DropListing = make(octets);
    same(DropListing::parse(format!("{} {}", made.messages, made.octets).as_bytes()), Some(made));
    let made: ScanListing = make(octets);
    same(ScanListing::parse(format!("{} {}", made.message, made.octets).as_bytes()), Some(made));
    let made: UniqueIdListing<'_> = make(octets);
    let written = [format!("{} ", made.message).as_bytes(), made.uid].concat();
    same(UniqueIdListing::parse(&written), Some(made));
    let made: LanguageListing<'_> = make(octets);
    let written = [made.tag.as_bytes(), b" ", made.description].concat();
    same(LanguageListing::parse(&written), Some(made));
}

/// A snapshot has what was put into it.
fn snapshot(octets: &[u8]) {
    let snapshot: Snapshot = make(octets);
    assert_eq!(snapshot.same_unique_id(), None);
    assert_eq!(snapshot.is_empty(), snapshot.numbers().next().is_none());
    let mut again = Snapshot::new();
    for number in snapshot.numbers() {
        let (size, uid) = (snapshot.size(number), snapshot.unique_id(number));
        let (size, uid) = size.zip(uid).expect("one of its numbers");
        let uid = UniqueId::parse(uid.as_bytes()).expect("a unique-id");
        assert_eq!(again.push(size, uid), Some(number));
    }
    let sizes = snapshot.numbers().filter_map(|number| snapshot.size(number)).sum::<u64>();
    assert_eq!((snapshot.octets(), again.octets(), again.len()), (sizes, sizes, snapshot.len()));
    assert!(snapshot.numbers().all(|number| snapshot.unique_id(number) == again.unique_id(number)));
    if let Some(first) = snapshot.unique_id(MessageNumber::FIRST) {
        let uid = UniqueId::parse(first.as_bytes()).expect("a unique-id");
        let twice = again.push(0, uid).expect("room");
        assert_eq!(again.same_unique_id(), Some((MessageNumber::FIRST, twice)));
    }
    let behind = MessageNumber::from_index(snapshot.len()).expect("few");
    assert_eq!((snapshot.size(behind), snapshot.unique_id(behind)), (None, None));
}

fn quirks(octets: &[u8]) {
    let made: Quirks = make(octets);
    shown(&made);
    assert_eq!(made.is_empty(), made == Quirks::NONE);
    for quirk in Quirk::ALL {
        assert_eq!(made.contains(*quirk), made.iter().any(|own| own == *quirk));
    }
    same(made.iter().collect::<Quirks>(), made);
    made.iter().for_each(|quirk| line(&quirk.to_string()));
}
