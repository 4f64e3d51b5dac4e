//! The dialogue with a client.

use core::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::LmtpConfig;
use crate::connection::{Connection, NoLine};
use crate::content::Content;
use crate::mailboxes::{Envelope, Mailboxes};
use crate::refusal::LmtpRefusal;
use crate::request::{self, Command, quoted};

/// Commands without meaning after which a client is sent away.
const MISTAKES_MAX: u32 = 20;

/// What the log calls a session, and what the server is.
pub(crate) struct Session<M: Mailboxes, S> {
    pub(crate) number: u64,
    pub(crate) config: Arc<LmtpConfig>,
    pub(crate) mailboxes: Arc<M>,
    pub(crate) connection: Connection<S>,
}

/// A message before its content.
struct Transaction<M: Mailboxes> {
    envelope: Envelope,
    recipients: Vec<(String, Arc<M::Mailbox>)>,
}

/// Whether the dialogue goes on.
enum Next {
    Command,
    Close,
}

impl<M: Mailboxes, S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Session<M, S> {
    /// Serves the client until it goes.
    pub(crate) async fn run(mut self) {
        let greeting = format!("220 {} LMTP", self.config.hostname);
        self.connection.reply(&greeting);
        let mut client: Option<String> = None;
        let mut transaction: Option<Transaction<M>> = None;
        let mut mistakes = 0;
        loop {
            let line = match self.connection.line().await {
                Ok(line) => line,
                Err(why) => return self.end(&why).await,
            };
            let command = request::parse(&line);
            let refused = match command {
                Ok(Command::Lhlo(name)) => {
                    self.greet(&name);
                    (client, transaction) = (Some(name), None);
                    continue;
                }
                Ok(Command::Mail(envelope, size)) => {
                    self.mail(&mut transaction, client.is_some(), envelope, size)
                }
                Ok(Command::Rcpt(address)) => self.recipient(transaction.as_mut(), address).await,
                Ok(Command::Data) => match self.data(&mut transaction, client.as_deref()).await {
                    Ok(Next::Command) => continue,
                    Ok(Next::Close) => return self.connection.close().await,
                    Err(refusal) => Err(refusal),
                },
                Ok(Command::Rset) => {
                    transaction = None;
                    self.say("250 2.0.0 forgotten")
                }
                Ok(Command::Noop) => self.say("250 2.0.0 here"),
                Ok(Command::Vrfy) => self.say("252 2.5.0 send a message to find out"),
                Ok(Command::Quit) => {
                    self.connection.reply("221 2.0.0 goodbye");
                    return self.connection.close().await;
                }
                Err(refusal) => {
                    mistakes += 1;
                    Err(refusal)
                }
            };
            if let Err(refusal) = refused {
                self.connection.reply(&refusal.to_string());
            }
            if mistakes >= MISTAKES_MAX {
                self.connection.reply("421 4.7.0 too many mistakes");
                return self.connection.close().await;
            }
        }
    }

    /// Says why the connection ends, and ends it.
    async fn end(mut self, why: &NoLine) {
        let session = self.number;
        match why {
            NoLine::TooLong => self.connection.reply("500 5.5.2 the line is too long"),
            NoLine::Stray => {
                self.connection.reply("500 5.5.2 a line must end in CRLF, and contain no other CR, LF or NUL")
            }
            NoLine::Silent => self.connection.reply("421 4.4.2 silent for too long"),
            NoLine::Stopped => self.connection.reply("421 4.3.2 the server is stopped; come again later"),
            NoLine::Lost(error) => {
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    info!(session, %error, "the connection was lost");
                }
                return;
            }
        }
        if matches!(why, NoLine::TooLong | NoLine::Stray) {
            warn!(session, "the client sent a line that is none");
        }
        self.connection.close().await;
    }

    fn say(&mut self, line: &str) -> Result<(), LmtpRefusal> {
        self.connection.reply(line);
        Ok(())
    }

    fn greet(&mut self, client: &str) {
        let Self { config, number: session, .. } = self;
        info!(session, client, "client greeted");
        let first = format!("250-{}", config.hostname);
        let size = format!("250 SIZE {}", config.max_octets);
        let extensions = ["250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8", "250-ENHANCEDSTATUSCODES"];
        for line in [&first[..]].into_iter().chain(extensions).chain([&size[..]]) {
            self.connection.reply(line);
        }
    }

    fn mail(
        &mut self,
        transaction: &mut Option<Transaction<M>>,
        is_greeted: bool,
        envelope: Envelope,
        size: u64,
    ) -> Result<(), LmtpRefusal> {
        if !is_greeted || transaction.is_some() {
            let text = if is_greeted { "a message has begun already" } else { "say LHLO first" };
            return Err(LmtpRefusal::new(503, "5.5.1", text));
        }
        if size > self.config.max_octets {
            return Err(self.too_large());
        }
        *transaction = Some(Transaction { envelope, recipients: Vec::new() });
        self.say("250 2.1.0 sender accepted")
    }

    async fn recipient(
        &mut self,
        transaction: Option<&mut Transaction<M>>,
        address: String,
    ) -> Result<(), LmtpRefusal> {
        let Some(Transaction { recipients, envelope }) = transaction else {
            return Err(LmtpRefusal::new(503, "5.5.1", "say MAIL first"));
        };
        if !envelope.smtputf8 && !address.is_ascii() {
            return Err(LmtpRefusal::new(553, "5.6.7", "an address in UTF-8 needs SMTPUTF8"));
        }
        if recipients.len() >= self.config.max_recipients {
            return Err(LmtpRefusal::new(
                452,
                "4.5.3",
                "too many recipients; send the others in another transaction",
            ));
        }
        let found = timeout(self.config.delivery_timeout, self.mailboxes.find(&address)).await;
        let found =
            found.unwrap_or_else(|_| Err(LmtpRefusal::later("the mailbox could not be found in time")));
        let mailbox = found.inspect_err(|refusal| {
            warn!(session = self.number, recipient = address, reply = %refusal, "a recipient was refused");
        })?;
        recipients.push((address, Arc::new(mailbox)));
        self.say("250 2.1.5 recipient accepted")
    }

    fn too_large(&self) -> LmtpRefusal {
        let text = format!("the message is larger than {} octets", self.config.max_octets);
        LmtpRefusal::new(552, "5.3.4", text)
    }

    /// Receives a message, delivers it, and answers for each recipient.
    async fn data(
        &mut self,
        transaction: &mut Option<Transaction<M>>,
        client: Option<&str>,
    ) -> Result<Next, LmtpRefusal> {
        // RFC 2033 section 4.2: without a recipient there is no message.
        let has_recipients = |transaction: &mut Transaction<M>| !transaction.recipients.is_empty();
        let Some(Transaction { envelope, recipients }) = transaction.take_if(has_recipients) else {
            return Err(LmtpRefusal::new(503, "5.5.1", "no recipient was accepted"));
        };
        self.connection.reply("354 go on, and end with CRLF, a dot and CRLF");
        let head = self.head(&envelope, client.unwrap_or_default());
        let received = match timeout(self.config.content_timeout, self.receive(head)).await {
            Ok(Ok(received)) => received,
            Ok(Err(error)) => {
                info!(session = self.number, %error, "the connection was lost in a message, which is not delivered");
                return Ok(Next::Close);
            }
            Err(_) => {
                self.connection.reply("421 4.4.2 the message was not complete in time");
                return Ok(Next::Close);
            }
        };
        self.connection.shrink();
        let envelope = Arc::new(envelope);
        for (address, mailbox) in recipients {
            let delivered = match &received {
                Ok((message, octets)) => {
                    let delivered = self.deliver(&mailbox, &envelope, message).await;
                    self.log(&envelope, &address, *octets, delivered.as_ref().err());
                    delivered
                }
                Err(refusal) => {
                    self.log(&envelope, &address, 0, Some(refusal));
                    Err(refusal.clone())
                }
            };
            let reply = match delivered {
                Ok(()) => format!("250 2.0.0 <{}> delivered", ascii(&address)),
                Err(refusal) => refusal.to_string(),
            };
            self.connection.reply(&reply);
            // Whatever happens to the next one, this one is done.
            if self.connection.flush().await.is_err() {
                info!(session = self.number, "the connection was lost before all replies");
                return Ok(Next::Close);
            }
        }
        Ok(Next::Command)
    }

    fn log(&self, envelope: &Envelope, recipient: &str, octets: u64, refusal: Option<&LmtpRefusal>) {
        let (session, sender) = (self.number, envelope.sender.as_str());
        match refusal {
            None => info!(session, sender, recipient, octets, "delivered"),
            Some(refusal) => warn!(session, sender, recipient, octets, reply = %refusal, "not delivered"),
        }
    }

    /// The fields that a message gets (RFC 5321 section 4.4).
    fn head(&self, envelope: &Envelope, client: &str) -> Vec<u8> {
        let mut head = format!("Return-Path: <{}>\r\n", quoted(&envelope.sender));
        let protocol = if envelope.smtputf8 { "UTF8LMTP" } else { "LMTP" };
        let date = OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default();
        let (client, host, id) = (ascii(client), &self.config.hostname, self.number);
        let _ = write!(head, "Received: from {client} by {host} with {protocol} id {id};\r\n\t{date}\r\n");
        head.into_bytes()
    }

    /// Receives the content of a message. The outer error is that of the connection. With the inner one, the content was
    /// received and cannot be delivered.
    async fn receive(&mut self, head: Vec<u8>) -> io::Result<Result<(Arc<M::Message>, u64), LmtpRefusal>> {
        let (mut content, mut octets) = (Content::default(), 0);
        let mut spool = Spool::<M>(self.mailboxes.spool(head).map_err(|error| kept(&error)));
        self.connection.flush().await?;
        loop {
            let mut piece = Vec::new();
            let used = content.push(self.connection.rest(), &mut piece);
            self.connection.used(used);
            octets += piece.len() as u64;
            if octets > self.config.max_octets {
                spool.refuse(self.too_large());
            }
            spool.write(piece).await;
            if content.is_end() {
                break;
            }
            self.connection.read().await?;
        }
        let message = spool.complete(&self.mailboxes).await;
        Ok(message.map(|message| (Arc::new(message), octets)))
    }

    /// Delivers to one recipient, in a task that does not end with this connection.
    async fn deliver(
        &self,
        mailbox: &Arc<M::Mailbox>,
        envelope: &Arc<Envelope>,
        message: &Arc<M::Message>,
    ) -> Result<(), LmtpRefusal> {
        let mailboxes = Arc::clone(&self.mailboxes);
        let (mailbox, envelope, message) = (Arc::clone(mailbox), Arc::clone(envelope), Arc::clone(message));
        let delivery = tokio::spawn(async move { mailboxes.deliver(&mailbox, &envelope, &message).await });
        match timeout(self.config.delivery_timeout, delivery).await {
            Ok(Ok(delivered)) => delivered,
            Ok(Err(_)) => Err(LmtpRefusal::later("the delivery has failed")),
            Err(_) => Err(LmtpRefusal::later("the message was not delivered in time")),
        }
    }
}

/// A message while it is received. After a failure, the rest of it is thrown away.
struct Spool<M: Mailboxes>(Result<M::Spool, LmtpRefusal>);

impl<M: Mailboxes> Spool<M> {
    fn refuse(&mut self, refusal: LmtpRefusal) {
        if self.0.is_ok() {
            self.0 = Err(refusal);
        }
    }

    async fn write(&mut self, octets: Vec<u8>) {
        if octets.is_empty() {
            return;
        }
        let mut spool = match core::mem::replace(&mut self.0, Err(lost())) {
            Ok(spool) => spool,
            Err(refusal) => {
                self.0 = Err(refusal);
                return;
            }
        };
        let written = task::spawn_blocking(move || spool.write_all(&octets).map(|()| spool)).await;
        self.0 = match written {
            Ok(written) => written.map_err(|error| kept(&error)),
            Err(_) => Err(lost()),
        };
    }

    async fn complete(self, mailboxes: &Arc<M>) -> Result<M::Message, LmtpRefusal> {
        let (spool, mailboxes) = (self.0?, Arc::clone(mailboxes));
        let completed = task::spawn_blocking(move || mailboxes.complete(spool)).await;
        completed.map_err(|_| lost())?.map_err(|error| kept(&error))
    }
}

/// The message could not be kept until it is delivered.
fn kept(error: &io::Error) -> LmtpRefusal {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return LmtpRefusal::disk_full("there is no room for the message");
    }
    LmtpRefusal::later(format!("the message can't be kept: {error}"))
}

fn lost() -> LmtpRefusal {
    LmtpRefusal::later("the message can't be kept")
}

/// The text in ASCII without spaces, for a reply or a field.
fn ascii(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_graphic() { character } else { '?' }).collect()
}
