//! The program `pop3`.

fn main() {}
