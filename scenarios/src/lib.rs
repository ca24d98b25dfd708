//! Lacuna's scenario formats and library.
