//! Scripts for clients.
