//! What a message says, and how its HTML is shown under other conditions. Pure.

use mail_parser::{HeaderValue, MessageParser, MimeHeaders};

/// What the index keeps of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Head {
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) language: String,
    pub(crate) message_id: String,
}

/// Reads the head of a message; what it does not say is empty.
pub(crate) fn head(bytes: &[u8]) -> Head {
    let Some(message) = MessageParser::default().parse_headers(bytes) else {
        return Head::default();
    };
    let from = message.from().and_then(|from| from.first());
    Head {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: from
            .and_then(|a| a.name().or(a.address()))
            .unwrap_or_default()
            .to_owned(),
        language: language(message.content_language()),
        message_id: message.message_id().unwrap_or_default().to_owned(),
    }
}

fn language(value: &HeaderValue<'_>) -> String {
    match value {
        HeaderValue::Text(tag) => tag.to_string(),
        HeaderValue::TextList(tags) => tags.first().map(ToString::to_string).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The parts a person reads, and whether the message has them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) html: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) date: String,
    pub(crate) to: String,
    pub(crate) from: String,
}

/// Reads a message. A part that is not there is `None`: nothing is made from the other one.
pub(crate) fn parts(bytes: &[u8]) -> Parts {
    let Some(message) = MessageParser::default().parse(bytes) else {
        return Parts::default();
    };
    let part = |wanted: &str| {
        message.parts.iter().find_map(|part| {
            let is_wanted = part
                .content_type()
                .is_some_and(|t| t.ctype() == "text" && t.subtype() == Some(wanted));
            is_wanted.then(|| part.text_contents()).flatten()
        })
    };
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.and_then(|list| list.first())
            .map(|one| match (one.name(), one.address()) {
                (Some(name), Some(address)) => format!("{name} <{address}>"),
                (name, address) => name.or(address).unwrap_or_default().to_owned(),
            })
            .unwrap_or_default()
    };
    Parts {
        html: part("html").map(str::to_owned),
        text: part("plain").map(str::to_owned),
        date: message
            .header_raw("Date")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        to: address(message.to()),
        from: address(message.from()),
    }
}

/// Shows HTML as a mail program in dark mode (or in light mode) would: the media queries are answered here, because a page
/// cannot set `prefers-color-scheme` for a frame in every browser.
pub(crate) fn with_colours(html: &str, dark: bool) -> String {
    let (yes, no) = ("all", "not all");
    let (for_dark, for_light) = if dark { (yes, no) } else { (no, yes) };
    let answered = html
        .replace("(prefers-color-scheme: dark)", for_dark)
        .replace("(prefers-color-scheme:dark)", for_dark)
        .replace("(prefers-color-scheme: light)", for_light)
        .replace("(prefers-color-scheme:light)", for_light);
    let scheme = if dark { "dark" } else { "light" };
    let style =
        format!("<base target=\"_blank\"><style>:root{{color-scheme:{scheme}!important}}</style>");
    match answered.find("</head>") {
        Some(at) => format!("{}{style}{}", &answered[..at], &answered[at..]),
        None => format!("{style}{answered}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dark_rules_of_a_mail_count_in_the_dark_alone() {
        let html = "<head><style>@media (prefers-color-scheme: dark){p{color:#fff}}</style></head><p>a</p>";
        assert!(with_colours(html, true).contains("@media all{p{"));
        assert!(with_colours(html, false).contains("@media not all{p{"));
    }

    #[test]
    fn a_part_that_is_absent_is_not_made_up() {
        let text = b"Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xd0\xb0\r\n";
        assert_eq!(parts(text).html, None);
        assert_eq!(parts(text).text.as_deref().map(str::trim), Some("а"));
        let both = b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nt\r\n\
            --x\r\nContent-Type: text/html\r\n\r\n<p>h\r\n--x--\r\n";
        assert_eq!(parts(both).html.as_deref().map(str::trim), Some("<p>h"));
    }

    #[test]
    fn noise_is_an_empty_message() {
        assert_eq!(head(b"\xff\xfe\0").subject, "");
        assert_eq!(parts(b"").html, None);
    }
}
