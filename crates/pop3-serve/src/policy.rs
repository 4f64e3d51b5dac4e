//! Who is served, and what is logged of it.

use core::future::pending;
use core::net::SocketAddr;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::IpNet;
use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt};
use pop3_driver::server::{Peer, Place, Service, SessionReport, Welcome, timestamp};
use pop3_driver::store::BlockingPool;
use pop3_driver::tls::TlsInfo;
use pop3_driver::{LoginMethod, Stop};
use pop3_proto::server::{Close, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use tracing::{Instrument as _, Span, debug_span, error, info, warn};

use super::counters::{Counters, LimitHit};
use super::descriptors;
use super::gate::ip;
use super::guarded::Guarded;
use super::heartbeat::Beat;
use super::store::MailStore;
use crate::places::{self, Caller, Places, Refusal};

/// The policy of a server, whatever the runtime. A connection keeps that with which it was accepted.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) config: Arc<ServerConfig>,
    pub(super) store: Arc<MailStore>,
    pub(super) places: Arc<Places>,
    /// The host's name in the timestamp, where APOP is offered.
    pub(super) apop_host: Option<String>,
    /// Where proxies are that name the client in a header.
    pub(super) proxies: Vec<IpNet>,
    /// Where proxies are that name the client by XCLIENT.
    pub(super) xclient_proxies: Vec<IpNet>,
    /// Whether passwords are taken without TLS from anywhere.
    pub(super) trust_all: bool,
}

/// The policy for connections that are accepted now.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<Policy>>);

impl Current {
    pub(super) fn new(policy: Policy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    pub(super) fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, policy: Policy) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

/// The policy on a runtime, which has a pool for calls that block.
#[derive(Debug)]
pub(super) struct On<P> {
    policy: Arc<Current>,
    pool: P,
    /// The record of the loop, where it cannot keep it itself.
    pub(super) beat: Option<Beat>,
}

impl<P> On<P> {
    pub(super) const fn new(policy: Arc<Current>, pool: P) -> Self {
        Self { policy, pool, beat: None }
    }
}

/// The place of a connection, and the policy that holds for it to its end.
#[derive(Debug)]
struct Seat {
    place: places::Place,
    policy: Arc<Policy>,
}

impl Policy {
    fn expects_proxy(&self, peer: &Peer) -> bool {
        contains(&self.proxies, peer)
    }
}

impl<P: BlockingPool> Service for On<P> {
    type Backend = Counted<Guarded<P>>;

    fn expects_proxy(&self, peer: &Peer) -> bool {
        let seat: Option<Arc<Seat>> = peer.place.get();
        seat.is_some_and(|seat| seat.policy.expects_proxy(peer))
    }

    fn accept(&self, peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        if let Some(beat) = &self.beat {
            beat.now();
        }
        // A client without an address shares none, so the limit for an address does not apply.
        let policy = self.policy.get();
        let shared = peer.ip().is_none() || policy.expects_proxy(peer);
        let from = if shared { Caller::Proxy(ip(peer)) } else { Caller::Client(ip(peer)) };
        let counters = policy.places.counters();
        counters.accepted();
        let admitted = policy.places.admit(from, end);
        let place = admitted.map_err(|refusal| turned_away(peer, refusal, counters))?;
        info!(session = %peer.session, peer = %peer, "connection");
        Ok(Place::new(Arc::new(Seat { place, policy })))
    }

    fn accept_failed(&self, error: &io::Error) {
        if let Some(beat) = self.beat.as_ref().filter(|_| error.kind() == io::ErrorKind::WouldBlock) {
            // No connection came in time: all is well.
            beat.now();
            return;
        }
        descriptors::short(error);
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        // Accepting has given it one.
        let seat: Arc<Seat> = peer.place.get().ok_or_else(|| Rejection::temporary("internal error"))?;
        if let Some(address) = peer.ip() {
            seat.place
                .speaks_for(address)
                .map_err(|refusal| turned_away(peer, refusal, seat.policy.places.counters()))?;
        }
        let policy = Arc::clone(&seat.policy);
        let login_timeout = policy.config.limits.login_timeout;
        let backend = Guarded::new(Arc::clone(&policy.store), self.pool.clone(), peer.clone(), login_timeout);
        // A proxy that terminates TLS is on a network that the operator trusts.
        let tls_at_proxy = peer.proxy.is_some_and(|proxy| proxy.tls);
        let trusted = policy.trust_all || tls_at_proxy || is_local(peer);
        let config = policy.store.config(&policy.config);
        let span = debug_span!("pop3_session", session = %peer.session, peer = %peer);
        let welcome = Welcome::new(config, Counted { backend, seat, span })
            .with_trusted(trusted)
            .with_trusted_proxy(contains(&policy.xclient_proxies, peer));
        let Some(host) = &policy.apop_host else { return Ok(welcome) };
        match timestamp(host) {
            Ok(timestamp) => Ok(welcome.with_timestamp(timestamp)),
            Err(fault) => {
                error!(%fault, "APOP is not offered, because the system provides no random octets");
                Ok(welcome)
            }
        }
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        self.policy.get().places.counters().ended(report);
        if report.close == Close::Refused && report.error.is_none() && !report.panicked {
            // It was logged when it was turned away.
            return;
        }
        let totals = report.totals;
        info!(
            session = %peer.session,
            peer = %peer,
            proxy = peer.proxy.map_or_else(|| "-".to_owned(), |proxy| proxy.address.map_or_else(|| "local".to_owned(), |address| address.to_string())),
            user = report.user.as_deref().unwrap_or("-"),
            mechanism = report.method.map_or("-", LoginMethod::name),
            tls = peer.tls.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            retr = totals.retrieved,
            retr_octets = totals.retrieved_octets,
            top = totals.topped,
            top_octets = totals.topped_octets,
            dele = totals.removed,
            dele_octets = totals.removed_octets,
            not_removed = totals.not_removed,
            failed_logins = totals.failed_logins,
            seconds = report.duration.as_secs_f32(),
            end = %report.close,
            fault = report.error.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            "session"
        );
    }
}

fn turned_away(peer: &Peer, refusal: Refusal, counters: &Counters) -> Rejection {
    counters.limit(match refusal {
        Refusal::Total => LimitHit::Total,
        Refusal::Address => LimitHit::Address,
        Refusal::User => LimitHit::User,
    });
    warn!(session = %peer.session, peer = %peer, why = %refusal, "connection refused");
    Rejection::temporary(refusal.to_string())
}

fn contains(networks: &[IpNet], peer: &Peer) -> bool {
    peer.ip().is_some_and(|ip| networks.iter().any(|network| network.contains(&ip.to_canonical())))
}

/// Whether all of the way lies within this machine. Of a proxy elsewhere, `localhost` is another one.
fn is_local(peer: &Peer) -> bool {
    let is_loopback = |address: Option<SocketAddr>| {
        // Where there is no address, nothing tells what is behind it.
        address.is_some_and(|address| address.ip().to_canonical().is_loopback())
    };
    is_loopback(peer.address) && peer.proxy.is_none_or(|proxy| is_loopback(proxy.address))
}

/// A backend whose connection keeps its place while a login is checked, and behind a good one.
#[derive(Debug)]
pub(super) struct Counted<B> {
    backend: B,
    seat: Arc<Seat>,
    /// For subscribers of the program around the server. Events have the number of the session of their own.
    span: Span,
}

/// Who has lost the place is not checked any more. It is pending, as the session is about to end.
async fn check(place: &places::Place) -> places::Check<'_> {
    match place.check() {
        Some(check) => check,
        None => pending().await,
    }
}

impl<B: Backend> Backend for Counted<B> {
    type Message = B::Message;

    fn secured(&mut self, tls: &Arc<TlsInfo>) {
        self.backend.secured(tls);
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.backend.mechanisms()
    }

    async fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        let _check = check(&self.seat.place).await;
        self.backend.scram_keys(name, hash, context).instrument(self.span.clone()).await
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        let _in = self.span.enter();
        self.backend.scram_refused(name)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.backend.may_act_for(user, other)
    }

    async fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        let check = check(&self.seat.place).await;
        let admission = self.backend.authenticate(attempt, context).instrument(self.span.clone()).await?;
        check.succeeded();
        Ok(admission)
    }

    fn try_fetch(&mut self, message: MessageNumber, extent: Extent) -> Option<Result<B::Message, Rejection>> {
        self.backend.try_fetch(message, extent)
    }

    fn expect(&mut self, messages: &[MessageNumber]) {
        self.backend.expect(messages);
    }

    async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<B::Message, Rejection> {
        self.backend.fetch(message, extent, context).instrument(self.span.clone()).await
    }

    async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        self.backend.commit(deletions, context).instrument(self.span.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use pop3_driver::server::Proxy;

    use super::*;
    use crate::users::{DecoyKey, Table};
    use crate::{Gatekeeper, MechanismOffer};

    fn policy(places: Arc<Places>) -> Policy {
        let (users, key) = (Arc::new(Table::parse(b"").unwrap()), DecoyKey::random().unwrap().into());
        let gatekeeper = Gatekeeper::new(users, key, None).unwrap();
        let offer = MechanismOffer::default();
        let store = MailStore::new(
            crate::store::StoreKind::maildirs("mail".into()),
            gatekeeper.into(),
            offer,
            Arc::clone(&places),
        );
        Policy {
            config: ServerConfig::default().into(),
            store: store.into(),
            places,
            apop_host: None,
            proxies: Vec::new(),
            xclient_proxies: Vec::new(),
            trust_all: false,
        }
    }

    /// A backend with every message on the spot, and what it was told to expect.
    struct Ready(Vec<MessageNumber>);

    impl Backend for Ready {
        type Message = io::Cursor<&'static [u8]>;

        async fn authenticate(&mut self, _: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
            Err(Rejection::credentials())
        }

        fn try_fetch(&mut self, _: MessageNumber, _: Extent) -> Option<Result<Self::Message, Rejection>> {
            Some(Ok(io::Cursor::new(b"hello")))
        }

        fn expect(&mut self, messages: &[MessageNumber]) {
            self.0.extend(messages);
        }

        async fn fetch(
            &mut self,
            _: MessageNumber,
            _: Extent,
            _: &Context,
        ) -> Result<Self::Message, Rejection> {
            Err(Rejection::plain("not in the pool"))
        }

        async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
            deletions.len()
        }
    }

    /// The trait has defaults for these calls, so that a wrapper that forgets them is only slow.
    #[test]
    fn calls_on_the_spot_reach_the_store() {
        let places = Places::new(crate::ConnectionLimits::new(9, 9, 9));
        let caller = Caller::Client([127, 0, 0, 1].into());
        let place = places.admit(caller, &Stop::new()).unwrap();
        let seat = Arc::new(Seat { place, policy: policy(places).into() });
        let mut counted = Counted { backend: Ready(Vec::new()), seat, span: Span::none() };
        counted.expect(&[MessageNumber::FIRST]);
        assert_eq!(counted.backend.0, [MessageNumber::FIRST]);
        assert!(counted.try_fetch(MessageNumber::FIRST, Extent::Whole).is_some());
    }

    #[test]
    fn a_proxy_is_believed_only_where_its_network_is_named() {
        let networks: Vec<IpNet> = ["192.0.2.0/30", "2001:db8::/64"].map(|text| text.parse().unwrap()).into();
        for (client, named) in [
            ("192.0.2.3:1", true),
            ("[::ffff:192.0.2.3]:1", true),
            ("[2001:db8::1]:1", true),
            ("192.0.2.4:1", false),
            ("[2001:db8:0:1::1]:1", false),
            ("127.0.0.1:1", false),
        ] {
            let peer = Peer::new(client.parse().unwrap(), "127.0.0.1:110".parse().unwrap());
            assert_eq!(contains(&networks, &peer), named, "{client}");
            assert!(!contains(&[], &peer));
        }
    }

    #[test]
    fn a_way_is_local_if_both_of_its_ends_are() {
        let peer = |client: &str, proxy: Option<&str>| {
            let mut peer = Peer::new(client.parse().unwrap(), "127.0.0.1:110".parse().unwrap());
            peer.proxy = proxy.map(|address| Proxy::new(Some(address.parse().unwrap()), false));
            peer
        };
        for (client, proxy, local) in [
            ("127.0.0.1:1", None, true),
            ("[::ffff:127.0.0.1]:1", Some("[::1]:2"), true),
            ("192.0.2.1:1", None, false),
            ("192.0.2.1:1", Some("127.0.0.1:2"), false),
            ("127.0.0.1:1", Some("192.0.2.1:2"), false),
        ] {
            assert_eq!(is_local(&peer(client, proxy)), local, "{client} {proxy:?}");
        }
        // Without an address nobody knows.
        let mut peer = Peer::without_address();
        assert!(!is_local(&peer) && !contains(&["0.0.0.0/0".parse().unwrap()], &peer));
        peer.address = Some("127.0.0.1:1".parse().unwrap());
        peer.proxy = Some(Proxy::new(None, false));
        assert!(!is_local(&peer));
    }
}
