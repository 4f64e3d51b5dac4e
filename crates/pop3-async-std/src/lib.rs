//! POP3 client and server over the futures-io traits, for async-std and smol, with rustls.
