//! Broken sources.
