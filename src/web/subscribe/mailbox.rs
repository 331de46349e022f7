//! Where a person's mailbox opens in a browser.

/// Name and address of the web mail of a domain, if it is one of the large ones.
pub(super) fn web_mail(domain: &str) -> Option<(&'static str, &'static str)> {
    Some(match domain {
        "gmail.com" | "googlemail.com" => ("Gmail", "https://mail.google.com/"),
        "mail.ru" | "inbox.ru" | "list.ru" | "bk.ru" | "internet.ru" => {
            ("Mail.ru", "https://e.mail.ru/inbox/")
        }
        "yandex.kz" => ("Yandex", "https://mail.yandex.kz/"),
        "yandex.ru" | "yandex.com" | "yandex.by" | "ya.ru" | "narod.ru" => {
            ("Yandex", "https://mail.yandex.ru/")
        }
        "outlook.com" | "hotmail.com" | "live.com" | "msn.com" => {
            ("Outlook", "https://outlook.live.com/mail/")
        }
        "icloud.com" | "me.com" => ("iCloud", "https://www.icloud.com/mail"),
        "yahoo.com" => ("Yahoo", "https://mail.yahoo.com/"),
        "rambler.ru" => ("Rambler", "https://mail.rambler.ru/"),
        "proton.me" | "protonmail.com" => ("Proton", "https://mail.proton.me/"),
        _ => return None,
    })
}
