//! How TLS ends: with close_notify, or without.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use pop3_driver::client::{ClientError, ClientOptions, Security};
use pop3_driver::tls::Role;
use pop3_proto::client::ProtocolError;
use pop3_proto::{Keyword, MessageNumber};

use crate::certificates::Certificates;
use crate::on_each_runtime;
use crate::overheard::Other;
use crate::runtime::Runtime;
use crate::server::{Talking, script};

on_each_runtime!(
    a_reply_to_quit_is_enough,
    a_message_without_close_notify_is_cut,
    the_client_says_that_it_ends,
);

type Tls = rustls::StreamOwned<rustls::ServerConnection, TcpStream>;

/// A client that is logged in under TLS. The server does the rest by itself.
async fn logged_in<R: Runtime, T: Send + 'static>(
    rest: impl FnOnce(Tls) -> T + Send + 'static,
) -> (Talking<R>, std::thread::JoinHandle<T>) {
    let good = Certificates::good();
    let Role::Server(config) = good.server() else { unreachable!("it is the server's side") };
    let (port, scripted) = script(move |raw| {
        let tls = rustls::ServerConnection::new(config).expect("good settings");
        let mut stream = rustls::StreamOwned::new(tls, raw.into_parts().0);
        stream.write_all(b"+OK ready\r\n").expect("the client reads");
        for reply in ["+OK\r\n", "+OK\r\n", "-ERR no\r\n"] {
            line(&mut stream);
            stream.write_all(reply.as_bytes()).expect("the client reads");
        }
        rest(stream)
    });
    let security = Security::Implicit(good.client("localhost"));
    let client = R::connect_overheard(port, security, ClientOptions::new(), Other::Scripted).await;
    let mut client = client.expect("a greeting");
    client.login(b"mrose", b"tanstaaf").await.expect("the password is right");
    (client, scripted)
}

fn line(stream: &mut Tls) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).expect("a line");
        line.push(octet[0]);
    }
    String::from_utf8(line).expect("text")
}

// 1939-6.16
async fn a_reply_to_quit_is_enough<R: Runtime>() {
    let (client, scripted) = logged_in::<R, _>(|mut stream| {
        let said = line(&mut stream);
        stream.write_all(b"+OK bye\r\n").expect("the client reads");
        // The stream is dropped without close_notify.
        said
    })
    .await;
    client.quit().await.expect("the reply has come");
    assert_eq!(scripted.join().expect("no panic"), "QUIT\r\n");
}

// 8314-3.03, 1939-3.37
async fn a_message_without_close_notify_is_cut<R: Runtime>() {
    // This looks like the whole message without its end. Even with close_notify it is truncated.
    for close_notify in [false, true] {
        let (mut client, scripted) = logged_in::<R, _>(move |mut stream| {
            line(&mut stream);
            stream.write_all(b"+OK\r\na message\r\n").expect("the client reads");
            if close_notify {
                stream.conn.send_close_notify();
                stream.flush().expect("the client reads");
            }
        })
        .await;
        let cut = client.retr(MessageNumber::FIRST, &mut Vec::new()).await;
        let during = Some(Keyword::Retr);
        assert!(
            matches!(&cut, Err(ClientError::Protocol(ProtocolError::Truncated { during: d })) if *d == during)
                || matches!(&cut, Err(ClientError::Network(_)) if !close_notify),
            "{cut:?}"
        );
        assert!(client.noop().await.is_err(), "it can't be used any more");
        scripted.join().expect("no panic");
    }
}

// 8314-3.02
async fn the_client_says_that_it_ends<R: Runtime>() {
    let (client, scripted) = logged_in::<R, _>(|mut stream| {
        line(&mut stream);
        stream.write_all(b"+OK bye\r\n").expect("the client reads");
        // Without close_notify this is an error.
        stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind())
    })
    .await;
    client.quit().await.expect("the end");
    assert_eq!(scripted.join().expect("no panic"), Ok(0));
}
