//! One file a command. Each does its work with the libraries, and prints.

pub mod analyse;
pub mod check;
pub mod scenarios;
pub mod validate;
