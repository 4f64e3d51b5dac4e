//! POP3 client and server over blocking std sockets, with rustls.
