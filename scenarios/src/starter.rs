//! A commented scenario to begin with.

/// The text of a scenario of that name, in RON, to be changed into one's own.
pub fn starter(name: &str) -> String {
    include_str!("starter.ron").replace("STARTER", name)
}
