//! The sockets of the server: bound here, or passed on by a service manager.

use core::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use listenfd::ListenFd;
use pop3_lmtp::Listener;

use crate::args::{ListenAt, Lmtp};
use crate::exit::{Exit, Failure};

/// The sockets, not yet those of the runtime, and what to call them.
pub(super) struct Sockets(Vec<(Socket, String)>);

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds the sockets that the options ask for, and takes those that were passed on.
pub(super) fn open(options: &Lmtp) -> Result<Sockets, Failure> {
    let mut sockets = passed()?;
    for at in &options.listen {
        match at {
            ListenAt::Tcp(address) => {
                let bound = TcpListener::bind(address).map_err(|error| cant(&address.to_string(), &error))?;
                let address = bound.local_addr().map_or(*address, |bound| bound);
                sockets.push((Socket::Tcp(bound), address.to_string()));
            }
            ListenAt::Unix(path) => {
                let name = format!("unix:{}", path.display());
                let bound = bind(path, options.socket_mode).map_err(|error| cant(&name, &error))?;
                sockets.push((Socket::Unix(bound), name));
            }
        }
    }
    if sockets.is_empty() {
        return Err(Failure::usage("there is nowhere to listen: give --listen unix:PATH, or an address"));
    }
    Ok(Sockets(sockets))
}

impl Sockets {
    /// Makes them those of the runtime. Also returns a line for each.
    pub(super) fn listen(self) -> Result<(Vec<Listener>, String), Failure> {
        let (mut listeners, mut lines) = (Vec::new(), String::new());
        for (socket, name) in self.0 {
            let listener = match socket {
                Socket::Tcp(socket) => socket
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::TcpListener::from_std(socket))
                    .map(Listener::Tcp),
                Socket::Unix(socket) => socket
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::UnixListener::from_std(socket))
                    .map(Listener::Unix),
            };
            listeners.push(listener.map_err(|error| cant(&name, &error))?);
            let _ = writeln!(lines, "listening lmtp {name}");
        }
        Ok((listeners, lines))
    }
}

/// The sockets that a service manager has passed on, as sd_listen_fds(3) describes.
fn passed() -> Result<Vec<(Socket, String)>, Failure> {
    let mut sockets = ListenFd::from_env();
    let mut passed = Vec::new();
    for index in 0..sockets.len() {
        let name = format!("the socket {index} that was passed on");
        let socket = match sockets.take_unix_listener(index) {
            Ok(socket) => socket.map(Socket::Unix),
            Err(_) => sockets.take_tcp_listener(index).map_err(|error| cant(&name, &error))?.map(Socket::Tcp),
        };
        passed.extend(socket.map(|socket| {
            let name = match &socket {
                Socket::Tcp(socket) => socket.local_addr().map(|address| address.to_string()),
                Socket::Unix(socket) => socket.local_addr().map(|address| {
                    address.as_pathname().map_or(name.clone(), |path| format!("unix:{}", path.display()))
                }),
            };
            (socket, name.unwrap_or_default())
        }));
    }
    Ok(passed)
}

/// Binds a Unix socket. A socket that nobody listens on any more is removed.
fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let bound = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(bound)
}

/// Whether this is a socket of a process that has ended.
fn is_left(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn cant(name: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Connect, format!("can't listen on {name}: {error}"))
}
