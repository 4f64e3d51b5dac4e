//! What the builder refuses, and what it never sends.

use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;

use pop3_driver::LoginMethod;
use pop3_driver::client::{ClientError, LoginPolicy, Retry, Security};
use pop3_proto::client::SendError;
use pop3_sasl::Mechanism;
use pop3_tokio::trust::{Reason, Refused};

use super::runtime::Builds;
use crate::certificates::Certificates;
use crate::on_each_runtime;
use crate::server::{Mode, Server, script};

on_each_runtime!(
    no_password_goes_out_in_clear,
    nothing_follows_a_refused_stls,
    an_unknown_authority_is_not_believed,
    a_wrong_password_is_refused,
    settings_that_contradict_each_other,
);

async fn no_password_goes_out_in_clear<R: Builds>() {
    // The server sends plain text on a port where TLS is expected.
    let (port, scripted) = script(|mut raw| {
        raw.send("+OK ready <1.2@localhost>\r\n");
        let mut octets = Vec::new();
        let _ = raw.bare().read_to_end(&mut octets);
        octets
    });
    let builder = R::builder("localhost").port(port).login("mrose", "tanstaaf");
    let refused = R::build(builder.tls_config(Certificates::good().client_config())).await.map(drop);
    assert!(matches!(refused, Err(ClientError::NotTls(_))), "{refused:?}");
    let octets = scripted.join().expect("no panic");
    let has = |text: &[u8]| octets.windows(text.len()).any(|window| window == text);
    assert!(!has(b"mrose") && !has(b"tanstaaf") && !has(b"USER"), "{}", octets.escape_ascii());
    // A plaintext connection that is not declared as trusted: not one octet is sent.
    let methods = [None, Some(LoginMethod::User), Some(LoginMethod::Apop)];
    for method in methods.into_iter().chain([Some(LoginMethod::Auth(Mechanism::Plain))]) {
        let (port, scripted) = script(|mut raw| {
            raw.send("+OK ready <1.2@localhost>\r\n");
            raw.rest()
        });
        let builder = R::builder("localhost").port(port).security(Security::Plaintext);
        let builder = builder.login("mrose", "tanstaaf");
        let builder = method.into_iter().fold(builder, |builder, method| builder.method(method));
        let refused = R::build(builder).await.map(drop);
        assert!(matches!(refused, Err(ClientError::Unsendable(SendError::Plaintext))), "{refused:?}");
        assert_eq!(scripted.join().expect("no panic"), b"");
    }
}

async fn nothing_follows_a_refused_stls<R: Builds>() {
    let (port, scripted) = script(|mut raw| {
        raw.send("+OK ready\r\n");
        let line = raw.line();
        raw.send("-ERR no TLS here\r\n");
        (line, raw.rest())
    });
    let builder = R::builder("localhost").port(port).starttls().login("mrose", "tanstaaf");
    let refused = R::build(builder.tls_config(Certificates::good().client_config())).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
    assert_eq!(scripted.join().expect("no panic"), ("STLS\r\n".to_owned(), Vec::new()));
}

async fn an_unknown_authority_is_not_believed<R: Builds>() {
    let folder = Certificates::make(false).folder();
    for mode in [Mode::Implicit, Mode::Stls] {
        let server = Server::<R>::start(mode);
        let builder = R::builder("localhost").port(server.port).login("mrose", "tanstaaf");
        let builder = builder.ca_file(folder.path().join("authority.pem"));
        let builder = if mode == Mode::Stls { builder.starttls() } else { builder };
        match R::build(builder).await {
            Err(ClientError::Tls(error)) => {
                let refused = Refused::find(&error).expect("a refused certificate");
                // Both authorities have the same name.
                assert_eq!(*refused.reason(), Reason::OtherIssuer);
            }
            other => panic!("{:?}", other.map(drop)),
        }
        assert_eq!(server.report().user, None);
    }
}

async fn a_wrong_password_is_refused<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    let builder = R::builder("localhost").port(server.port).tls_config(Certificates::good().client_config());
    let error = R::build(builder.login("mrose", "wrong")).await.map(drop).expect_err("a wrong password");
    assert_eq!(error.advice(), Retry::OtherCredentials, "{error:?}");
    // The connection is closed.
    assert_eq!(server.report().user, None);
}

async fn settings_that_contradict_each_other<R: Builds>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let certificates = Certificates::good();
    let folder = certificates.folder();
    let authority = folder.path().join("authority.pem");
    let builder = || R::builder("127.0.0.1").port(port).login("mrose", "tanstaaf");
    assert!(!format!("{:?}", builder()).contains("tanstaaf"));
    let bound = LoginPolicy::default().with_require_binding(true);
    let given = Security::Implicit(certificates.client("localhost"));
    for (builder, word) in [
        (builder().trusted_plaintext().ca_file(&authority), "does not use TLS"),
        (builder().trusted_plaintext().fingerprint(certificates.fingerprint()), "does not use TLS"),
        (builder().trusted_plaintext().tls_config(certificates.client_config()), "does not use TLS"),
        (builder().trusted_plaintext().tls_name("localhost"), "does not use TLS"),
        (builder().security(given).ca_file(&authority), "does not use TLS"),
        (builder().tls_config(certificates.client_config()).ca_file(&authority), "`tls_config` replaces"),
        (builder().trusted_plaintext().policy(bound).method(LoginMethod::User), "channel binding"),
        (
            builder().trusted_plaintext().policy(bound).method(LoginMethod::Auth(Mechanism::Plain)),
            "channel binding",
        ),
        (R::builder("127.0.0.1").port(port).trusted_plaintext().method(LoginMethod::User), "no credentials"),
        (builder().ca_file(folder.path().join("none.pem")), "certificate file can't be used"),
        (builder().client_certificate(&authority, folder.path().join("none.key")), "can't be used"),
        (builder().tls_name("not a name").tls_config(certificates.client_config()), "invalid"),
    ] {
        let error = R::build(builder).await.map(drop).expect_err(word);
        let ClientError::Settings(cause) = &error else { panic!("{word}: {error:?}") };
        assert!(cause.to_string().contains(word), "{word}: {cause}");
        assert!(error.is_final() && error.advice() == Retry::Never);
    }
    let accepted = listener.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(accepted, Err(ErrorKind::WouldBlock), "nothing was connected");
    // A stream that already uses TLS is not protected again.
    for builder in [builder().starttls(), builder().trusted_plaintext(), builder().ca_file(&authority)] {
        let refused = R::build_in_tls(builder, port).await.map(drop);
        assert!(matches!(refused, Err(ClientError::Settings(_))), "{refused:?}");
    }
}
