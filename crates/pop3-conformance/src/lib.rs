//! The requirements of POP3, run against a server or a client.
