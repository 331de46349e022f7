//! What the templates of an issue are given: `email/digest.html`, `email/digest.txt` and `web/issue.html`.

use serde::Serialize;

use crate::base::language::Language;

/// One issue, ready for the templates. Texts are plain; templates escape.
#[derive(Clone, Debug, Serialize)]
pub struct IssueView {
    /// Language of the issue.
    pub language: Language,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// Newsroom's name in that language.
    pub newsroom: String,
    /// Newsletter's name in that language.
    pub newsletter: String,
    /// Subject.
    pub subject: String,
    /// 2nd and 3rd headline joined by " · ".
    pub preheader: String,
    /// Masthead date of the issue's local date.
    pub date: String,
    /// «7 жаңалық»
    pub count_text: String,
    /// What the editor says on top, by paragraph.
    pub note: Vec<String>,
    /// The first story.
    pub lead: ItemView,
    /// Stories 2–8, by section.
    pub groups: Vec<GroupView>,
    /// Headlines only.
    pub briefs: Vec<ItemView>,
    /// Corrections and withdrawals of texts that the readers of this issue had.
    pub notices: Vec<NoticeView>,
    /// Stories beyond those shown.
    pub more: i64,
    /// Address of the issue in the browser; holds no token.
    pub url: String,
    /// Public address of the newsroom without a slash.
    pub base_url: String,
    /// The newsroom's own front page in the issue's language.
    pub front_url: String,
    /// Accent colour, `#rrggbb`.
    pub accent: String,
    /// The operator's lines: legal name, postal address, e-mail, phone; those that are set.
    pub operator: Vec<String>,
    /// Where the privacy policy stands, if the operator says so.
    pub privacy_url: Option<String>,
    /// `{base}/preferences/{placeholder}`; empty on the web page.
    pub preferences_url: String,
    /// `{base}/unsubscribe/{placeholder}`; empty on the web page.
    pub unsubscribe_url: String,
    /// `{base}/{lang}/subscribe`
    pub subscribe_url: String,
}

/// Stories under one section's name.
#[derive(Clone, Debug, Serialize)]
pub struct GroupView {
    /// Name of the section, only if the issue has at least two.
    pub title: Option<String>,
    /// Stories.
    pub items: Vec<ItemView>,
}

/// One line about a text that the readers had: what was wrong with it, or that it is withdrawn.
#[derive(Clone, Debug, Serialize)]
pub struct NoticeView {
    /// Title of a corrected text; none of a withdrawn one, whose words are not repeated.
    pub title: Option<String>,
    /// Where the title leads.
    pub url: Option<String>,
    /// The sentence.
    pub text: String,
    /// Section and «27 ақпан, 18:40» of a withdrawn text, so that its readers know which it was.
    pub place: String,
    /// Language of title and sentence.
    pub language: Language,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// As [`ItemView::language_tag`].
    pub language_tag: Option<String>,
}

/// One story.
#[derive(Clone, Debug, Serialize)]
pub struct ItemView {
    /// Title.
    pub title: String,
    /// Summary, cut for its place (lead ≤ 240, else ≤ 160 letters).
    pub summary: String,
    /// Where the title leads.
    pub url: String,
    /// Language of the story.
    pub language: Language,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// `рус`, `қаз`, `eng`: only if the story's language is not the issue's.
    pub language_tag: Option<String>,
    /// Byline.
    pub byline: Option<String>,
    /// «27 ақпан, 18:40» in the reader's zone.
    pub time: String,
    /// Absolute address of the photo; the lead's only.
    pub image: Option<String>,
    /// Its alt text.
    pub image_alt: String,
}
