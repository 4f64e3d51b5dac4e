//! The server loop and the client calls over pop3-proto, independent of any runtime.
