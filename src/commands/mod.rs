//! One file a command. Each does its work with the libraries, and prints.

pub mod analyse;
pub mod check;
pub mod clean;
pub mod compare;
pub mod diff;
pub mod exec;
pub mod explain;
pub mod gap;
pub mod matrix;
pub mod measure;
pub mod new;
pub mod plan;
pub mod realtime;
pub mod record;
pub mod relations;
pub mod replay;
pub mod run;
pub mod runs;
pub mod scenarios;
pub mod search;
pub mod simulate;
pub mod sweep;
pub mod validate;
