//! Properties that hold for any line from a client or a server.

use bytes::BytesMut;
use pop3_proto::listing::{DropListing, ScanListing, UniqueIdListing};
use pop3_proto::{
    Base64, Capability, Command, Extension, LanguageRange, MechanismName, Name, Password, Reply, ReplyShape,
    ResponseCode, UniqueId, Xclient, apop,
};

/// A line is a command or is refused. A command that is written again reads as the same command.
///
/// # Panics
/// If that does not hold.
pub fn command(line: &[u8]) {
    if let Ok(command) = Command::parse(line) {
        let mut written = BytesMut::new();
        command.write(&mut written);
        let written = written.strip_suffix(b"\r\n").expect("a line");
        assert!(!written.iter().any(u8::is_ascii_control), "{}", written.escape_ascii());
        assert_eq!(Command::parse(written), Ok(command));
    }
    // No argument that would break the line can be created.
    let mut commands = Vec::new();
    commands.extend(Name::parse(line).map(Command::User));
    commands.extend(LanguageRange::parse(line).map(|range| Command::Lang(Some(range))));
    commands.extend(Xclient::parse(line).map(Command::Xclient));
    let plain = MechanismName::parse(b"PLAIN").expect("a name");
    commands.extend(Base64::parse(line).map(|text| Command::Auth { mechanism: plain, initial: Some(text) }));
    commands.extend(Password::parse(line).map(Command::Pass));
    commands.extend(Extension::new(line, ReplyShape::Line).map(Command::Extension));
    for command in commands {
        let mut written = BytesMut::new();
        command.write(&mut written);
        assert_eq!(written.iter().filter(|octet| octet.is_ascii_control()).count(), 2);
        assert!(written.ends_with(b"\r\n"));
    }
}

/// A line of a reply is read or refused.
///
/// # Panics
/// If the result is not part of the line.
pub fn reply(line: &[u8]) {
    if let Some(reply) = Reply::parse(line) {
        assert!(line.ends_with(reply.text) && reply.text.ends_with(reply.message));
        let status: &[u8] = if reply.is_positive() { b"+OK" } else { b"-ERR" };
        assert!(line[..status.len()].eq_ignore_ascii_case(status));
        if let Some(ResponseCode::Other(code)) = reply.code {
            assert!(code.len() < line.len());
        }
    }
    if let Some(uid) = UniqueIdListing::parse(line).map(|listing| listing.uid) {
        assert!(!uid.is_empty() && uid.len() < line.len());
    }
    let _ = (DropListing::parse(line), ScanListing::parse(line), Capability::parse(line));
    let _ = (UniqueId::parse(line), apop::Digest::parse(line));
    if let Some(timestamp) = apop::Timestamp::find(line) {
        assert_eq!(apop::Timestamp::parse(timestamp.as_str().as_bytes()), Some(timestamp.clone()));
        assert!(timestamp.as_str().bytes().all(|octet| octet.is_ascii_graphic()));
    }
}
