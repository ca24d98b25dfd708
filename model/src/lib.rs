//! Lacuna's formal model: types, the transition relation, profiles, guarantees, evidence, analysis.
