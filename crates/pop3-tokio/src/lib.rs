//! POP3 client and server over tokio, with rustls.
