//! SASL mechanisms without I/O (RFC 4422): the client and the server side as step functions.
#![no_std]
