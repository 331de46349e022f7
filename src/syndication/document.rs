//! What a feed says, in plain values that any of the three formats can write.

use std::collections::HashMap;

use super::absolute::{Place, absolutise, escape_html, uri};
use super::archive::{Place as ArchivePlace, page_path};
use super::feed::{FeedKey, Format, Scope};
use super::websub::hubs;
use crate::base::language::Language;
use crate::base::text::XmlText;
use crate::base::time::{Timestamp, Zone};
use crate::config::Config;
use crate::newsroom::store::Withdrawn;
use crate::newsroom::{Article, LeadImage, Section, Tag, Translation};
use crate::theme::icons;

/// What was read from the database in one snapshot.
pub struct Material {
    /// The log's head at that moment.
    pub head: i64,
    /// Which document of the feed.
    pub place: ArchivePlace,
    /// The articles, newest first.
    pub articles: Vec<Article>,
    /// The public translations of their stories.
    pub translations: Vec<Translation>,
    /// All sections, those too that were closed.
    pub sections: Vec<Section>,
    /// The tags that the feed is about.
    pub tags: Vec<Tag>,
    /// The articles that were withdrawn in the last days, the last one first.
    pub withdrawn: Vec<Withdrawn>,
    /// When an article of the feed was last withdrawn.
    pub withdrawn_at: Option<Timestamp>,
    /// When the feed's section was closed, if it was.
    pub closed_at: Option<Timestamp>,
    /// What the feed's id is made of.
    pub newsroom_uid: String,
    /// When this newsroom began: the date of a feed that has never had an article.
    pub began_at: Timestamp,
}

/// A feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document {
    /// Which articles.
    pub scope: Scope,
    /// Where it stands in the feed's archive.
    pub place: ArchivePlace,
    /// Permanent id; all documents of a feed share it.
    pub id: XmlText,
    /// Name in words.
    pub title: XmlText,
    /// One sentence.
    pub description: XmlText,
    /// Its language; of the feed of all, the newsroom's first.
    pub language: Language,
    /// Who publishes.
    pub author: XmlText,
    /// Whose the texts are, as a line.
    pub rights: Option<XmlText>,
    /// The page with the same articles.
    pub home: XmlText,
    /// Language of that page; the page of all languages has none.
    pub home_language: Option<Language>,
    /// The newsroom's front page.
    pub site: XmlText,
    /// The same page in other languages.
    pub alternates: Vec<Alternate>,
    /// Last change: of an item, or by a withdrawal. Never the time of building.
    pub updated: Timestamp,
    /// The newsroom's zone, for dates.
    pub zone: Zone,
    /// Minutes for which a reader may keep the feed.
    pub ttl_minutes: i64,
    /// Hubs that tell subscribers of changes (WebSub), absolute addresses.
    pub hubs: Vec<XmlText>,
    /// Pictures and colour.
    pub look: Look,
    /// Nothing will be added any more: its section was closed.
    pub is_closed: bool,
    /// It is closed, and everything there ever was stands in it (RFC 5005 section 2).
    pub is_complete: bool,
    /// What was withdrawn in the last days, the last one first.
    pub tombstones: Vec<Tombstone>,
    /// The articles, newest first.
    pub items: Vec<Item>,
}

/// An article that was withdrawn (RFC 6721): readers that have it shall let it go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tombstone {
    /// The id that the article had.
    pub id: XmlText,
    /// When it was withdrawn.
    pub at: Timestamp,
    /// Why, if that was said.
    pub reason: Option<XmlText>,
    /// The article's language, and that of the reason.
    pub language: Language,
}

/// How readers show a feed: the newsroom's pictures, of the sizes that [`icons`] promises, and its colour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// 512 × 512.
    pub icon: XmlText,
    /// 96 × 96.
    pub favicon: XmlText,
    /// 144 × 144.
    pub channel: XmlText,
    /// Twice as wide as high.
    pub logo: XmlText,
    /// The accent colour, `#rrggbb`.
    pub accent: XmlText,
}

/// A page in another language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alternate {
    /// Its language.
    pub language: Language,
    /// Its address.
    pub href: XmlText,
}

/// An article in a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Permanent id.
    pub id: XmlText,
    /// Where it is read.
    pub link: XmlText,
    /// Address at the origin, where that is not the link.
    pub external: Option<XmlText>,
    /// Title, plain text; empty only if there was nothing to show.
    pub title: XmlText,
    /// Summary, plain text; may be empty.
    pub summary: XmlText,
    /// Whole text as HTML, with the lead image and absolute addresses.
    pub content: XmlText,
    /// Language.
    pub language: Language,
    /// First publication; never moves.
    pub published: Timestamp,
    /// Last significant change.
    pub updated: Timestamp,
    /// Byline.
    pub author: Option<XmlText>,
    /// Section and tags.
    pub categories: Vec<Category>,
    /// Lead image.
    pub image: Option<Image>,
    /// Files that belong to it, such as a recording.
    pub enclosures: Vec<Enclosure>,
    /// Title and address of the feed it comes from.
    pub source: Option<(XmlText, XmlText)>,
    /// Its translations.
    pub alternates: Vec<Alternate>,
}

/// A file that belongs to an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enclosure {
    /// Absolute address.
    pub url: XmlText,
    /// Media type.
    pub media_type: XmlText,
    /// Bytes, if known.
    pub bytes: Option<i64>,
    /// Seconds, if it plays.
    pub duration_secs: Option<i64>,
}

/// A section or tag of an article.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// Slug.
    pub term: XmlText,
    /// Name in the article's language.
    pub label: XmlText,
    /// Page of the section or tag: what makes the term unique.
    pub scheme: XmlText,
}

/// A lead image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Absolute address.
    pub url: XmlText,
    /// Media type.
    pub media_type: Option<XmlText>,
    /// Bytes.
    pub bytes: Option<i64>,
    /// Pixels.
    pub width: Option<i64>,
    /// Pixels.
    pub height: Option<i64>,
    /// What it shows.
    pub alt: XmlText,
    /// Whose it is.
    pub credit: Option<XmlText>,
}

/// What the program calls itself in feeds.
pub const GENERATOR: &str = "Jarshy";
/// Its version.
pub const GENERATOR_VERSION: &str = env!("CARGO_PKG_VERSION");

fn line(text: &str) -> XmlText {
    XmlText::line(text)
}

fn filled(text: &str) -> Option<XmlText> {
    Some(XmlText::line(text)).filter(|t| !t.as_str().is_empty())
}

fn is_web(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}

impl Document {
    /// Puts a feed together; `latest` is what its language calls the latest news.
    pub fn new(config: &Config, scope: &Scope, material: &Material, latest: &str) -> Self {
        let base_url = config.server.base_url();
        let newsroom = &config.newsroom;
        let language = scope.own_language(config);
        let topic = scope.topic(language, &material.sections, material.tags.iter());
        let topic = topic.as_deref();
        let site_name = newsroom.names.get(language);
        let title = scope.title(config, topic);
        let sentence = newsroom.descriptions.get(language);
        let description = match topic {
            Some(topic) => format!("{latest} · {topic} · {site_name}"),
            None if sentence.trim().is_empty() => format!("{latest} · {site_name}"),
            None => sentence.to_owned(),
        };
        let by_id: HashMap<i64, &Section> = material.sections.iter().map(|s| (s.id, s)).collect();
        let mut by_story: HashMap<i64, Vec<&Translation>> = HashMap::new();
        for translation in &material.translations {
            by_story
                .entry(translation.story_id)
                .or_default()
                .push(translation);
        }
        let items: Vec<Item> = material
            .articles
            .iter()
            .map(|article| {
                Item::new(
                    base_url,
                    article,
                    article.section_id.and_then(|id| by_id.get(&id).copied()),
                    by_story
                        .get(&article.story_id)
                        .map_or(&[][..], Vec::as_slice),
                )
            })
            .collect();
        // A removal moves it too: who only compares this date must see that an item has gone.
        let updated = items
            .iter()
            .map(|item| item.updated.max(item.published))
            .chain(material.withdrawn_at)
            .chain(material.closed_at)
            .max()
            .unwrap_or(material.began_at);
        let operator = newsroom.operator.names.get(language);
        Self {
            scope: scope.clone(),
            place: material.place,
            id: line(&scope.id(&material.newsroom_uid)),
            title: line(&title),
            description: line(&description),
            language: language.clone(),
            author: line(site_name),
            rights: filled(operator).map(|name| line(&format!("© {}", name.as_str()))),
            home: line(&format!("{base_url}{}", scope.page_path())),
            home_language: scope.language().cloned(),
            site: line(&format!("{base_url}/")),
            alternates: newsroom
                .languages
                .iter()
                .filter(|other| scope.language() != Some(other))
                .filter_map(|other| {
                    let there = scope.in_language(other)?;
                    Some(Alternate {
                        language: other.clone(),
                        href: line(&format!("{base_url}{}", there.page_path())),
                    })
                })
                .collect(),
            updated: updated.floor_to_secs(),
            zone: newsroom.zone(),
            ttl_minutes: config.feeds.max_age_minutes,
            // A closed page never changes: there is nothing to subscribe to.
            hubs: if material.place.is_page() {
                Vec::new()
            } else {
                hubs(config).iter().map(|hub| line(&uri(hub))).collect()
            },
            look: Look::new(config),
            is_closed: material.closed_at.is_some(),
            is_complete: material.closed_at.is_some() && material.place == ArchivePlace::Head(0),
            tombstones: material
                .withdrawn
                .iter()
                .map(|article| Tombstone {
                    id: line(&article.guid),
                    at: article.at.floor_to_secs(),
                    reason: article.reason.as_deref().and_then(filled),
                    language: article.language.clone(),
                })
                .collect(),
            items,
        }
    }

    /// The document's own address in that format.
    pub fn self_link(&self, format: Format) -> String {
        match self.place {
            ArchivePlace::Head(_) => self.absolute(
                &FeedKey {
                    scope: self.scope.clone(),
                    format,
                }
                .path(),
            ),
            ArchivePlace::Page(page, version) => {
                self.absolute(&page_path(&self.scope, format, page, Some(version)))
            }
        }
    }

    /// Relations and addresses of the other documents of the feed (RFC 5005).
    pub fn archive_links(&self, format: Format) -> Vec<(&'static str, String)> {
        self.place
            .links(&self.scope, format)
            .into_iter()
            .map(|(rel, path)| (rel, self.absolute(&path)))
            .collect()
    }

    fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.site.as_str().trim_end_matches('/'))
    }
}

impl Look {
    fn new(config: &Config) -> Self {
        let at = |path| line(&config.server.absolute(path));
        Self {
            icon: at(icons::ICON),
            favicon: at(icons::FAVICON),
            channel: at(icons::CHANNEL),
            logo: at(icons::LOGO),
            accent: line(&config.newsroom.accent),
        }
    }
}

impl Item {
    fn new(
        base_url: &str,
        article: &Article,
        section: Option<&Section>,
        translations: &[&Translation],
    ) -> Self {
        let link = uri(&article.link(base_url));
        let place = Place {
            base_url,
            page: &link,
        };
        let summary = line(&article.summary);
        let title = filled(&article.title)
            .unwrap_or_else(|| line(&crate::base::text::cut_at_word(summary.as_str(), 60, 8)));
        let image = article.lead.as_ref().map(|lead| Image::new(lead, &place));
        let content = content(article, &summary, image.as_ref(), &place);
        let taxonomy = |kind: &str, slug: &str| {
            line(&format!("{base_url}/{}/{kind}/{slug}", article.language))
        };
        let mut categories: Vec<Category> = Vec::new();
        let section = section.map(|s| ("sections", &s.slug, &s.names));
        let tags = article.tags.iter().map(|t| ("tags", &t.slug, &t.names));
        for (kind, slug, names) in section.into_iter().chain(tags) {
            let label = filled(names.get(&article.language)).unwrap_or_else(|| line(slug));
            // JSON Feed's tags are a set of words.
            if !categories.iter().any(|known| known.label == label) {
                categories.push(Category {
                    term: line(slug),
                    label,
                    scheme: taxonomy(kind, slug),
                });
            }
        }
        let mut alternates: Vec<Alternate> = translations
            .iter()
            .filter(|other| other.language != article.language)
            .map(|other| Alternate {
                language: other.language.clone(),
                href: line(&uri(&place.absolute(&other.href))),
            })
            .collect();
        alternates
            .sort_by(|a, b| (&a.language, a.href.as_str()).cmp(&(&b.language, b.href.as_str())));
        // RFC 4287 section 4.1.2: no two alternates with the same type and hreflang.
        alternates.dedup_by(|a, b| a.language == b.language);
        let published = article.published_at().floor_to_secs();
        Self {
            id: line(&article.guid),
            external: article
                .canonical_url
                .as_deref()
                .map(uri)
                .filter(|origin| *origin != link && is_web(origin))
                .and_then(|origin| filled(&origin)),
            link: line(&link),
            title,
            summary,
            content,
            language: article.language.clone(),
            published,
            updated: article.significant_at().floor_to_secs().max(published),
            author: article.byline.as_deref().and_then(filled),
            categories,
            image,
            enclosures: article
                .enclosures
                .iter()
                .map(|file| Enclosure {
                    url: line(&uri(&place.absolute(&file.url))),
                    media_type: line(&file.media_type),
                    bytes: file.bytes,
                    duration_secs: file.duration_secs,
                })
                .collect(),
            // An archive that was read from a file has no address that means anything to others.
            source: article
                .source
                .as_ref()
                .filter(|(_, url)| is_web(url))
                .map(|(title, url)| (line(title), line(&uri(url)))),
            alternates,
        }
    }
}

impl Image {
    fn new(lead: &LeadImage, place: &Place<'_>) -> Self {
        Self {
            url: line(&uri(&place.absolute(&lead.url))),
            media_type: lead.media_type.as_deref().and_then(filled),
            bytes: lead.bytes,
            width: lead.width,
            height: lead.height,
            alt: line(lead.alt.as_deref().unwrap_or("")),
            credit: lead.credit.as_deref().and_then(filled),
        }
    }

    /// As readers show it that do not know Media RSS.
    fn figure(&self) -> String {
        let size = |name: &str, value: Option<i64>| {
            value.map_or_else(String::new, |v| format!(" {name}=\"{v}\""))
        };
        let credit = self.credit.as_ref().map_or_else(String::new, |credit| {
            format!("<figcaption>{}</figcaption>", escape_html(credit.as_str()))
        });
        format!(
            "<figure><img src=\"{}\" alt=\"{}\"{}{}>{credit}</figure>\n",
            escape_html(self.url.as_str()),
            escape_html(self.alt.as_str()),
            size("width", self.width),
            size("height", self.height),
        )
    }
}

/// The whole text; the lead image stands in it once.
fn content(
    article: &Article,
    summary: &XmlText,
    image: Option<&Image>,
    place: &Place<'_>,
) -> XmlText {
    let body = absolutise(&article.body_html, place);
    let figure = image
        .filter(|image| {
            !body
                .images
                .iter()
                .any(|shown| uri(shown) == image.url.as_str())
        })
        .map_or_else(String::new, Image::figure);
    let text = if body.html.trim().is_empty() {
        format!("<p>{}</p>", escape_html(summary.as_str()))
    } else {
        body.html
    };
    XmlText::new(&format!("{figure}{text}"))
}
