//! Undoes encodings, nested to a bounded depth, and says which.
