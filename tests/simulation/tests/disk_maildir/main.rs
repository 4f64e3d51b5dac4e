//! A Maildir on a simulated disk: sessions and deliveries that are interrupted by faults, kills and losses of power,
//! while other programs work on it. One seed is one run.
#![cfg(unix)]

mod book;
mod counts;
mod harm;
mod runs;
mod world;
