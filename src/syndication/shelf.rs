//! The shelf: finished feed bytes.

/// Finished feeds, their validators in memory.
pub struct Shelf {
    _private: (),
}
