//! A server as a function of lines that supports SASL logins.

use pop3_proto::{Base64, encode_base64};
use pop3_sasl::scram::Keys;
use pop3_sasl::server::{
    Decision, ExchangeStep, Question, ServerExchange, ServerSetup, TokenRefusal, TokenStatus,
};
use pop3_sasl::{Mechanism, Nonce};

/// The user, the password and the token.
pub(crate) const USER: &str = "mrose";
pub(crate) const PASSWORD: &str = "tanstaaf";
pub(crate) const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/// What a challenge or a reply is changed to: a line without its line end.
pub(crate) type Change = fn(&str) -> String;

/// Answers lines like a server with these capabilities.
pub(crate) fn sasl_server(
    capabilities: &'static str,
    change: Change,
) -> impl FnMut(&str) -> Option<String> + Send + 'static {
    let mut exchange: Option<ServerExchange> = None;
    move |line| {
        if let Some(mut running) = exchange.take() {
            if line == "*" {
                return Some("-ERR cancelled\r\n".to_owned());
            }
            let Some(text) = Base64::parse(line.as_bytes()) else {
                return Some("-ERR base64\r\n".to_owned());
            };
            let step = running.respond(text.decode().expose()).expect("the client's turn");
            return Some(follow(running, step, &mut exchange, change));
        }
        let mut words = line.split(' ');
        match (words.next().unwrap_or_default(), words.next(), words.next()) {
            ("CAPA", ..) if capabilities.is_empty() => Some("-ERR what?\r\n".to_owned()),
            ("CAPA", ..) => Some(format!("+OK\r\n{capabilities}\r\n.\r\n")),
            ("AUTH", Some(name), initial) => {
                let mechanism = Mechanism::parse(name.as_bytes()).expect("a mechanism that is known");
                let nonce = Nonce::from_text("servers").expect("a nonce");
                let setup = ServerSetup::new(nonce, "0123456789abcdef")
                    .with_token_refusal(TokenRefusal::new(TokenStatus::InvalidToken));
                let mut begun = ServerExchange::new(mechanism, setup);
                let initial = initial.map(|text| match text {
                    "=" => Vec::new(),
                    text => Base64::parse(text.as_bytes()).expect("base64").decode().expose().clone(),
                });
                let step = begun.begin(initial.as_deref()).expect("it is new");
                Some(follow(begun, step, &mut exchange, change))
            }
            ("PASS", Some(word), None) if word != PASSWORD => Some("-ERR [AUTH] no\r\n".to_owned()),
            _ => Some("+OK\r\n".to_owned()),
        }
    }
}

fn follow(
    mut running: ServerExchange,
    mut step: ExchangeStep,
    exchange: &mut Option<ServerExchange>,
    change: Change,
) -> String {
    loop {
        step = match step {
            ExchangeStep::Challenge(octets) => {
                *exchange = Some(running);
                let text = encode_base64(octets.expose());
                let line = format!("+ {}", core::str::from_utf8(text.expose()).expect("ASCII"));
                let line = change(&line);
                if !line.starts_with('+') || line.starts_with("+OK") {
                    *exchange = None;
                }
                return format!("{line}\r\n");
            }
            ExchangeStep::Ask(question) => running.answer(answer(&question)).expect("the caller's turn"),
            ExchangeStep::Done(_) => return format!("{}\r\n", change("+OK in")),
            ExchangeStep::Fail(_) => return format!("{}\r\n", change("-ERR [AUTH] no")),
        };
    }
}

fn answer(question: &Question) -> Decision {
    let granted = match question {
        Question::Password { name, password, .. } => {
            name == USER && password.same_octets(PASSWORD.as_bytes())
        }
        Question::CramMd5(digest) => digest.name() == USER && digest.prove(PASSWORD.as_bytes()),
        Question::Keys { name, hash, .. } => {
            let keys = Keys::derive(*hash, PASSWORD.as_bytes(), b"saltsaltsalt", 4096).expect("good numbers");
            return Decision::Keys((name == USER).then_some(keys));
        }
        Question::Token { token, .. } => token.same_octets(TOKEN.as_bytes()),
        Question::Certificate { .. } | Question::Anonymous { .. } => {
            return Decision::GrantedAs(USER.to_owned());
        }
    };
    if granted { Decision::Granted } else { Decision::Refused }
}
