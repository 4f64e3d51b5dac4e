//! A Maildir store for a POP3 server and a crash-safe delivery side for a fetcher.
