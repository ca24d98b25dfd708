//! Lacuna.
fn main() {}
