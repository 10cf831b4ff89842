//! Circuit breaking.

/// One connection, and one request that waits for it.
pub const RULE: &[&str] = &["circuit-breaking/platform.yaml", "circuit-breaking/rule.yaml"];
