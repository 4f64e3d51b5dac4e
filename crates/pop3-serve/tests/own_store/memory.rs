//! A store in memory.

use core::future::poll_fn;
use core::task::Poll;
use std::collections::HashMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex};

use pop3_driver::backend::{Context, StoredMessage};
use pop3_proto::dots::wire_size;
use pop3_proto::server::Extent;
use pop3_proto::{Deletions, MessageNumber, Snapshot, UniqueId};
use pop3_serve::{
    BoxFuture, Committed, MaildropError, MaildropLogin, MaildropMessage, Maildrops, OpenMaildrop,
    OpenedMaildrop,
};
use pop3_surrogate::surrogate;

/// Maildrops in memory, shared with their sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) maildrops: HashMap<String, Vec<Stored>>,
    pub(crate) locked: Vec<String>,
    /// How each login was described to the store.
    pub(crate) logins: Vec<MaildropLogin>,
    /// What fails from now on.
    fault: Option<MaildropError>,
}

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    id: String,
    /// The header ends with the first blank line.
    octets: Arc<str>,
}

/// A session of one user.
struct Session {
    memory: Memory,
    user: String,
    messages: Vec<Stored>,
    expire: Option<u32>,
}

impl Memory {
    pub(crate) fn with(maildrops: &[(&str, &[&str])]) -> Self {
        let memory = Self::default();
        for (user, messages) in maildrops {
            let stored = messages.iter().enumerate();
            let stored =
                stored.map(|(index, text)| Stored { id: format!("id{index}"), octets: Arc::from(*text) });
            memory.state(|state| state.maildrops.insert((*user).to_owned(), stored.collect()));
        }
        memory
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn fail(&self, error: MaildropError) {
        self.state(|state| state.fault = Some(error));
    }
}

impl Stored {
    fn is_eight_bit(&self) -> bool {
        !self.header().is_ascii()
    }

    fn header(&self) -> &str {
        self.octets.split_inclusive("\n\n").next().unwrap_or_default()
    }

    fn size(&self, ascii: bool) -> u64 {
        let own = wire_size(self.octets.as_bytes());
        if !(ascii && self.is_eight_bit()) {
            return own;
        }
        own - wire_size(self.header().as_bytes()) + wire_size(&surrogate(self.header().as_bytes()))
    }
}

impl Maildrops for Memory {
    fn open<'a>(
        &'a self,
        login: MaildropLogin,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<OpenedMaildrop, MaildropError>> {
        Box::pin(async move {
            later().await;
            self.state(|state| {
                state.logins.push(login.clone());
                if let Some(fault) = state.fault.take() {
                    return Err(fault);
                }
                let user = login.name.as_str().to_owned();
                if state.locked.contains(&user) {
                    return Err(MaildropError::InUse);
                }
                let messages = state.maildrops.get(&user).cloned().ok_or(MaildropError::Missing)?;
                let mut snapshot = Snapshot::new();
                for message in &messages {
                    snapshot.push(
                        message.size(login.ascii_headers),
                        UniqueId::parse(message.id.as_bytes()).unwrap(),
                    );
                }
                state.locked.push(user.clone());
                let session = Session { memory: self.clone(), user, messages, expire: login.expire };
                Ok(OpenedMaildrop::new(snapshot, session))
            })
        })
    }
}

impl OpenMaildrop for Session {
    /// Every other message is there on the spot.
    fn try_fetch(
        &mut self,
        message: MessageNumber,
        _: Extent,
    ) -> Option<Result<MaildropMessage, MaildropError>> {
        let index = message.index();
        (index.is_multiple_of(2) && self.memory.state(|state| state.fault.is_none())).then(|| {
            let stored = &self.messages[index];
            let message = MaildropMessage::new(Cursor::new(stored.octets.as_bytes().to_vec()));
            Ok(message.with_eight_bit_header(stored.is_eight_bit()))
        })
    }

    fn fetch<'a>(
        &'a mut self,
        message: MessageNumber,
        _: Extent,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<MaildropMessage, MaildropError>> {
        Box::pin(async move {
            later().await;
            if let Some(fault) = self.memory.state(|state| state.fault.take()) {
                return Err(fault);
            }
            let stored = &self.messages[message.index()];
            let message = MaildropMessage::new(Octets(stored.octets.as_bytes().to_vec(), 0));
            Ok(message.with_eight_bit_header(stored.is_eight_bit()))
        })
    }

    fn commit<'a>(
        self: Box<Self>,
        deletions: &'a Deletions,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<Committed, MaildropError>> {
        Box::pin(async move {
            later().await;
            self.memory.state(|state| {
                if let Some(fault) = state.fault.take() {
                    return Err(fault);
                }
                let expired: Vec<_> =
                    if self.expire == Some(0) { deletions.retrieved().collect() } else { Vec::new() };
                let gone: Vec<_> = deletions.iter().chain(expired.iter().copied()).collect();
                let ids: Vec<_> =
                    gone.iter().map(|number| self.messages[number.index()].id.clone()).collect();
                state.maildrops.get_mut(&self.user).unwrap().retain(|message| !ids.contains(&message.id));
                Ok(Committed::new().with_expired(expired.len()))
            })
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.memory.state(|state| state.locked.retain(|user| *user != self.user));
    }
}

/// Is pending once, as a database is.
async fn later() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A message that is awaited, three octets at a time.
struct Octets(Vec<u8>, usize);

impl StoredMessage for Octets {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        later().await;
        let start = self.1;
        self.1 = self.0.len().min(start + 3);
        Ok(&self.0[start..self.1])
    }
}
