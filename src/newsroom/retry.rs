//! Trying a transaction again that lost a race.

/// Runs an `async` block that returns `Result<_, NewsroomError>` until it does not lose a race (deadlock, serialization, SQLite
/// busy); five times are enough. A macro, because futures of async closures are not `Send` for every lifetime.
macro_rules! retrying {
    ($attempt:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            match $attempt.await {
                Err($crate::newsroom::NewsroomError::Database(error))
                    if tries < 5 && $crate::db::is_retryable(&error) => {}
                result => break result,
            }
        }
    }};
}
pub(super) use retrying;
