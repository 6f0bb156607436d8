//! How hard the compiler tries.

/// How much work simplification may do. Its limits are counts of operations and e-nodes, never
/// seconds: equal input gives equal output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Effort {
    /// One way to factor: for functions of thousands of operations.
    Low,
    /// What pays in an unoptimised macro.
    #[default]
    Default,
    /// All ways, as long as it gets cheaper.
    High,
}
