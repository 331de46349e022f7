//! The newsroom's only SQL: `read` (articles as they are shown), `feeds` (the order of feeds and what left them), `taxonomy`, `log` (the release log and its head), `write`
//! (articles as they change), `enclosures`, `neighbours`, `search`, `sitemap`, `sources`, `media`, `waits` (texts that were promised).
//!
//! Lists of text are sorted here and not by the engines, whose collations differ.

mod enclosures;
mod feeds;
mod log;
mod media;
mod neighbours;
mod read;
mod search;
mod sitemap;
mod sources;
mod taxonomy;
mod waits;
mod write;

pub(super) use enclosures::replace_enclosures;
pub use feeds::{
    End, FeedPosition, Move, Stretch, Withdrawn, find_last_withdrawal, list_feed, list_known_tags,
    list_matching, list_moves, list_positions, list_widowed, list_withdrawn,
};
pub(super) use log::{NewEntry, Subject, append_log};
pub use log::{
    find_last_change, get_head, get_head_in, is_anything_scheduled, list_log, list_releases,
    lock_live_articles,
};
pub(super) use media::insert_media;
pub use media::{add_views, find_media, find_media_head, find_media_part, list_views};
pub use neighbours::find_neighbours;
pub use read::{
    Filter, Once, count_public, find_article_by_slug, find_article_by_uid, list_articles,
    list_public, list_recent, list_translations,
};
pub(super) use search::{list_unindexed, put_words};
pub use sitemap::{
    ListChange, NewsPage, RangeState, StoryPage, get_last_article, get_range_state,
    list_changed_ranges, list_current_tags, list_list_changes, list_news_pages,
    list_story_languages, list_story_pages,
};
pub(super) use sources::{
    NewSource, Origin, Source, find_source, insert_source, list_origins, mark_source_checked,
    mark_source_imported, update_origin_hash,
};
pub(super) use taxonomy::{
    close_section, find_section_id, insert_section, insert_tag, list_section_rows, update_section,
};
pub use taxonomy::{
    list_closed_sections, list_known_languages, list_languages, list_sections, list_tags,
};
pub use waits::{EndedWait, list_ended_waits};
pub(super) use waits::{
    end_wait_of, has_wait_ended, lock_ended_waits, lock_others_of_wait, mark_wait_ended,
    promise_text,
};
pub(super) use write::{
    Editable, NewArticle, Revision, Text, find_story, find_text, insert_article, insert_revision,
    insert_slug, insert_story, is_guid_free, lock_article, lock_due, mark_draft, mark_released,
    mark_withdrawn, replace_tags, update_text,
};

/// Values a list may bind in one statement: PostgreSQL's protocol counts to 65 535, SQLite to 32 766.
const CHUNK: usize = 5_000;
