//! OAUTHBEARER and XOAUTH2.

use pop3_sasl::Mechanism;
use pop3_sasl::server::{Failure, Question, ServerExchange};

use crate::support::{challenge, exchange, failure, malformed, question, setup};
// 7628-3.01, 7628-3.03
#[test]
fn oauthbearer_that_is_none() {
    for message in [
        "",
        "\x01",
        "n,,",
        "n,,\x01\x01",
        "n,,\x01auth=Bearer tok\x01",
        "n,,auth=Bearer tok\x01\x01",
        "n,,\x01auth=Basic tok\x01\x01",
        "n,,\x01auth=tok\x01\x01",
        "n,,\x01auth=Bearer \x01\x01",
        "n,,\x01auth=Bearer t\u{e4}k\x01\x01",
        "n,,\x01auth=Bearer to\0k\x01\x01",
        "n,,\x01auth=Bearer a b\x01\x01",
        "n,,\x01auth=Bearer =\x01\x01",
        "n,,\x01auth=Bearer tok\x01auth=Bearer tok\x01\x01",
        "n,,\x01auth\x01\x01",
        "n,,\x01=x\x01auth=Bearer tok\x01\x01",
        "n,,\x01a1=x\x01auth=Bearer tok\x01\x01",
        "n,,\x01host=other.example\x01auth=Bearer tok\x01\x01",
        "n,,\x01host=\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=110\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=0995\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=66531\x01auth=Bearer tok\x01\x01",
        "n,,\x01port=x\x01auth=Bearer tok\x01\x01",
        "n,a=u\x07,\x01auth=Bearer tok\x01\x01",
        "n,a=a=b,\x01auth=Bearer tok\x01\x01",
        "x,,\x01auth=Bearer tok\x01\x01",
    ] {
        let setup = setup().with_hosts(["mail.example"]).with_ports([995]);
        let failure =
            failure(ServerExchange::new(Mechanism::OAuthBearer, setup).begin(Some(message.as_bytes())));
        assert!(matches!(failure, Failure::Malformed(_)), "{message:?}: {failure:?}");
    }
    malformed(Mechanism::OAuthBearer, b"n,a=\xff,\x01auth=Bearer tok\x01\x01");
    let bound =
        failure(exchange(Mechanism::OAuthBearer).begin(Some(b"p=tls-exporter,,\x01auth=Bearer t\x01\x01")));
    assert!(matches!(bound, Failure::Binding(_)));
}

// 7628-3.01
#[test]
fn oauthbearer_in_all_forms() {
    for (message, wanted) in [
        ("n,,\x01auth=Bearer tok\x01\x01", None),
        ("y,,\x01auth=BeArEr tok==\x01\x01", None),
        ("n,a=fred,\x01auth=bearer tok\x01\x01", Some("fred")),
        (
            "n,a=a=2Cb,\x01qs=x=y\x01host=MAIL.example\x01foo=\x01auth=Bearer t\x01port=995\x01\x01",
            Some("a,b"),
        ),
    ] {
        let setup = setup().with_hosts(["mail.example"]).with_ports([110, 995]);
        let asked =
            question(ServerExchange::new(Mechanism::OAuthBearer, setup).begin(Some(message.as_bytes())));
        let Question::Token { name, .. } = asked else { panic!("no question for a token") };
        assert_eq!(name.as_deref(), wanted, "{message:?}");
    }
}

// 5034-4.14
#[test]
fn long_tokens() {
    let token = "t".repeat(11 * 1024);
    let message = format!("user=fred\x01auth=Bearer {token}\x01\x01");
    let asked = question(exchange(Mechanism::XOAuth2).begin(Some(message.as_bytes())));
    assert!(matches!(asked, Question::Token { token: found, .. } if found.same_octets(token.as_bytes())));
    let message = format!("user=fred\x01auth=Bearer {token}x\x01\x01");
    malformed(Mechanism::XOAuth2, message.as_bytes());
    let mut later = exchange(Mechanism::XOAuth2);
    challenge(later.begin(None));
    assert_eq!(later.max_message(), 12_288);
    assert_eq!(failure(later.respond(&[b't'; 12_289])), Failure::Malformed("it is too long"));
}

// XOA-1.01
#[test]
fn xoauth2_that_is_none() {
    for message in [
        "",
        "user=fred",
        "user=fred\x01auth=Bearer tok\x01",
        "user=\x01auth=Bearer tok\x01\x01",
        "auth=Bearer tok\x01user=fred\x01\x01",
        "user=fred\x01auth=Bearer tok\x01x=y\x01\x01",
        "user=fred\x01auth=Basic tok\x01\x01",
        "user=fr\ted\x01auth=Bearer tok\x01\x01",
    ] {
        malformed(Mechanism::XOAuth2, message.as_bytes());
    }
}
