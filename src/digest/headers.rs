//! The headers that make a letter a newsletter (REQUIREMENTS-EMAIL.md 1b). What every letter has, delivery adds. Pure.

use crate::audience::Newsletter;
use crate::base::language::Language;
use crate::base::token::Purpose;

/// What the headers of an issue are made of.
pub struct Place<'a> {
    /// Public address without a slash.
    pub base_url: &'a str,
    /// The language whose pages the links lead to.
    pub site: &'a Language,
    /// The newsletter.
    pub newsletter: &'a Newsletter,
    /// Its name in the language of the issue.
    pub name: &'a str,
    /// Where answers go.
    pub owner: &'a str,
    /// Uid of the issue.
    pub issue_uid: &'a str,
}

/// List-* (RFC 2369, RFC 2919, RFC 8058), Archived-At (RFC 5064) and Feedback-ID, in this order. Nothing in them is personal but
/// the token in List-Unsubscribe.
pub fn list_headers(place: &Place<'_>) -> Vec<(String, String)> {
    let Place {
        base_url,
        site,
        newsletter,
        issue_uid,
        ..
    } = place;
    let unsubscribe = Purpose::Unsubscribe.placeholder();
    [
        (
            "List-Id",
            // In its own letters: the writer of headers encodes a phrase, once (RFC 2919 section 3, RFC 2047 section 5).
            format!("{} <{}>", place.name, newsletter.list_id),
        ),
        (
            "List-Unsubscribe",
            format!("<{base_url}/unsubscribe/{unsubscribe}>"),
        ),
        (
            "List-Unsubscribe-Post",
            "List-Unsubscribe=One-Click".to_owned(),
        ),
        ("List-Subscribe", format!("<{base_url}/{site}/subscribe>")),
        ("List-Help", format!("<{base_url}/{site}/subscribe>")),
        ("List-Owner", format!("<mailto:{}>", place.owner)),
        ("List-Post", "NO".to_owned()),
        ("List-Archive", format!("<{base_url}/{site}/>")),
        ("Archived-At", format!("<{base_url}/issues/{issue_uid}>")),
        (
            "Feedback-ID",
            format!(
                "{}:{}:digest:{}",
                issue_uid.split('-').next().unwrap_or(issue_uid),
                newsletter.slug,
                sender_id(&newsletter.list_id)
            ),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The last field of Feedback-ID, the same for every mail of a newsroom: 5 to 15 letters of the list's domain.
fn sender_id(list_id: &str) -> String {
    let domain = list_id
        .split_once('.')
        .map_or(list_id, |(_, domain)| domain);
    let letters: String = domain
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(15)
        .collect();
    format!("{letters:x<5}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Names;

    fn newsletter() -> Newsletter {
        Newsletter {
            id: 1,
            uid: "u".to_owned(),
            slug: "daily".to_owned(),
            names: Names::from([("kk", "Күн жаңалықтары")]),
            sections: vec![],
            sender: "digest@news.example.kz".to_owned(),
            reply_to: None,
            list_id: "daily.news.example.kz".to_owned(),
            relay: "default".to_owned(),
            minute: 480,
            late_until_hours: 6,
            max_items: 15,
            max_age_days: 7,
            resend_uncertain: true,
        }
    }

    #[test]
    fn the_headers_of_a_newsletter() {
        let newsletter = newsletter();
        let headers = list_headers(&Place {
            base_url: "https://news.example.kz",
            site: &Language::parse("kk").unwrap(),
            newsletter: &newsletter,
            name: "Күн жаңалықтары",
            owner: "office@news.example.kz",
            issue_uid: "6f1c2d3e-0000-8000-8000-000000000000",
        });
        let get = |name: &str| &headers.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(get("List-Id"), "Күн жаңалықтары <daily.news.example.kz>");
        assert_eq!(
            *get("List-Unsubscribe"),
            format!(
                "<https://news.example.kz/unsubscribe/{}>",
                Purpose::Unsubscribe.placeholder()
            )
        );
        assert_eq!(get("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert_eq!(
            get("Archived-At"),
            "<https://news.example.kz/issues/6f1c2d3e-0000-8000-8000-000000000000>"
        );
        assert_eq!(get("Feedback-ID"), "6f1c2d3e:daily:digest:newsexamplekz");
        assert!(
            headers
                .iter()
                .all(|(n, v)| (n == "List-Id" || v.is_ascii()) && !v.contains(['\r', '\n']))
        );
    }
}
