//! Placeholder head, replaced by its author.
