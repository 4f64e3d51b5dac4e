//! How an odd server lets clients in.

use std::io;

use base64ct::{Base64, Encoding as _};
use pop3_proto::Quirk;
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, ExchangeStep, Question, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};

use super::Session;

impl Session {
    /// What is announced of AUTH.
    pub(super) fn offer(&self) -> Option<&'static str> {
        if self.has(Quirk::InitialResponseRefused) || self.has(Quirk::InitialResponseIgnored) {
            Some("SASL SCRAM-SHA-256")
        } else if self.has(Quirk::UnknownBinding) {
            Some("SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256")
        } else {
            let words =
                [Quirk::ContinuationWithoutSpace, Quirk::PositiveReplyForChallenge, Quirk::ChallengeWords];
            words.iter().any(|&quirk| self.has(quirk)).then_some("SASL LOGIN")
        }
    }

    /// AUTH with a mechanism, and the initial response if there is one.
    pub(super) async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> io::Result<()> {
        match mechanism {
            "LOGIN" => {
                self.say(if self.has(Quirk::ContinuationWithoutSpace) {
                    "+"
                } else if self.has(Quirk::PositiveReplyForChallenge) {
                    "+OK"
                } else {
                    "+ who is there"
                })
                .await?;
                self.line().await?;
                self.say("+ UGFzc3dvcmQ6").await?;
                self.line().await?;
            }
            "SCRAM-SHA-256" => {
                return match initial {
                    Some(_) if self.has(Quirk::InitialResponseRefused) => self.say("-ERR what").await,
                    Some(initial) if !self.has(Quirk::InitialResponseIgnored) => self.scram(initial).await,
                    _ => {
                        self.say("+ ").await?;
                        let initial = self.line().await?;
                        self.scram(&initial).await
                    }
                };
            }
            // What it offers it does not know.
            _ => return self.say("-ERR no such binding").await,
        }
        self.say("+OK").await?;
        self.is_logged_in = true;
        Ok(())
    }

    async fn scram(&mut self, initial: &str) -> io::Result<()> {
        let bad = || io::Error::other("bad SCRAM");
        let nonce = Nonce::from_text("odd").ok_or_else(bad)?;
        // Nobody needs to be kept from guessing here, but a client refuses fewer.
        let password = self.world.plan.accounts[0].password.as_bytes();
        let keys =
            Keys::derive(Hash::Sha256, password, b"a salt of octets", pop3_sasl::scram::MIN_ITERATIONS);
        let mut keys = Some(keys.map_err(|_| bad())?);
        let offers_plus = self.offer().is_some_and(|offer| offer.contains("-PLUS"));
        let setup = ServerSetup::new(nonce, b"decoy".to_vec()).with_plus_offered(offers_plus);
        let mut exchange = ServerExchange::new(Mechanism::ScramSha256, setup);
        let decode = |text: &str| Base64::decode_vec(text).map_err(|_| bad());
        let mut step = exchange.begin(Some(&decode(initial)?)).map_err(|_| bad())?;
        loop {
            step = match step {
                ExchangeStep::Challenge(challenge) => {
                    let challenge = format!("+ {}", Base64::encode_string(challenge.expose()));
                    self.say(&challenge).await?;
                    exchange.respond(&decode(&self.line().await?)?)
                }
                ExchangeStep::Ask(Question::Keys { .. }) => exchange.answer(Decision::Keys(keys.take())),
                ExchangeStep::Ask(_) => exchange.answer(Decision::Granted),
                ExchangeStep::Done(_) => {
                    self.say("+OK").await?;
                    self.is_logged_in = true;
                    return Ok(());
                }
                ExchangeStep::Fail(_) => return self.say("-ERR no").await,
            }
            .map_err(|_| bad())?;
        }
    }
}
