//! The simulated disk behaves as a real one.
#![cfg(unix)]

mod crash;
mod faults;
mod like_the_system;
mod locks;
mod support;
