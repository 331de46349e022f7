//! Words and looks: string files that agree with each other, templates that render in every language, mails within their size.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jarshy::base::language::Language;
use jarshy::config::Config;
use jarshy::digest::{GroupView, IssueView, ItemView};
use jarshy::theme::{Arg, Theme};

use crate::support::{NEWSROOM, SECRETS};

const LANGUAGES: [&str; 3] = ["kk", "ru", "en"];

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn config() -> Config {
    Config::parse(
        Path::new("jarshy.toml"),
        &format!("{NEWSROOM}{SECRETS}"),
        &[],
    )
    .unwrap()
}

fn theme() -> Theme {
    Theme::load(&config()).unwrap()
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Key and text of each message; a text runs over the indented lines beneath it.
fn messages(tag: &str) -> BTreeMap<String, String> {
    let source = std::fs::read_to_string(root(&format!("templates/locales/{tag}.ftl"))).unwrap();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in source.lines().filter(|l| !l.starts_with('#')) {
        if let Some((key, text)) = line
            .split_once(" = ")
            .filter(|_| !line.starts_with([' ', '}']))
        {
            key.clone_into(&mut last);
            assert!(
                found.insert(last.clone(), text.to_owned()).is_none(),
                "{tag}: {key} stands twice"
            );
        } else if !line.trim().is_empty() {
            let text = found.get_mut(&last).unwrap();
            text.push('\n');
            text.push_str(line);
        }
    }
    found
}

fn placeholders(text: &str) -> BTreeSet<String> {
    text.match_indices('$')
        .map(|(at, _)| {
            text[at + 1..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '-' || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn the_three_languages_have_the_same_strings_with_the_same_placeholders() {
    let english = messages("en");
    assert!(english.len() > 150);
    for tag in ["kk", "ru"] {
        let own = messages(tag);
        let keys = |m: &BTreeMap<String, String>| m.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&own), keys(&english), "{tag}");
        for (key, text) in &own {
            assert_eq!(
                placeholders(text),
                placeholders(&english[key]),
                "{tag}: {key}"
            );
        }
    }
}

#[test]
fn every_string_formats_in_every_language() {
    let theme = theme();
    for tag in LANGUAGES {
        for (key, text) in messages(tag) {
            let names = placeholders(&text);
            for n in [0, 1, 2, 5, 11, 21, 1204] {
                let args: Vec<(&str, Arg<'_>)> = names
                    .iter()
                    .map(|name| {
                        let is_number = matches!(name.as_str(), "n" | "total");
                        (
                            name.as_str(),
                            if is_number {
                                Arg::Number(n)
                            } else {
                                Arg::Text("мәтін")
                            },
                        )
                    })
                    .collect();
                let out = theme.text(&language(tag), &key, &args);
                assert!(!out.is_empty() && out != key, "{tag}: {key}");
                assert!(
                    !out.contains(['{', '}', '\u{2068}', '\u{2069}']),
                    "{tag}: {key}: {out}"
                );
            }
        }
    }
}

/// A suffix of Kazakh follows the sounds of the word it is glued to, which no template can know: «08:00-де», but «09:00-да».
///
/// M23: the grammar of Kazakh, rules 1 and 2.
#[test]
fn no_kazakh_string_glues_a_suffix_to_a_placeholder_or_selects_a_plural() {
    for (key, text) in messages("kk") {
        assert!(
            !text.contains("->"),
            "{key} selects a plural: in Kazakh a noun after a number is singular"
        );
        for (at, _) in text.match_indices('}') {
            let behind: String = text[at + 1..].chars().take(2).collect();
            let glued = behind.trim_start_matches(['-', '\u{2010}', '\u{2011}', '’', '\'', '»']);
            let letter = glued.chars().next().is_some_and(char::is_alphabetic);
            assert!(!letter || behind.starts_with(' '), "{key}: {text}");
        }
    }
}

/// M23: «5 жаңалық», never «5 жаңалықтар».
#[test]
fn no_kazakh_noun_after_a_number_is_plural() {
    const PLURALS: [&str; 6] = ["лар", "лер", "дар", "дер", "тар", "тер"];
    for (key, text) in messages("kk") {
        let Some(at) = text.find("{ $n }") else {
            continue;
        };
        for word in text[at + 6..].split_whitespace().take(2) {
            let stem = word.trim_matches(|c: char| !c.is_alphabetic());
            assert!(!PLURALS.iter().any(|p| stem.ends_with(p)), "{key}: {text}");
        }
    }
}

/// M23: plurals.
#[test]
fn numbers_choose_their_words() {
    let theme = theme();
    let say =
        |tag: &str, key: &str, n: i64| theme.text(&language(tag), key, &[("n", Arg::Number(n))]);
    for (tag, n, expected) in [
        ("kk", 1, "1 жаңа материал"),
        ("kk", 7, "7 жаңа материал"),
        ("ru", 1, "1 новый материал"),
        ("ru", 2, "2 новых материала"),
        ("ru", 5, "5 новых материалов"),
        ("ru", 11, "11 новых материалов"),
        ("ru", 21, "21 новый материал"),
        ("ru", 104, "104 новых материала"),
        ("en", 1, "1 new story"),
        ("en", 2, "2 new stories"),
        ("en", 1204, "1,204 new stories"),
    ] {
        assert_eq!(say(tag, "new-stories", n), expected);
    }
    assert_eq!(say("kk", "views", 1024), "1\u{202f}024 рет қаралды");
    let tail = |tag: &str, title: &str, n: i64| {
        theme.text(
            &language(tag),
            "subject-with-more",
            &[("title", Arg::Text(title)), ("n", Arg::Number(n))],
        )
    };
    assert_eq!(
        tail("kk", "Су тасқынына дайындық басталды", 6),
        "Су тасқынына дайындық басталды және тағы 6 жаңалық"
    );
    assert_eq!(
        tail("ru", "Началась подготовка к паводку", 3),
        "Началась подготовка к паводку и ещё 3 новости"
    );
    assert_eq!(
        tail("en", "Flood season begins", 1),
        "Flood season begins and 1 more story"
    );
}

#[test]
fn other_languages_are_served_in_english() {
    let theme = theme();
    for (given, served) in [
        ("kk", "kk"),
        ("kk-Latn", "kk"),
        ("ru-KZ", "ru"),
        ("sk", "en"),
        ("en-GB", "en"),
    ] {
        assert_eq!(theme.interface(&language(given)).as_str(), served);
    }
    assert_eq!(theme.text(&language("sk"), "subscribe", &[]), "Subscribe");
    assert_eq!(theme.language_tag(&language("kk")), "қаз");
    assert_eq!(theme.language_short(&language("ru")), "Рус");
    assert_eq!(theme.language_tag(&language("sk")), "sk");
}

/// Every literal key that the code asks for, e.g. `theme.text(&language, "subscribe", …)`, is in the files.
#[test]
fn the_code_asks_only_for_strings_that_exist() {
    let known = messages("en");
    let mut files = vec![root("src")];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for (at, _) in source.match_indices(".text(") {
            let call = &source[at..];
            let call = &call[..call.find(';').unwrap_or(call.len()).min(300)];
            let Some(key) = call
                .split('"')
                .nth(1)
                .filter(|_| call.starts_with(".text(\n") || call.contains(", \""))
            else {
                continue;
            };
            let is_key = key.contains('-')
                && key
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if is_key && !key.ends_with('-') {
                seen += 1;
                assert!(
                    known.contains_key(key),
                    "{}: no string {key:?}",
                    path.display()
                );
            }
        }
    }
    eprintln!("{seen} keys");
}

// ---------------------------------------------------------------------------------------------- templates

fn story(tag: &str, issue: &str, n: usize) -> ItemView {
    // Invented stories, as editors of each language would head them.
    let (titles, summary): (&[&str], &str) = match tag {
        "kk" => (
            &[
                "Су тасқынына дайындық басталды",
                "Ауыл мектебінде жаңа кітапхана ашылды",
                "Көкөніс жәрмеңкесі сенбіде өтеді",
                "Тау шаңғысынан жасөспірімдер арасындағы жарыс аяқталды",
                "Халықаралық ынтымақтастықтың басымдықтары талқыланды",
            ],
            "Төтенше жағдайлар қызметі өзен бойындағы ауылдарды аралап, бөгеттердің жайын тексерді. Қауіпті учаскелерде кезекшілік күшейтілді.",
        ),
        "ru" => (
            &[
                "Началась подготовка к паводку",
                "В сельской школе открыли новую библиотеку",
                "Ярмарка овощей пройдёт в субботу",
                "Завершились соревнования по горным лыжам среди юниоров",
                "Обсуждены приоритеты международного сотрудничества",
            ],
            "Спасатели объехали посёлки вдоль реки и проверили состояние плотин. На опасных участках усилено дежурство.",
        ),
        _ => (
            &[
                "Flood season preparations begin",
                "A village school opens its new library",
                "Vegetable fair to be held on Saturday",
                "Junior alpine ski races come to an end",
                "Priorities of international cooperation discussed",
            ],
            "Rescue teams visited the villages along the river and checked the dams. Watch has been doubled where the banks are low.",
        ),
    };
    let theme_tag = match tag {
        "kk" => "қаз",
        "ru" => "рус",
        _ => "eng",
    };
    let at = jiff::civil::date(2026, 2, 27).at(18, (40 + n as i8) % 60, 0, 0);
    ItemView {
        title: if n < titles.len() {
            titles[n].to_owned()
        } else {
            format!("{} № {n}", titles[n % titles.len()])
        },
        summary: summary.to_owned(),
        url: format!("https://news.example.kz/{tag}/news/story-{n}"),
        language: language(tag),
        direction: "ltr",
        language_tag: (tag != issue).then(|| theme_tag.to_owned()),
        byline: (n == 0).then(|| match tag {
            "kk" => "Облыс әкімдігінің баспасөз қызметі".to_owned(),
            "ru" => "Пресс-служба акимата области".to_owned(),
            _ => "Press service of the region".to_owned(),
        }),
        time: jarshy::theme::dates::day_and_time(at, &language(issue)),
        image: (n == 0).then(|| "https://news.example.kz/media/flood-600.jpg".to_owned()),
        image_alt: if n == 0 {
            titles[0].to_owned()
        } else {
            String::new()
        },
    }
}

/// An issue of `count` stories; every fourth is in another language.
fn issue(theme: &Theme, tag: &str, count: usize) -> IssueView {
    let config = config();
    let other = if tag == "ru" { "kk" } else { "ru" };
    let stories: Vec<ItemView> = (0..count)
        .map(|n| story(if n % 4 == 3 { other } else { tag }, tag, n))
        .collect();
    let text =
        |key: &str, n: usize| theme.text(&language(tag), key, &[("n", Arg::Number(n as i64))]);
    let shown = count.min(15);
    let mut groups: Vec<GroupView> = Vec::new();
    for (i, item) in stories[..shown.min(8)].iter().enumerate().skip(1) {
        if (i - 1) % 3 == 0 {
            let section = &config.sections[((i - 1) / 3) % 3];
            groups.push(GroupView {
                title: (count > 4).then(|| section.names.get(&language(tag)).to_owned()),
                items: Vec::new(),
            });
        }
        groups.last_mut().unwrap().items.push(item.clone());
    }
    let title = stories[0].title.clone();
    IssueView {
        language: language(tag),
        direction: "ltr",
        newsroom: config.newsroom.names.get(&language(tag)).to_owned(),
        newsletter: config.newsletters[0].names.get(&language(tag)).to_owned(),
        subject: if count == 1 {
            title
        } else {
            theme.text(
                &language(tag),
                "subject-with-more",
                &[
                    ("title", Arg::Text(&title)),
                    ("n", Arg::Number(count as i64 - 1)),
                ],
            )
        },
        preheader: stories
            .iter()
            .skip(1)
            .take(2)
            .map(|s| s.title.as_str())
            .collect::<Vec<_>>()
            .join(" · "),
        date: jarshy::theme::dates::masthead(jiff::civil::date(2026, 2, 28), &language(tag)),
        count_text: text("new-stories", count),
        note: vec![],
        lead: stories[0].clone(),
        groups,
        briefs: stories.get(8..shown).unwrap_or_default().to_vec(),
        notices: vec![],
        more: (count - shown) as i64,
        url: "https://news.example.kz/issues/01890000-0000-7000-8000-000000000001".to_owned(),
        base_url: "https://news.example.kz".to_owned(),
        front_url: format!("https://news.example.kz/{tag}/"),
        accent: config.newsroom.accent.clone(),
        operator: vec![
            config
                .newsroom
                .operator
                .names
                .get(&language(tag))
                .to_owned(),
            "office@news.example.kz".to_owned(),
            "+7 700 000 00 00".to_owned(),
        ],
        privacy_url: Some("https://news.example.kz/privacy".to_owned()),
        preferences_url:
            "https://news.example.kz/preferences/PLACEHOLDER0000000000000000000000000000000000"
                .to_owned(),
        unsubscribe_url:
            "https://news.example.kz/unsubscribe/PLACEHOLDER000000000000000000000000000000000"
                .to_owned(),
        subscribe_url: format!("https://news.example.kz/{tag}/subscribe"),
    }
}

fn small_mail(tag: &str, subject: &str) -> serde_json::Value {
    let config = config();
    serde_json::json!({
        "language": tag,
        "direction": "ltr",
        "subject": subject,
        "newsroom": config.newsroom.names.get(&language(tag)),
        "newsletter": config.newsletters[0].names.get(&language(tag)),
        "base_url": "https://news.example.kz",
        "accent": config.newsroom.accent,
        "operator": [config.newsroom.operator.names.get(&language(tag)), "office@news.example.kz"],
        "url": "https://news.example.kz/confirm/PLACEHOLDER000000000000000000000000000000000",
        "valid_days": 3,
        "next_date": if tag == "en" { "" } else { "сенбі, 28 ақпан" },
        "next_time": "08:00",
        "leave_url": "https://news.example.kz/unsubscribe/PLACEHOLDER000000000000000000000000000000000",
    })
}

/// Both parts of an issue, as they are mailed.
fn compiled(theme: &Theme, view: &IssueView) -> (String, String) {
    let html = theme
        .render("email/digest.html", &view.language, view)
        .unwrap();
    let text = theme
        .render("email/digest.txt", &view.language, view)
        .unwrap();
    (theme.inline_css(&html).unwrap(), text)
}

fn items(view: &IssueView) -> Vec<&ItemView> {
    std::iter::once(&view.lead)
        .chain(view.groups.iter().flat_map(|g| &g.items))
        .chain(&view.briefs)
        .collect()
}

/// Title and address of each `<h2>`, in order; the small tag of another language is no part of the title.
fn headings(html: &str) -> Vec<(String, String)> {
    let between = |text: &str, from: &str, to: &str| {
        let start = text.find(from).unwrap() + from.len();
        text[start..start + text[start..].find(to).unwrap()].to_owned()
    };
    html.split("<h2")
        .skip(1)
        .map(|part| {
            let link = between(part, "<a href=", "</a>");
            let words = link.split("</span>").last().unwrap();
            let title = words.rsplit('>').next().unwrap().trim();
            (title.to_owned(), between(&link, "\"", "\""))
        })
        .collect()
}

/// Everything in `templates/email` is rendered in every language with every shape of issue; undefined values are errors.
/// With `JARSHY_RENDERED` set, the files are left in that folder to be looked at.
#[test]
fn every_mail_renders_in_every_language() {
    let theme = theme();
    let out = std::env::var_os("JARSHY_RENDERED").map(PathBuf::from);
    let keep = |name: String, text: &str| {
        if let Some(folder) = &out {
            std::fs::write(folder.join(name), text).unwrap();
        }
    };
    for tag in LANGUAGES {
        for count in [1, 2, 7, 15, 30] {
            let (html, text) = compiled(&theme, &issue(&theme, tag, count));
            keep(format!("digest-{tag}-{count}.html"), &html);
            keep(format!("digest-{tag}-{count}.txt"), &text);
        }
        for (name, subject) in [
            ("confirmation", "confirm-subject"),
            ("already", "already-subject"),
            ("test", "test-subject"),
            ("welcome", "welcome-subject"),
            ("change_from", "change-subject"),
            ("change_to", "change-subject"),
            ("link", "link-subject"),
            ("goodbye", "goodbye-subject"),
        ] {
            let subject = theme.text(
                &language(tag),
                subject,
                &[
                    ("site", Arg::Text("Тау жаршысы")),
                    ("subject", Arg::Text("Тау жаршысы")),
                ],
            );
            let view = small_mail(tag, &subject);
            let html = theme
                .render(&format!("email/{name}.html"), &language(tag), &view)
                .unwrap();
            let text = theme
                .render(&format!("email/{name}.txt"), &language(tag), &view)
                .unwrap();
            let html = theme.inline_css(&html).unwrap();
            assert!(html.len() < 12_000, "{name} {tag}: {} bytes", html.len());
            assert!(html.contains("PLACEHOLDER") && text.contains("PLACEHOLDER"));
            assert!(
                text.lines()
                    .all(|l| l.starts_with("https://") || l.chars().count() <= 72),
                "{text}"
            );
            keep(format!("{name}-{tag}.html"), &html);
            keep(format!("{name}-{tag}.txt"), &text);
        }
    }
    let tested = [
        "digest",
        "confirmation",
        "already",
        "test",
        "welcome",
        "change_from",
        "change_to",
        "link",
        "goodbye",
        "small",
        "frame",
    ];
    for entry in std::fs::read_dir(root("templates/email")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            tested.contains(&stem),
            "{} is rendered by no test",
            path.display()
        );
    }
}

/// M16: the sizes of PRODUCT.md section 4.
#[test]
fn an_issue_stays_small() {
    let theme = theme();
    for tag in LANGUAGES {
        let size = |count| compiled(&theme, &issue(&theme, tag, count)).0.len();
        let (one, seven, eight) = (size(1), size(7), size(8));
        assert!(
            one <= 12_000,
            "{tag}: the shell with one story takes {one} bytes"
        );
        assert!(
            eight - seven <= 1_600,
            "{tag}: one more story takes {} bytes",
            eight - seven
        );
        assert!(size(30) <= 40_000, "{tag}: {} bytes", size(30));
    }
}

/// T18: text and HTML list the same items in the same order.
#[test]
fn both_parts_hold_the_same_stories_in_the_same_order() {
    let theme = theme();
    for tag in LANGUAGES {
        for count in [1, 2, 7, 15, 30] {
            let view = issue(&theme, tag, count);
            let (html, text) = compiled(&theme, &view);
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut in_text = 0;
            for item in items(&view) {
                for needle in [&item.title, &item.url] {
                    in_text += flat[in_text..].find(needle.as_str()).expect(needle);
                }
            }
            let expected: Vec<_> = items(&view)
                .iter()
                .map(|item| (item.title.clone(), item.url.clone()))
                .collect();
            assert_eq!(headings(&html), expected);
            assert!(
                text.lines()
                    .all(|l| l.contains("https://") || l.chars().count() <= 72),
                "{text}"
            );
            for url in [
                &view.url,
                &view.preferences_url,
                &view.unsubscribe_url,
                &view.subscribe_url,
            ] {
                assert!(
                    html.contains(url.as_str()) && text.contains(url.as_str()),
                    "{url}"
                );
            }
        }
    }
}

#[test]
fn a_story_in_another_language_says_so_to_eyes_and_to_screen_readers() {
    let theme = theme();
    let view = issue(&theme, "kk", 7);
    let (html, text) = compiled(&theme, &view);
    assert!(html.contains("lang=\"ru\""), "{html}");
    assert!(
        html.contains(">рус</span>") && text.contains("[рус] Завершились"),
        "{text}"
    );
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<html lang=\"kk\" dir=\"ltr\">"));
}

#[test]
fn what_a_stranger_typed_is_escaped_in_html_and_left_alone_in_text() {
    let theme = theme();
    let mut view = issue(&theme, "ru", 2);
    view.lead.title = "Акция «1 < 2 & 3»".to_owned();
    view.lead.image_alt = "\"><script>".to_owned();
    let (html, text) = compiled(&theme, &view);
    assert!(
        html.contains("1 &lt; 2 &amp; 3") && html.contains("alt=\"&quot;"),
        "{html}"
    );
    assert!(text.contains("Акция «1 < 2 & 3»"));
}

#[test]
fn a_newsroom_puts_its_own_templates_and_words_on_top() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("email")).unwrap();
    std::fs::create_dir_all(folder.path().join("locales")).unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("email/already.txt", "{{ t('subscribe') }} {{ lang }}");
    put("locales/kk.ftl", "subscribe = Жазылыңыз\n");
    put("locales/de.ftl", "subscribe = Abonnieren\n");
    let mut config = config();
    config.theme.folder = Some(folder.path().to_path_buf());
    let theme = Theme::load(&config).unwrap();
    let render = |tag: &str| {
        theme
            .render("email/already.txt", &language(tag), serde_json::json!({}))
            .unwrap()
    };
    assert_eq!(render("kk"), "Жазылыңыз kk");
    assert_eq!(render("de"), "Abonnieren de");
    assert_eq!(theme.text(&language("de"), "search", &[]), "Search");

    for (name, text, complaint) in [
        (
            "email/already.txt",
            "ok\n{% if %}",
            "email/already.txt, line 2",
        ),
        (
            "email/already.txt",
            "ok\n\n{{ t('no-such-key') }}",
            "email/already.txt, line 3: there is no string",
        ),
        (
            "locales/kk.ftl",
            "subscribe = ok\nbroken { $ = x\n",
            "kk.ftl, line 2",
        ),
    ] {
        let before = std::fs::read_to_string(folder.path().join(name)).unwrap();
        put(name, text);
        let error = Theme::load(&config).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
        put(name, &before);
    }
    put("email/already.txt", "{{ nobody.knows }}");
    let error = Theme::load(&config).unwrap().render(
        "email/already.txt",
        &language("kk"),
        serde_json::json!({}),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("email/already.txt, line 1")
    );
    put(
        "email/already.txt",
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
    );
    let error = Theme::load(&config).unwrap().render(
        "email/already.txt",
        &language("kk"),
        serde_json::json!({}),
    );
    assert!(
        error.unwrap_err().to_string().contains("fuel"),
        "a template that never ends is stopped"
    );
}

#[test]
fn date_filters_take_milliseconds_rfc_3339_and_days() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("web")).unwrap();
    let source = "{{ ms|date_masthead }}|{{ ms|time(zone='Europe/Berlin') }}|{{ text|date_time_short }}|{{ text|time(zone='UTC') }}|\
        {{ day|date_weekday }}|{{ day|datetime }}|{{ ms|datetime }}|{{ text|datetime }}|{{ weekday(1) }}|{{ 1204|number }}";
    std::fs::write(folder.path().join("web/dates.txt"), source).unwrap();
    let mut config = config();
    config.theme.folder = Some(folder.path().to_path_buf());
    let theme = Theme::load(&config).unwrap();
    let context = serde_json::json!({
        "ms": 1_772_247_600_000_i64,
        "text": "2026-02-27T23:59:59-05:00",
        "day": "2026-03-01",
    });
    let out = theme
        .render("web/dates.txt", &language("ru"), context)
        .unwrap();
    assert_eq!(
        out,
        "Суббота, 28 февраля 2026|04:00|27.02.2026, 23:59|04:59|воскресенье, 1 марта|2026-03-01|\
        2026-02-28T08:00:00+05:00|2026-02-27T23:59:59-05:00|понедельник|1\u{202f}204"
    );
    for bad in [
        serde_json::json!("28.02.2026"),
        serde_json::json!(null),
        serde_json::json!("2026-02-30"),
    ] {
        let context =
            serde_json::json!({ "ms": bad, "text": "2026-02-27T23:59:59Z", "day": "2026-03-01" });
        assert!(
            theme
                .render("web/dates.txt", &language("ru"), context)
                .is_err()
        );
    }
}
