//! Search: every word of a query, each as the beginning of a word, newest first; the same set on both engines.
//!
//! The engines know different alphabets, so neither of them is shown a text. [`words`] folds a text to plain words in Rust; those
//! are kept beside the article and compared byte by byte. A [`Query`] is folded by the same rule, and what is bound or matched is
//! made of its letters and digits alone. [`snippet`](fn@snippet) finds the words again in the text that people read.

mod fold;
mod index;
mod query;
mod snippet;

pub use fold::{WORDS, words};
pub use index::index_all;
pub(super) use index::index_of;
pub use query::{MAX_LETTERS, MAX_WORDS, Query, QueryError};
pub use snippet::{Part, mark, snippet, snippet_of};
