//! Dot-stuffing (RFC 1939 section 3).
