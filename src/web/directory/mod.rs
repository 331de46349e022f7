//! By what people and crawlers find feeds and pages: the page of all feeds with its builder, a page for each feed, sitemaps and
//! `robots.txt`.

mod crawlers;
mod feed;
mod people;

use axum::Router;
use axum::routing::get;

use super::WebState;

/// Routes of directories.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/feeds", get(people::page))
        .route("/{lang}/feeds", get(people::page_in))
        .route("/feeds/all", get(feed::all))
        .route("/feeds/{lang}", get(feed::language))
        .route("/feeds/{lang}/sections/{slug}", get(feed::section))
        .route("/feeds/{lang}/tags/{slug}", get(feed::tag))
        .route("/feeds/f/{key}", get(feed::selection))
        .route("/robots.txt", get(crawlers::robots))
        .route("/sitemap.xml", get(crawlers::index))
        .route("/sitemaps/{name}", get(crawlers::child))
        .route("/news-sitemap.xml", get(crawlers::news))
}
