//! The sockets of the server: bound here, or passed on by a service manager.

use core::net::{Ipv4Addr, SocketAddr};
use std::env;

use listenfd::ListenFd;
use pop3_serve::{Entrance, Listeners};

use crate::args::Serve;
use crate::exit::{Exit, Failure};

/// The names of the sockets that are passed on, as in the schemes of URLs, and the entrance behind each.
const NAMES: [(&str, Entrance); 2] = [("pop3", Entrance::Plain), ("pop3s", Entrance::Implicit)];

/// The sockets that were passed on and those that the options ask for. Without any, those of the defaults.
pub(super) fn open(options: &Serve) -> Result<Listeners, Failure> {
    let passed = passed()?;
    let mut wanted: Vec<(Entrance, SocketAddr)> =
        options.listen.iter().map(|&address| (Entrance::Plain, address)).collect();
    wanted.extend(options.listen_tls.iter().map(|&address| (Entrance::Implicit, address)));
    if wanted.is_empty() && passed.is_empty() {
        wanted.push((Entrance::Plain, (Ipv4Addr::LOCALHOST, 1110).into()));
        if options.tls_self_signed || !options.tls_cert.is_empty() {
            wanted.push((Entrance::Implicit, (Ipv4Addr::LOCALHOST, 1995).into()));
        }
    }
    let mut listeners = Listeners::bind(&wanted)?;
    for (entrance, socket) in passed {
        listeners.add(entrance, socket)?;
    }
    Ok(listeners)
}

/// The sockets that a service manager has passed on, as sd_listen_fds(3) describes.
fn passed() -> Result<Vec<(Entrance, std::net::TcpListener)>, Failure> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    let mut passed = Vec::new();
    for index in 0..sockets.len() {
        let name = names.next().unwrap_or_default();
        let entrance = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, entrance)| entrance);
        let entrance = entrance.ok_or_else(|| {
            Failure::usage(format!(
                "a socket was passed on with the name {name:?}, which does not tell whether TLS starts at once: set \
                 FileDescriptorName= of its socket unit to pop3 or pop3s"
            ))
        })?;
        let socket = sockets.take_tcp_listener(index).map_err(|error| {
            Failure::new(
                Exit::Connect,
                format!("the socket {name} that was passed on can't be used: {error}"),
            )
        })?;
        passed.extend(socket.map(|socket| (entrance, socket)));
    }
    Ok(passed)
}

/// The scheme of URLs for an entrance.
pub(super) fn scheme(entrance: Entrance) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == entrance).map_or("pop3", |&(name, _)| name)
}
