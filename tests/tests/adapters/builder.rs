//! The client builder, over real sockets and real TLS.

mod refused;
mod runtime;

use core::time::Duration;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::thread;

use pop3_driver::client::{ClientError, ClientOptions, Credentials, LoginPolicy};
use pop3_driver::tls::Certificate;
use pop3_driver::{LoginMethod, Stop};
use pop3_proto::server::Limits;
use pop3_proto::{Channel, MessageNumber};
use pop3_sasl::Mechanism;

use crate::certificates::Certificates;
use crate::on_each_runtime;
use crate::server::{Mode, Server, script};
use runtime::Builds;

on_each_runtime!(
    three_lines_fetch_over_tls,
    stls_is_as_good,
    a_certificate_is_believed_by_its_fingerprint,
    a_configuration_of_the_callers_is_used,
    a_token_logs_in,
    a_certificate_logs_in,
    a_method_is_chosen,
    plaintext_by_its_name,
    without_a_login_nobody_is_logged_in,
    a_stream_of_the_callers,
    a_stream_that_is_in_tls_already,
    the_switch_ends_the_wait_for_a_server,
    nothing_is_connected_once_the_switch_is_thrown,
    the_last_timeout_and_the_switch_count,
);

pub(crate) const TEXT: &str = "Subject: a\n\nx\n";

async fn three_lines_fetch_over_tls<R: Builds>() {
    let folder = Certificates::good().folder();
    let server = Server::<R>::start(Mode::Implicit).deliver([TEXT]);
    let builder = R::builder("localhost").port(server.port).ca_file(folder.path().join("authority.pem"));
    let mut client = R::build(builder.login("mrose", "tanstaaf")).await.expect("a login");
    assert!(client.is_logged_in() && client.channel() == Channel::Tls);
    assert_eq!(client.login_method(), Some(LoginMethod::Auth(Mechanism::ScramSha512Plus)));
    let mut content = Vec::new();
    client.retr(MessageNumber::FIRST, &mut content).await.expect("the message");
    assert_eq!(content, TEXT.replace('\n', "\r\n").as_bytes());
    client.quit().await.expect("the end");
    assert_eq!(server.report().user.as_deref(), Some("mrose"));
}

async fn stls_is_as_good<R: Builds>() {
    let folder = Certificates::good().folder();
    let server = Server::<R>::start(Mode::Stls);
    let builder = R::builder("localhost").port(server.port).starttls().login("mrose", "tanstaaf");
    let client = R::build(builder.ca_file(folder.path().join("authority.pem"))).await.expect("a login");
    assert!(client.is_logged_in() && client.channel() == Channel::Tls);
}

async fn a_certificate_is_believed_by_its_fingerprint<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    let builder = R::builder("localhost").port(server.port).login("mrose", "tanstaaf");
    let wrong = Certificates::make(false).fingerprint();
    let refused = R::build(builder.clone().fingerprint(wrong)).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Tls(_))), "{refused:?}");
    assert_eq!(server.report().user, None);
    // One of several authorities is enough.
    let builder = builder.fingerprint(wrong).fingerprint(Certificates::good().fingerprint());
    assert!(R::build(builder).await.expect("a login").is_logged_in());
}

async fn a_configuration_of_the_callers_is_used<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    let builder = R::builder("127.0.0.1").port(server.port).login("mrose", "tanstaaf");
    let builder = builder.tls_config(Certificates::good().client_config());
    // The certificate is for a different name than the one that was dialled.
    let refused = R::build(builder.clone()).await.map(drop);
    assert!(matches!(refused, Err(ClientError::Tls(_))), "{refused:?}");
    assert_eq!(server.report().user, None);
    assert!(R::build(builder.tls_name("localhost")).await.expect("a login").is_logged_in());
}

async fn a_token_logs_in<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    server.store.add_token("mrose", "ya29.token");
    let builder = R::builder("localhost").port(server.port).tls_config(Certificates::good().client_config());
    let client = R::build(builder.clone().login_with_token("mrose", "ya29.token")).await.expect("a login");
    assert_eq!(client.login_method(), Some(LoginMethod::Auth(Mechanism::OAuthBearer)));
    drop(client);
    // The maildrop is unlocked again.
    assert_eq!(server.report().user.as_deref(), Some("mrose"));
    let method = LoginMethod::Auth(Mechanism::XOAuth2);
    let builder = builder.login_with_token("mrose", "ya29.token").method(method);
    assert_eq!(R::build(builder).await.expect("a login").login_method(), Some(method));
}

async fn a_certificate_logs_in<R: Builds>() {
    let certificates = Certificates::good();
    let folder = certificates.folder();
    let path = |name| folder.path().join(name);
    let server = Server::<R>::start_with(Mode::Implicit, Limits::default(), certificates.server_that_asks());
    server.store.add_certificate("mrose", Certificate::from_der(&certificates.of_client()));
    let builder = R::builder("localhost").port(server.port).ca_file(path("authority.pem"));
    let builder = builder.client_certificate(path("client.pem"), path("client.key")).login_with_certificate();
    let client = R::build(builder).await.expect("a login");
    assert_eq!(client.login_method(), Some(LoginMethod::Auth(Mechanism::External)));
}

async fn a_method_is_chosen<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    let builder = R::builder("localhost").port(server.port).tls_config(Certificates::good().client_config());
    let builder = builder.login("mrose", "tanstaaf");
    for method in [LoginMethod::User, LoginMethod::Apop, LoginMethod::Auth(Mechanism::ScramSha1)] {
        let client = R::build(builder.clone().method(method)).await.expect("a login");
        assert_eq!(client.login_method(), Some(method));
        drop(client);
        assert_eq!(server.report().method, Some(method));
    }
    // The policy applies if there is a choice.
    server.store.set_mechanisms(&[]);
    let policy = LoginPolicy::default().with_apop(true);
    let client = R::build(builder.policy(policy)).await.expect("a login");
    assert_eq!(client.login_method(), Some(LoginMethod::Apop));
}

async fn plaintext_by_its_name<R: Builds>() {
    let server = Server::<R>::start(Mode::Trusted);
    server.store.set_mechanisms(&[]);
    let builder = R::builder("127.0.0.1").port(server.port).trusted_plaintext();
    let client = R::build(builder.login("mrose", "tanstaaf")).await.expect("a login");
    assert_eq!(client.channel(), Channel::TrustedPlaintext);
    assert_eq!(client.login_method(), Some(LoginMethod::User));
}

async fn without_a_login_nobody_is_logged_in<R: Builds>() {
    let server = Server::<R>::start(Mode::Implicit);
    let builder = R::builder("localhost").port(server.port).tls_config(Certificates::good().client_config());
    let mut client = R::build(builder).await.expect("a greeting");
    assert!(!client.is_logged_in() && client.login_method().is_none());
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    assert_eq!(client.login_method(), Some(LoginMethod::User));
}

async fn a_stream_of_the_callers<R: Builds>() {
    for mode in [Mode::Implicit, Mode::Stls] {
        let server = Server::<R>::start(mode);
        // The host is not dialled. Only the certificate is checked against it.
        let builder = R::builder("localhost").tls_config(Certificates::good().client_config());
        let builder = if mode == Mode::Stls { builder.starttls() } else { builder };
        let client = R::build_over(builder.login("mrose", "tanstaaf"), server.port).await.expect("a login");
        assert!(client.is_logged_in() && client.channel() == Channel::Tls);
    }
}

/// TLS as far as the builder knows. On the wire there is none, so the test needs no other library.
async fn a_stream_that_is_in_tls_already<R: Builds>() {
    let server = Server::<R>::start(Mode::Trusted);
    let builder = R::builder("localhost").login("mrose", "tanstaaf");
    let client = R::build_in_tls(builder, server.port).await.expect("a login");
    assert!(client.is_logged_in() && client.channel() == Channel::Tls);
}

async fn the_switch_ends_the_wait_for_a_server<R: Builds>() {
    for in_tls in [false, true] {
        let stop = Stop::new();
        let switch = stop.clone();
        // A server that sends nothing until the client has left.
        let (port, scripted) = script(move |mut raw| {
            if in_tls {
                let mut first = [0];
                std::io::Read::read_exact(raw.bare(), &mut first).expect("a ClientHello");
            }
            let thrown = thread::spawn(move || switch.stop());
            let _ = std::io::Read::read_to_end(raw.bare(), &mut Vec::new());
            thrown.join().expect("no panic");
        });
        let builder = R::builder("localhost").port(port).login("mrose", "tanstaaf").stop(stop);
        let builder = if in_tls {
            builder.tls_config(Certificates::good().client_config())
        } else {
            builder.trusted_plaintext()
        };
        let ended = R::build(builder).await.map(drop);
        assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
        scripted.join().expect("no panic");
    }
}

async fn nothing_is_connected_once_the_switch_is_thrown<R: Builds>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let stop = Stop::new();
    stop.stop();
    let builder = R::builder("127.0.0.1").port(port).trusted_plaintext().login("mrose", "tanstaaf");
    let ended = R::build(builder.stop(stop)).await.map(drop);
    assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
    assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}

async fn the_last_timeout_and_the_switch_count<R: Builds>() {
    let (port, scripted) = script(|mut raw| raw.rest());
    let builder = R::builder("localhost").port(port).trusted_plaintext().stop(Stop::new());
    let builder = builder.options(ClientOptions::new()).connect_timeout(Duration::from_millis(50));
    let late = R::build(builder.credentials(Credentials::new("mrose"))).await.map(drop);
    assert!(matches!(late, Err(ClientError::Protocol(_))), "{late:?}");
    assert_eq!(scripted.join().expect("no panic"), b"");
}
