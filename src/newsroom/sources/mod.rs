//! Sources: feeds that articles are imported from.
