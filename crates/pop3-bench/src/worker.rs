//! One connection after the other.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use pop3_connect::{Dial, Login};
use pop3_driver::Transport;
use pop3_driver::client::{Client, ClientError, Receiver, Refusal};
use pop3_proto::{Command, MessageNumber};

use crate::limits::Limits;
use crate::plan::{Plan, Script};
use crate::tally::Tally;

/// Failed sessions in succession after which a connection gives up.
const PATIENCE: u32 = 3;

/// How to reach the server, and how to log in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) dial: Dial,
    pub(crate) login: Login,
}

/// Runs sessions with one account, one after the other.
pub(crate) struct Worker {
    account: Account,
    plan: Plan,
    limits: Arc<Limits>,
    tally: Tally,
}

impl Worker {
    pub(crate) fn new(account: Account, plan: Plan, limits: Arc<Limits>) -> Self {
        let account = Account { dial: account.dial.with_pipelining(plan.pipelining), ..account };
        Self { account, plan, limits, tally: Tally::new() }
    }

    pub(crate) async fn run(mut self) -> Tally {
        let mut failures = 0;
        while failures < PATIENCE && self.limits.take_session() {
            let began = Instant::now();
            match self.session().await {
                Ok(()) => {
                    failures = 0;
                    self.tally.sessions += 1;
                    if self.plan.script == Script::Login {
                        self.tally.operations(1, began.elapsed());
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.tally.error(self.account.dial.explain(&error).to_string(), 1);
                }
            }
        }
        self.tally
    }

    async fn session(&mut self) -> Result<(), ClientError> {
        let mut client = self.account.dial.connect(pop3_tokio::connect).await?;
        self.account.login.log_in(&mut client).await?;
        match self.plan.script {
            Script::Login => {}
            Script::Stat => self.commands(&mut client, Command::Stat).await?,
            Script::List => self.commands(&mut client, Command::List(None)).await?,
            Script::Uidl => self.commands(&mut client, Command::Uidl(None)).await?,
            Script::Retr | Script::Dele => self.messages(&mut client).await?,
        }
        client.quit().await
    }

    /// Repeats a command.
    async fn commands<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        command: Command<'static>,
    ) -> Result<(), ClientError> {
        let repeat = usize::try_from(self.plan.repeat).unwrap_or(usize::MAX);
        let (operations, commands) = if self.plan.pipelining { (1, repeat) } else { (repeat, 1) };
        for _ in 0..operations {
            if self.limits.is_over() {
                break;
            }
            let began = Instant::now();
            let mut refusal = None;
            client.call_all(core::iter::repeat_n(command, commands), |_, why| refusal = Some(why)).await?;
            if let Some(refusal) = refusal {
                return Err(ClientError::Refused(refusal));
            }
            self.tally.operations(commands as u64, began.elapsed());
        }
        Ok(())
    }

    /// Repeats what is done with each message.
    async fn messages<T: Transport>(&mut self, client: &mut Client<T>) -> Result<(), ClientError> {
        let count = client.stat().await?.messages;
        let numbers: Vec<_> = (1..=count).filter_map(MessageNumber::new).collect();
        let at_once = if self.plan.pipelining { numbers.len() } else { 1 }.max(1);
        for _ in 0..self.plan.repeat {
            for numbers in numbers.chunks(at_once) {
                if self.limits.is_over() {
                    break;
                }
                let (began, before) = (Instant::now(), self.tally.messages);
                if self.plan.script == Script::Retr {
                    client.retr_all(numbers, &mut Counting(&mut self.tally)).await?;
                } else if let Some((_, refusal)) = client.dele_all(numbers).await?.pop() {
                    return Err(ClientError::Refused(refusal));
                } else {
                    self.tally.messages += numbers.len() as u64;
                }
                // A message that was refused is an error and not an operation.
                self.tally.operations(self.tally.messages - before, began.elapsed());
            }
            if self.plan.script == Script::Dele {
                if self.plan.delete {
                    break;
                }
                client.rset().await?;
            }
        }
        Ok(())
    }
}

/// Counts messages and octets.
struct Counting<'t>(&'t mut Tally);

impl Receiver for Counting<'_> {
    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.octets += octets.len() as u64;
        Ok(())
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        self.0.messages += 1;
        Ok(())
    }

    async fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        self.0.error(format!("RETR {message}: {}", refusal.text.escape_ascii()), 1);
        Ok(())
    }
}
