//! SASL: what the messages of a client are worth to a server, and those of a server to a client.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Decision, ExchangeStep, Question, ServerExchange, ServerSetup};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};
use pop3_tests::sasl_properties;
use sha2::{Digest as _, Sha256};

/// Any messages to a client end its exchange.
///
/// # Panics
/// If that does not hold.
pub fn sasl_client(octets: &[u8]) {
    sasl_properties::sasl_client(octets);
}

/// Any messages to a server end its exchange. A message of PLAIN is read as RFC 4616 has it. A client of SCRAM that is
/// written anew is let in if it knows the password and says nothing wrong, and not otherwise.
///
/// # Panics
/// If that does not hold.
pub fn sasl_server(octets: &[u8]) {
    sasl_properties::sasl_server(octets);
    plain(octets);
    if let Ok(login) = Login::arbitrary(&mut Unstructured::new(octets)) {
        login.run();
    }
}

const PASSWORD: &[u8] = b"pencil";
const SALT: &[u8] = &[7; 16];
const ITERATIONS: u32 = 4096;

fn plain(message: &[u8]) {
    let mut exchange = ServerExchange::new(Mechanism::Plain, setup(false));
    let parts: Vec<&[u8]> = message.split(|&octet| octet == 0).collect();
    let prepared = |octets: &[u8], most: usize| -> Option<String> {
        let text = core::str::from_utf8(octets).ok().filter(|_| octets.len() <= most)?;
        prepare(text, StringKind::Query).ok().map(|text| text.into_owned())
    };
    let wanted = match parts[..] {
        [authorization, name, password] => {
            let other =
                if authorization.is_empty() { Some(None) } else { prepared(authorization, 255).map(Some) };
            other.zip(prepared(name, 255)).zip(prepared(password, 1024))
        }
        _ => None,
    };
    let wanted = wanted.filter(|((other, name), _)| {
        name.len() <= 255 && other.as_ref().is_none_or(|other| other.len() <= 255) && message.len() <= 4096
    });
    match (exchange.begin(Some(message)).expect("the first call"), wanted) {
        (
            ExchangeStep::Ask(Question::Password { name, authorization, password }),
            Some(((other, wanted), secret)),
        ) => {
            // Who acts as themselves acts as nobody else.
            let other = other.filter(|other| *other != wanted);
            assert_eq!((&name, &authorization), (&wanted, &other));
            assert!(password.same_octets(secret.as_bytes()));
            let step = exchange.answer(Decision::Granted).expect("asked");
            let ExchangeStep::Done(identity) = step else { panic!("{step:?}") };
            assert_eq!(identity.acts_as(), Some(other.as_deref().unwrap_or(&wanted)));
        }
        (ExchangeStep::Fail(_), None) => {}
        (step, wanted) => panic!("{step:?} {:?} {}", wanted.map(|it| it.0), message.escape_ascii()),
    }
}

fn setup(is_bound: bool) -> ServerSetup {
    let setup = ServerSetup::new(Nonce::from_text("server").expect("a nonce"), "decoy key");
    if !is_bound {
        return setup;
    }
    let bindings = ChannelBindings::none().with_exporter([3; 32]).with_server_end_point([4; 32]);
    setup.with_bindings(bindings).with_plus_offered(true)
}

/// A login with SCRAM-SHA-256, by a client that may make a mistake.
#[derive(Debug)]
struct Login<'a> {
    header: &'static str,
    is_bound: bool,
    is_plus: bool,
    knows_password: bool,
    nonce: &'a str,
    extension: &'static str,
    /// A place in the last message, and what is done to the octet there.
    mistake: Option<(u16, u8)>,
}

const HEADERS: [&str; 6] =
    ["n,,", "y,,", "p=tls-exporter,,", "p=tls-server-end-point,,", "n,a=user,", "p=tls-unique,,"];

impl<'a> Arbitrary<'a> for Login<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [bits, header] = u.arbitrary::<[u8; 2]>()?;
        let extension = *u.choose(&["", ",x=y", ",m=x", ",xy", ",x="])?;
        let mistake = u.arbitrary()?;
        // A comma would end it.
        let nonce = u.arbitrary::<&str>()?.split(',').next().unwrap_or_default();
        Ok(Self {
            header: HEADERS[usize::from(header) % HEADERS.len()],
            is_bound: bits & 1 != 0,
            is_plus: bits & 2 != 0,
            knows_password: bits & 12 != 0,
            nonce: if nonce.is_empty() { "client" } else { nonce },
            extension,
            mistake,
        })
    }
}

impl Login<'_> {
    /// Whether the first message of this client is acceptable to this server.
    fn is_acceptable(&self) -> bool {
        let is_nonce = self.nonce.len() <= 256
            && self.nonce.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',');
        let is_bound = match self.header {
            "p=tls-exporter,," | "p=tls-server-end-point,," => self.is_plus && self.is_bound,
            // A client that could have bound the channel has seen another list of mechanisms.
            "y,," => !self.is_plus && !self.is_bound,
            "n,," | "n,a=user," => !self.is_plus,
            _ => false,
        };
        is_nonce && is_bound && matches!(self.extension, "" | ",x=y")
    }

    fn run(&self) {
        let mechanism = if self.is_plus { Mechanism::ScramSha256Plus } else { Mechanism::ScramSha256 };
        let mut server = ServerExchange::new(mechanism, setup(self.is_bound));
        let bare = format!("n=user,r={}{}", self.nonce, self.extension);
        let first = format!("{}{bare}", self.header);
        let step = server.begin(Some(first.as_bytes())).expect("the first call");
        let ExchangeStep::Ask(Question::Keys { name, hash, .. }) = step else {
            assert!(matches!(step, ExchangeStep::Fail(_)) && !self.is_acceptable(), "{step:?} {self:?}");
            return;
        };
        assert!(self.is_acceptable(), "{self:?}");
        assert_eq!((&name[..], hash), ("user", Hash::Sha256));
        let step = server.answer(Decision::Keys(Some(KEYS.0.clone()))).expect("asked");
        let ExchangeStep::Challenge(challenge) = step else { panic!("{step:?}") };
        let nonce = format!("{}server", self.nonce);
        let wanted = format!("r={nonce},s={},i={ITERATIONS}", Base64::encode_string(SALT));
        assert_eq!(challenge.expose().escape_ascii().to_string(), wanted.escape_default().to_string());

        let binding: &[u8] = match self.header {
            "p=tls-exporter,," => &[3; 32],
            "p=tls-server-end-point,," => &[4; 32],
            _ => &[],
        };
        let binding = Base64::encode_string(&[self.header.as_bytes(), binding].concat());
        let unproved = format!("c={binding},r={nonce}{}", self.extension);
        let signed = format!("{bare},{wanted},{unproved}");
        let salted = if self.knows_password { KEYS.1 } else { KEYS.2 };
        let client_key = hmac(&salted, b"Client Key");
        let mut proof = hmac(&Sha256::digest(client_key), signed.as_bytes());
        proof.iter_mut().zip(client_key).for_each(|(octet, key)| *octet ^= key);
        let right = format!("{unproved},p={}", Base64::encode_string(&proof)).into_bytes();
        let mut last = right.clone();
        if let Some((place, bits)) = self.mistake {
            let place = usize::from(place) % last.len();
            last[place] ^= bits;
        }
        match server.respond(&last).expect("in turn") {
            ExchangeStep::Challenge(verdict) => {
                assert!(self.knows_password && last == right, "{} {self:?}", last.escape_ascii());
                let signature = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
                assert!(verdict.same_octets(format!("v={}", Base64::encode_string(&signature)).as_bytes()));
                let step = server.respond(b"").expect("in turn");
                let ExchangeStep::Done(identity) = step else { panic!("{step:?}") };
                assert_eq!((identity.name.as_deref(), identity.acts_as()), (Some("user"), Some("user")));
            }
            ExchangeStep::Fail(_) => assert!(!self.knows_password || last != right, "{self:?}"),
            step @ (ExchangeStep::Ask(_) | ExchangeStep::Done(_)) => panic!("{step:?}"),
        }
    }
}

/// The keys of the user, and the salted passwords of a client that knows the password and of one that does not.
static KEYS: LazyLock<(Keys, [u8; 32], [u8; 32])> = LazyLock::new(|| {
    let keys = Keys::derive(Hash::Sha256, PASSWORD, SALT, ITERATIONS).expect("good settings");
    (keys, salted(PASSWORD), salted(b"pencils"))
});

/// `Hi` of RFC 5802 section 2.2.
fn salted(password: &[u8]) -> [u8; 32] {
    let mut round = hmac(password, &[SALT, &1_u32.to_be_bytes()].concat());
    let mut salted = round;
    for _ in 1..ITERATIONS {
        round = hmac(password, &round);
        salted.iter_mut().zip(round).for_each(|(octet, other)| *octet ^= other);
    }
    salted
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
