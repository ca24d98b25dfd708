//! What others can open: a trace for a viewer, a picture.

pub mod gantt;
pub mod perfetto;
