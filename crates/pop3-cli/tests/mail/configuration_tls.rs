//! SIGHUP changes what clients are asked for in TLS, and what is offered behind it.

use std::fs;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::configuration::{BASE, reload, start};
use crate::external::{Authority, house};
use crate::support::{PASSWORD, RUNTIMES};
use crate::talk::Talk;

#[test]
fn sighup_changes_client_authorities_and_bindings() {
    let authority = Authority::new();
    let client = authority.client("alice", None);
    let certificate = Some((client.0.as_str(), client.1.as_str()));
    for runtime in RUNTIMES {
        let (house, path) = house(&authority);
        let server = start(&house, BASE, &["--runtime", runtime]);
        let bound = |talk: &mut Talk| {
            let offered = talk.mechanisms();
            (offered.contains(&Mechanism::External), offered.contains(&Mechanism::ScramSha256Plus))
        };
        let mut old = Talk::tls(&house, server.tls, certificate);
        assert_eq!(bound(&mut old), (false, false), "{runtime}");
        reload(&house, &server, &format!("tls-client-ca = '{path}'\nchannel-binding = true\n"));
        for mut talk in [
            Talk::tls(&house, server.tls, certificate),
            Talk::starttls_behind(&house, server.plain, &[], certificate),
        ] {
            assert_eq!(bound(&mut talk), (true, true), "{runtime}");
            let alice = Credentials::new("alice").with_password(PASSWORD);
            assert!(talk.auth(Mechanism::ScramSha256Plus, &alice).is_good(), "{runtime}");
            assert!(talk.say("QUIT").starts_with("+OK"));
        }
        let mut external = Talk::tls(&house, server.tls, certificate);
        assert!(external.say("AUTH EXTERNAL =").starts_with("+OK"), "{runtime}");
        assert!(external.say("QUIT").starts_with("+OK"));
        // An open connection goes on as it began.
        assert_eq!(bound(&mut old), (false, false), "{runtime}");
        // Others are served without a certificate, until they are not asked any more.
        assert_eq!(bound(&mut Talk::tls(&house, server.tls, None)), (false, true), "{runtime}");
        reload(&house, &server, "");
        assert_eq!(bound(&mut Talk::tls(&house, server.tls, certificate)), (false, false), "{runtime}");
    }
}

#[test]
fn sighup_changes_xclient_expiry_and_the_decoy_key() {
    let house = crate::support::House::new();
    house.deliver(&[b"Subject: a\n\nb\n".to_vec()]);
    let server = start(&house, BASE, &[]);
    let salt = || {
        let mut talk = Talk::plain(server.plain);
        let nobody = Credentials::new("nobody").with_password("x");
        talk.auth(Mechanism::ScramSha256, &nobody).challenges[0].split(',').nth(1).unwrap().to_owned()
    };
    let first = salt();
    assert!(Talk::plain(server.plain).say("XCLIENT ADDR=192.0.2.9 PORT=1").starts_with("-ERR"));
    let key = house.path("other.key");
    let rest = format!(
        "xclient-from = ['127.0.0.1']\nexpire = 0\nexpire-enforce = true\ndecoy-key = '{}'\n",
        key.display()
    );
    reload(&house, &server, &rest);
    assert!(Talk::plain(server.plain).say("XCLIENT ADDR=192.0.2.9 PORT=1").starts_with("+OK"));
    assert_eq!(fs::metadata(&key).unwrap().len(), 65);
    assert_ne!(salt(), first);
    let mut session = server.connect();
    assert!(session.log_in().starts_with("+OK"));
    assert!(session.say("RETR 1").starts_with("+OK"));
    while session.line() != ".\r\n" {}
    assert!(session.say("QUIT").starts_with("+OK"));
    assert!(house.stored().is_empty());
    // Back to the key of before.
    reload(&house, &server, "");
    assert_eq!(salt(), first);
}
