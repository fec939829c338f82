//! See `rust/ARCHITECTURE.md`.
