//! The messages with which the user logs in by AUTH.
//!
//! The exchanges in the tests of the core have fixed nonces, so each message is always the same.

use std::sync::OnceLock;

use pop3_proto::server::ServerConfig;
use pop3_proto::{Base64, Channel, encode_base64};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::{Mechanism, Nonce};

use super::said::{NAME, PASSWORD, Sasl};
use crate::configured;
use crate::sasl::offer;
use crate::server::Server;
use crate::store::Store;

/// The message of the user with this number, from 0, in base64. There is none after the last one.
#[must_use]
pub fn right(sasl: Sasl, message: usize) -> &'static str {
    static CRAM_MD5: OnceLock<Vec<String>> = OnceLock::new();
    static SCRAM_SHA_1: OnceLock<Vec<String>> = OnceLock::new();
    match (sasl, message) {
        (Sasl::Plain, 0) => "AG1yb3NlAHRhbnN0YWFm",
        (Sasl::Login, 0) | (Sasl::External, 0) => "bXJvc2U=",
        (Sasl::Login, 1) => "dGFuc3RhYWY=",
        (Sasl::CramMd5, 0) => &CRAM_MD5.get_or_init(|| computed(Mechanism::CramMd5))[0],
        (Sasl::ScramSha1, 0..=2) => &SCRAM_SHA_1.get_or_init(|| computed(Mechanism::ScramSha1))[message],
        _ => "?",
    }
}

/// All messages of a login, as our client sends them to our server.
fn computed(mechanism: Mechanism) -> Vec<String> {
    let nonce = Nonce::from_text("fyko+d2lbbFgONRv9qkxdawL").expect("a nonce");
    let user = Credentials::new(NAME).with_password(PASSWORD);
    let mut client = ClientExchange::new(mechanism, &user, &ClientSetup::new(nonce)).expect("it fits");
    let config = configured::<ServerConfig>(|it| it.mechanisms = offer(&[mechanism.name()]));
    let mut server = Server::with(Store::fixture(), config, Channel::TrustedPlaintext, None);
    server.take();
    let mut messages = Vec::new();
    let mut reply = server.say(&format!("AUTH {}", mechanism.name()));
    while let Some(challenge) = reply.strip_prefix("+ ") {
        let challenge = Base64::parse(challenge.trim_end().as_bytes()).expect("base64").decode();
        let response = client.respond(challenge.expose()).expect("an honest server");
        let text = encode_base64(response.expose());
        let text = String::from_utf8(text.expose().to_vec()).expect("ASCII");
        reply = server.say(&text);
        messages.push(text);
    }
    assert!(reply.starts_with("+OK "), "the user is refused: {reply}");
    messages
}
