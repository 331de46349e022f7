//! What the columns of a list are, by their headings: ours, those of Mailchimp, listmonk and Ghost, and what people of this
//! country write above a table.

use super::csv::{Record, Separator};
use super::state::fold;
use crate::base::address::EmailAddress;

/// What one column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The address.
    Email,
    /// A name; it is not kept, but shows whether a file lost letters.
    Name,
    /// Where the person stands: see `state`.
    State,
    /// Whether the person gets mail, yes or no.
    Subscribed,
    /// When the person left; empty for who did not.
    LeftAt,
    /// When the address bounced; empty for one that did not.
    BouncedAt,
    /// Languages.
    Languages,
    /// Slugs of sections, as our own lists have them.
    Sections,
    /// Slugs of tags of stories, as our own lists have them.
    StoryTags,
    /// What another program calls tags, labels or lists.
    Labels,
    /// Time zone.
    Zone,
    /// When mail comes.
    Cadence,
    /// The local hour.
    Hour,
    /// The text part alone.
    TextOnly,
    /// Local date until which mail pauses.
    PausedUntil,
    /// Slug of a newsletter.
    Newsletter,
    /// When the person asked for mail.
    JoinedAt,
    /// When the person confirmed.
    ConfirmedAt,
    /// The network address the person asked from.
    JoinedFrom,
}

/// Headings, folded. Mailchimp: OPTIN_TIME, CONFIRM_TIME, UNSUB_TIME, CLEAN_TIME, TIMEZONE, TAGS; listmonk: status, attributes,
/// created_at; Ghost: subscribed_to_emails, labels, deleted_at.
const HEADINGS: &[(Field, &[&str])] = &[
    (
        Field::Email,
        &[
            "email",
            "emailaddress",
            "mail",
            "emailadress",
            "почта",
            "электроннаяпочта",
            "адресэлектроннойпочты",
            "электронныйадрес",
            "элпочта",
            "эладрес",
            "емейл",
            "имейл",
            "емайл",
            "мейл",
            "адреспочты",
            "адресemail",
            "электрондықпошта",
            "электрондыпошта",
            "электрондықмекенжай",
            "электрондықпоштамекенжайы",
            "пошта",
            "эпошта",
            "поштамекенжайы",
        ],
    ),
    (
        Field::Name,
        &[
            "name",
            "firstname",
            "lastname",
            "fullname",
            "имя",
            "фамилия",
            "отчество",
            "фио",
            "имяифамилия",
            "аты",
            "тегі",
            "атыжөні",
            "тегіаты",
            "әкесініңаты",
        ],
    ),
    (
        Field::State,
        &[
            "state",
            "status",
            "статус",
            "состояние",
            "статусподписки",
            "күйі",
            "жағдайы",
            "мәртебе",
            "мәртебесі",
        ],
    ),
    (
        Field::Subscribed,
        &["subscribedtoemails", "subscribed", "подписан", "жазылған"],
    ),
    (
        Field::LeftAt,
        &[
            "unsubtime",
            "unsubscribedat",
            "leftat",
            "deletedat",
            "датаотписки",
            "бастартқанкүні",
        ],
    ),
    (Field::BouncedAt, &["cleantime", "bouncedat"]),
    (
        Field::Languages,
        &[
            "languages",
            "language",
            "lang",
            "locale",
            "preferredlanguage",
            "язык",
            "языки",
            "языкрассылки",
            "тіл",
            "тілі",
            "тілдер",
        ],
    ),
    (Field::Sections, &["sections"]),
    (Field::StoryTags, &["storytags"]),
    (
        Field::Labels,
        &[
            "tags",
            "labels",
            "lists",
            "list",
            "метки",
            "теги",
            "списки",
            "тегтер",
            "тізімдер",
        ],
    ),
    (
        Field::Zone,
        &["timezone", "tz", "часовойпояс", "уақытбелдеуі"],
    ),
    (Field::Cadence, &["cadence"]),
    (Field::Hour, &["hour"]),
    (Field::TextOnly, &["textonly"]),
    (Field::PausedUntil, &["pauseduntil"]),
    (Field::Newsletter, &["newsletter"]),
    (
        Field::JoinedAt,
        &[
            "optintime",
            "subscribedat",
            "joinedat",
            "createdat",
            "signupdate",
            "датаподписки",
            "датарегистрации",
            "жазылғанкүні",
        ],
    ),
    (Field::ConfirmedAt, &["confirmtime", "confirmedat"]),
    (Field::JoinedFrom, &["optinip"]),
];

fn field_of(heading: &str) -> Option<Field> {
    let word = fold(heading);
    HEADINGS
        .iter()
        .find(|(_, words)| words.contains(&word.as_str()))
        .map(|(field, _)| *field)
}

/// The columns of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    fields: Vec<Option<Field>>,
    /// Headings of the columns that are used, as they stand in the file; empty if there is no line of headings.
    pub used: Vec<String>,
    /// Headings that are not.
    pub unused: Vec<String>,
    /// Whether the first row is headings.
    pub has_headings: bool,
}

impl Columns {
    /// Reads the first row. The error is a sentence with what to do.
    pub fn read(first: &Record) -> Result<Self, String> {
        let fields: Vec<Option<Field>> = first.fields.iter().map(|cell| field_of(cell)).collect();
        let count = |field| fields.iter().filter(|f| **f == Some(field)).count();
        if count(Field::Email) == 1 {
            let (mut used, mut unused) = (Vec::new(), Vec::new());
            for (heading, field) in first.fields.iter().zip(&fields) {
                let list = match field {
                    None | Some(Field::Name) => &mut unused,
                    Some(_) => &mut used,
                };
                if !heading.trim().is_empty() {
                    list.push(heading.trim().to_owned());
                }
            }
            for field in [
                Field::Languages,
                Field::Zone,
                Field::Newsletter,
                Field::Sections,
            ] {
                if count(field) > 1 {
                    return Err(format!(
                        "two columns hold the same ({}); give one of them another heading",
                        places(&fields, field)
                    ));
                }
            }
            return Ok(Self {
                fields,
                used,
                unused,
                has_headings: true,
            });
        }
        if count(Field::Email) > 1 {
            return Err(format!(
                "{} are headed like addresses; rename all but the one to mail to",
                places(&fields, Field::Email)
            ));
        }
        let filled: Vec<&String> = first
            .fields
            .iter()
            .filter(|f| !f.trim().is_empty())
            .collect();
        match filled.as_slice() {
            [one] if EmailAddress::parse(one.trim()).is_ok() => Ok(Self {
                fields: first
                    .fields
                    .iter()
                    .map(|f| (!f.trim().is_empty()).then_some(Field::Email))
                    .collect(),
                used: Vec::new(),
                unused: Vec::new(),
                has_headings: false,
            }),
            _ if filled.iter().any(|f| EmailAddress::parse(f.trim()).is_ok()) => Err(
                "the first row is a person already, and there is more than one column; put a row of headings above it, the addresses headed \"email\""
                    .to_owned(),
            ),
            _ => Err(format!(
                "no column is headed like addresses; head it \"email\". Found: {}",
                filled.iter().take(12).map(|f| f.trim().chars().take(40).collect::<String>()).collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// Columns of the file.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The cell of the first such column, without white space around it; empty if there is none.
    pub fn get<'a>(&self, record: &'a Record, field: Field) -> &'a str {
        self.all(record, field).next().unwrap_or("")
    }

    /// The cells of all such columns.
    pub fn all<'a>(&self, record: &'a Record, field: Field) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .zip(&record.fields)
            .filter(move |(f, _)| **f == Some(field))
            .map(|(_, cell)| plain(cell))
    }
}

/// A cell without white space around it, and without the apostrophe that our own lists put before what a spreadsheet would
/// take for a formula.
fn plain(cell: &str) -> &str {
    let cell = cell.trim_matches([' ', '\u{a0}', '\u{feff}']);
    match cell.strip_prefix('\'') {
        Some(rest) if crate::audience::export::is_formula(rest) => rest,
        _ => cell.trim(),
    }
}

fn places(fields: &[Option<Field>], field: Field) -> String {
    let numbers: Vec<String> = fields
        .iter()
        .enumerate()
        .filter(|(_, f)| **f == Some(field))
        .map(|(at, _)| (at + 1).to_string())
        .collect();
    format!("columns {}", numbers.join(" and "))
}

/// What stands between the fields of a sample: what gives a column of addresses, else what gives the most columns that stay
/// the same from row to row.
pub fn tell_separator(sample: &str) -> Separator {
    if let Some(said) = sample.strip_prefix("sep=")
        && let Some(separator) = Separator::ALL
            .into_iter()
            .find(|s| said.starts_with(s.as_char()))
    {
        return separator;
    }
    let score = |separator: Separator| {
        let mut records = super::csv::Records::new(sample.chars(), separator);
        let mut record = Record::default();
        let (mut rows, mut same, mut width, mut has_addresses) = (0, 0, 0, false);
        while rows < 20 && matches!(records.read(&mut record), Ok(true)) {
            if record.is_blank() {
                continue;
            }
            if rows == 0 {
                width = record.fields.len();
                has_addresses = Columns::read(&record).is_ok();
            }
            rows += 1;
            same += usize::from(record.fields.len() == width);
        }
        (has_addresses, width > 1 && same * 2 > rows, width)
    };
    let mut best = (Separator::Comma, score(Separator::Comma));
    for separator in [Separator::Semicolon, Separator::Tab] {
        let found = score(separator);
        if found > best.1 {
            best = (separator, found);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Record {
        Record {
            line: 1,
            last_line: 1,
            fields: cells.iter().map(|c| (*c).to_owned()).collect(),
            flaw: None,
        }
    }

    #[test]
    fn headings_of_three_languages_and_three_programs() {
        for (cells, column) in [
            (&["ФИО", "Эл. почта"][..], 1),
            (&["Аты-жөні", "Электрондық пошта", "Тілі"], 1),
            (
                &[
                    "Email Address",
                    "First Name",
                    "Last Name",
                    "Address",
                    "OPTIN_TIME",
                    "TAGS",
                ],
                0,
            ),
            (
                &[
                    "uuid",
                    "email",
                    "name",
                    "attributes",
                    "status",
                    "created_at",
                    "updated_at",
                ],
                1,
            ),
            (
                &[
                    "id",
                    "email",
                    "name",
                    "note",
                    "subscribed_to_emails",
                    "complimentary_plan",
                    "created_at",
                    "deleted_at",
                    "labels",
                ],
                1,
            ),
        ] {
            let columns = Columns::read(&row(cells)).unwrap();
            assert_eq!(columns.fields[column], Some(Field::Email), "{cells:?}");
            assert!(columns.has_headings);
        }
        let ghost = Columns::read(&row(&["email", "Имя", "deleted_at", "labels", "note"])).unwrap();
        assert_eq!(ghost.used, ["email", "deleted_at", "labels"]);
        assert_eq!(ghost.unused, ["Имя", "note"]);
    }

    #[test]
    fn headings_stand_folded_and_once() {
        let all: Vec<&str> = HEADINGS
            .iter()
            .flat_map(|(_, words)| *words)
            .copied()
            .collect();
        for word in &all {
            assert_eq!(fold(word), *word);
            assert_eq!(all.iter().filter(|w| *w == word).count(), 1, "{word}");
        }
    }

    #[test]
    fn a_bare_list_needs_no_headings_and_a_table_does() {
        let bare = Columns::read(&row(&["aigerim@example.kz", ""])).unwrap();
        assert!(!bare.has_headings);
        let table = row(&["Айгерім", "aigerim@example.kz"]);
        assert!(Columns::read(&table).unwrap_err().contains("headings"));
        let none = Columns::read(&row(&["Имя", "Телефон"])).unwrap_err();
        assert!(none.contains("email") && none.contains("Телефон"), "{none}");
        let two = Columns::read(&row(&["email", "name", "e-mail"])).unwrap_err();
        assert!(two.contains("columns 1 and 3"), "{two}");
    }

    #[test]
    fn separators_are_told_apart() {
        for (sample, separator) in [
            ("email;имя\na@example.kz;Әсем, Қыз\n", Separator::Semicolon),
            ("email,name\na@example.kz,\"x;y;z\"\n", Separator::Comma),
            ("email\tname\na@example.kz\tb\n", Separator::Tab),
            ("a@example.kz\nb@example.kz\n", Separator::Comma),
            ("sep=;\nemail,x;y\n", Separator::Semicolon),
            ("name,email;x\nb,a@example.kz\n", Separator::Comma),
        ] {
            assert_eq!(tell_separator(sample), separator, "{sample}");
        }
    }
}
