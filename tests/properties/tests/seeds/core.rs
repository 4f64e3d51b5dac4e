//! Seeds of the core and of SASL, from the messages, dialogues and recordings of the tests.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use pop3_observer::Side;
use pop3_proto::{Base64, Channel, encode_base64, server};
use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
use pop3_sasl::{Mechanism, Nonce};
use pop3_tests::dialogue::{Turn, data, read};
use pop3_tests::observed::{Fed, feed};
use pop3_tests::properties::{self, FLIGHT};
use pop3_tests::sasl::offer;
use pop3_tests::server::Server;
use pop3_tests::store::{Store, awkward, wire};

/// What a client sends that logs in or is refused, by each mechanism. In tests the server's nonce is
/// always the same.
fn logins() -> Vec<(String, Vec<u8>)> {
    let mrose = || Credentials::new("mrose").with_password("tanstaaf");
    let token = |token: &str| Credentials::new("mrose").with_token(token);
    let good = core::str::from_utf8(pop3_tests::store::TOKEN).unwrap();
    let all = [
        ("plain", Mechanism::Plain, mrose()),
        ("login", Mechanism::Login, mrose()),
        ("cram-md5", Mechanism::CramMd5, mrose()),
        ("scram", Mechanism::ScramSha1, mrose()),
        ("scram-wrong", Mechanism::ScramSha1, Credentials::new("mrose").with_password("wrong")),
        ("xoauth2", Mechanism::XOAuth2, token(good)),
        ("xoauth2-wrong", Mechanism::XOAuth2, token("wrong")),
        ("oauthbearer", Mechanism::OAuthBearer, token(good)),
        ("oauthbearer-wrong", Mechanism::OAuthBearer, token("wrong")),
        ("anonymous", Mechanism::Anonymous, Credentials::anonymous("sirhc")),
    ];
    let login = |(name, mechanism, credentials): (&str, Mechanism, Credentials)| {
        let mut config = server::ServerConfig::default();
        config.mechanisms = offer(&[mechanism.name()]);
        let mut server = Server::with(Store::fixture(), config, Channel::TrustedPlaintext, None);
        server.take();
        let setup = ClientSetup::new(Nonce::from_text("fyko+d2lbbFgONRv9qkxdawL").unwrap());
        let mut exchange = ClientExchange::new(mechanism, &credentials, &setup).unwrap();
        let encoded = |octets: &[u8]| String::from_utf8(encode_base64(octets).expose().clone()).unwrap();
        let mut sent = Vec::new();
        let mut line = format!("AUTH {mechanism}");
        if let Some(first) = exchange.take_initial() {
            line = format!("{line} {}", encoded(first.expose()));
        }
        loop {
            sent.extend_from_slice(format!("{line}\r\n").as_bytes());
            let reply = server.say(&line);
            let Some(challenge) = reply.trim_end().strip_prefix('+').filter(|text| !text.starts_with("OK"))
            else {
                assert_eq!(reply.starts_with("+OK"), !name.ends_with("wrong"), "{name}: {reply}");
                return (name.to_owned(), sent);
            };
            let challenge = Base64::parse(challenge.trim_start().as_bytes()).unwrap().decode();
            line = encoded(exchange.respond(challenge.expose()).unwrap().expose());
        }
    };
    all.into_iter().map(login).collect()
}

/// Writes the seeds.
pub(crate) fn make(write: &mut dyn FnMut(&str, String, &[u8])) {
    for (number, (name, octets)) in awkward().into_iter().enumerate() {
        // A very long line does not help a fuzzer.
        let octets = &octets[..octets.len().min(600)];
        write("dots", format!("{name}-stored"), &[&[7, 1, 1], octets].concat());
        write("dots", format!("{name}-wire"), &[&[1, 3, 2], &wire(octets)[..]].concat());
        let session =
            b"USER mrose\r\nPASS tanstaaf\r\nSTAT\r\nLIST\r\nRETR 2\r\nTOP 2 1\r\nDELE 1\r\nQUIT\r\n";
        let header = [0x40, number as u8, number as u8, 5];
        write("server", format!("awkward-{name}"), &[&header, &session[..]].concat());
    }
    let stls = b"CAPA\r\nUSER mrose\r\nSTLS\r\nNOOP\r\n\xfeUSER mrose\r\nPASS tanstaaf\r\nUIDL\r\nQUIT\r\n";
    write("server", "stls".into(), &[&[1, 0, 0, 3], &stls[..]].concat());
    let sasl = b"CAPA\r\nAUTH\r\nAUTH PLAIN\r\n*\r\nAUTH SCRAM-SHA-1 biwsbj1tcm9zZSxyPWFiYw==\r\n!\r\nAUTH X-ENDLESS AAAA\r\n\r\nAAAA\r\n\
                 *\r\nAUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\nAUTH PLAIN\r\nQUIT\r\n";
    // The octet for the message also selects the extensions.
    write("server", "sasl".into(), &[&[0xf0, 18, 0, 3], &sasl[..]].concat());
    for (name, exchange) in logins() {
        let session = [&exchange[..], b"STAT\r\nQUIT\r\n"].concat();
        write("server", format!("login-{name}"), &[&[0xf0, 18, 0, 3], &session[..]].concat());
    }
    let utf8 = "UTF8\r\nLANG\r\nLANG de\r\nUSER jos\u{e9}\r\nSTLS\r\nLANG *\r\nLANG fr\r\nUSER mrose\r\nPASS tanstaaf\r\nLIST\r\nQUIT\r\n";
    write("server", "utf8-lang".into(), &[&[0xf1, 18 * 6, 0, 3], utf8.as_bytes()].concat());
    let proxy = b"XCLIENT ADDR=192.0.2.1 PORT=1\r\nXCLIENT PORT=1\r\nUSER mrose\r\nPASS tanstaaf\r\nQUIT\r\n";
    write("server", "xclient".into(), &[&[0xf0, 18 * 9, 0, 3], &proxy[..]].concat());
    let apop = b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\nRETR 1\r\nLAST\r\nRSET\r\nQUIT\r\n";
    write("server", "apop".into(), &[&[2, 1, 0, 9], &apop[..]].concat());
    for (number, dialogue) in read(&data().join("observer/rules.txt")).iter().enumerate() {
        let mut seed = vec![number as u8 & 15, 5];
        for (place, fed) in feed(dialogue).into_iter().enumerate() {
            if place > 0 {
                seed.push(FLIGHT);
            }
            match fed {
                Fed::Encrypted => seed.push(b'E'),
                Fed::End(Side::Client) => seed.push(b'c'),
                Fed::End(Side::Server) => seed.push(b's'),
                Fed::Octets(side, octets) => {
                    seed.push(b'0' | u8::from(side == Side::Server));
                    seed.extend(octets);
                }
                _ => {}
            }
        }
        write("observer", format!("rule-{number}"), &seed);
    }
    // What each mechanism receives, in the order of `Mechanism::ALL`. The client's part of SCRAM comes first.
    let scram = b"n,,n=user,r=abc\nc=biws,r=abcabc,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let plus = b"p=tls-exporter,,n=user,r=abc\nc=cD10bHMtZXhwb3J0ZXIsLA==,r=abcabc,p=AAAA\n";
    let answers = b"r=abcabc,s=BwcHBw==,i=2\nv=AAAA\n";
    let sasl: [&[u8]; 13] = [
        plus,
        answers,
        plus,
        scram,
        answers,
        scram,
        b"user\n",
        b"n,a=user,\x01host=mail.example\x01port=995\x01auth=Bearer tok\x01\x01\n\x01",
        b"user=user\x01auth=Bearer tok\x01\x01\n",
        b"\0user\0pencil\n",
        b"user\npencil\n",
        b"user 0123456789abcdef0123456789abcdef\n",
        b"sirhc\n",
    ];
    // Tokens that are refused, with a reason, and a server that cannot answer; what is offered, and an authorization.
    let bearer = b"n,a=user,\x01host=mail.example\x01port=995\x01auth=Bearer bad\x01\x01\n\x01";
    let token = b"user=user\x01auth=Bearer bad\x01\x01\n";
    let refused: [(u8, u8, &[u8]); 9] = [
        (7, 0x0d, bearer),
        (7, 0x1d, bearer),
        (8, 0x0d, token),
        (8, 0x1d, token),
        (8, 0x05, token),
        (9, 0x85, b"\0user\0pencil\n"),
        (9, 0x28, b"PLAIN SCRAM-SHA-256-PLUS XOAUTH2\n"),
        (4, 0x79, b"SCRAM-SHA-256 CRAM-MD5 EXTERNAL\ne=other-error\n"),
        (10, 0x20, b"\nx\n"),
    ];
    for (number, (mechanism, how, messages)) in refused.into_iter().enumerate() {
        for target in ["sasl_client", "sasl_server"] {
            write(target, format!("refused-{number}"), &[&[mechanism, how], messages].concat());
        }
    }
    for (error, number) in [
        "invalid-encoding",
        "extensions-not-supported",
        "invalid-proof",
        "channel-bindings-dont-match",
        "server-does-support-channel-binding",
        "channel-binding-not-supported",
        "unsupported-channel-binding-type",
        "unknown-user",
        "invalid-username-encoding",
        "no-resources",
        "x",
    ]
    .into_iter()
    .zip(0..)
    {
        let messages = format!("r=abcabc,s=BwcHBw==,i=2\ne={error}\n");
        write("sasl_client", format!("denied-{number}"), &[&[1_u8, 5], messages.as_bytes()].concat());
    }
    for (number, messages) in sasl.into_iter().enumerate() {
        for target in ["sasl_client", "sasl_server"] {
            write(target, format!("mechanism-{number}"), &[&[number as u8, 5], messages].concat());
        }
    }
    let mut files: Vec<_> =
        ["rfc/rfc1939.txt", "rfc/rfc2449.txt", "rfc/rfc2595.txt"].map(|f| data().join(f)).into();
    files.push(data().join("transcripts/dovecot.txt"));
    files.push(data().join("transcripts/courier.txt"));
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for (number, dialogue) in read(&file).into_iter().enumerate().take(24) {
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            for turn in &dialogue.turns {
                match turn {
                    Turn::Client(line) => {
                        sent.extend_from_slice(line);
                        sent.extend_from_slice(b"\r\n");
                        let known = properties::COMMANDS.iter().position(|known| known.as_bytes() == line);
                        received.extend([FLIGHT, 1, known.unwrap_or(13) as u8]);
                        if number < 4 {
                            write("command", format!("{stem}-{}", line.len() % 40), line);
                        }
                    }
                    Turn::Server(line) => {
                        received.extend_from_slice(line);
                        received.extend_from_slice(b"\r\n");
                        if number < 4 {
                            write("listing", format!("{stem}-{}", line.len() % 60), line);
                            write("reply", format!("{stem}-{}", line.len() % 60), line);
                        }
                    }
                    _ => {}
                }
            }
            sent.truncate(2000);
            received.truncate(3000);
            write("server", format!("{stem}-{number}"), &[&[0x43, 2, 0, 4], &sent[..]].concat());
            write("client", format!("{stem}-{number}"), &[&[0, 4], &received[..]].concat());
        }
    }
}
