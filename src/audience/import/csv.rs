//! Rows of a list (RFC 4180, and what programs make of it): fields between separators, in quotes where they hold one, a quote
//! twice, or a line end.
//!
//! A row that is not well formed is passed on with its flaw, so that the rows around it are not lost; what makes everything
//! behind it doubtful (a quote that never closes) ends the reading.

use std::fmt;

/// Bytes of one field at most: far more than any list has, and an open quote must not swallow a file.
const MAX_FIELD: usize = 1 << 16;
/// Fields of one row at most.
const MAX_FIELDS: usize = 1000;

/// What stands between fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Separator {
    /// `,`
    Comma,
    /// `;`, as Excel writes where a comma is the decimal sign.
    Semicolon,
    /// Tab.
    Tab,
}

impl Separator {
    /// All of them, the likeliest first.
    pub const ALL: [Self; 3] = [Self::Semicolon, Self::Comma, Self::Tab];

    /// The name or the character itself; the error lists all of them.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "comma" | "," => Ok(Self::Comma),
            "semicolon" | ";" => Ok(Self::Semicolon),
            "tab" | "\t" => Ok(Self::Tab),
            _ => Err(format!(
                "{name:?} is no separator; write comma, semicolon or tab"
            )),
        }
    }

    /// The character.
    pub const fn as_char(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Tab => '\t',
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
        })
    }
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// The line it begins on, from 1.
    pub line: u64,
    /// The line it ends on.
    pub last_line: u64,
    /// Its fields, without quotes.
    pub fields: Vec<String>,
    /// What is wrong with its form.
    pub flaw: Option<String>,
}

impl Record {
    /// Whether nothing stands in it.
    pub fn is_blank(&self) -> bool {
        self.fields.iter().all(|field| field.trim().is_empty())
    }
}

/// What makes the rest of a file unreadable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Line.
    pub line: u64,
    /// Number of the column, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub sentence: String,
}

/// Takes letters apart into rows.
pub struct Records<I> {
    letters: I,
    ahead: Option<char>,
    separator: char,
    line: u64,
}

impl<I: Iterator<Item = char>> Records<I> {
    /// Begins at the first letter.
    pub fn new(mut letters: I, separator: Separator) -> Self {
        Self {
            ahead: letters.next(),
            letters,
            separator: separator.as_char(),
            line: 1,
        }
    }

    /// Reads the next row into `record`, whose memory is used again; false at the end. The line `sep=;`, by which Excel is
    /// told the separator, is no row.
    pub fn read(&mut self, record: &mut Record) -> Result<bool, Broken> {
        let is_first = self.line == 1;
        let is_there = self.read_any(record)?;
        if is_first && is_there && record.fields[0] == "sep=" && record.fields[1..] == [""] {
            return self.read_any(record);
        }
        Ok(is_there)
    }

    fn read_any(&mut self, record: &mut Record) -> Result<bool, Broken> {
        if self.ahead.is_none() {
            return Ok(false);
        }
        record.line = self.line;
        record.flaw = None;
        let mut count = 0;
        loop {
            if record.fields.len() <= count {
                record.fields.push(String::new());
            }
            record.fields[count].clear();
            count += 1;
            if count > MAX_FIELDS {
                return Err(Broken {
                    line: record.line,
                    column: count,
                    sentence: "the row has more than 1000 fields; is it a list of people?"
                        .to_owned(),
                });
            }
            let (mut is_quoted, opened) = (self.ahead == Some('"'), self.line);
            let was_quoted = is_quoted;
            if is_quoted {
                self.next();
            }
            let field = &mut record.fields[count - 1];
            let is_last = loop {
                let next = self.next();
                if field.len() > MAX_FIELD {
                    return Err(Broken {
                        line: opened,
                        column: count,
                        sentence: "the field is longer than 64 KB; is a quotation mark not closed?"
                            .to_owned(),
                    });
                }
                match next {
                    None if is_quoted => {
                        return Err(Broken {
                            line: opened,
                            column: count,
                            sentence: "the quotation mark that opens the field is never closed; close it or take it out"
                                .to_owned(),
                        });
                    }
                    None => break true,
                    Some('"') if is_quoted => {
                        if self.ahead == Some('"') {
                            self.next();
                            field.push('"');
                        } else {
                            is_quoted = false;
                        }
                    }
                    Some(c) if is_quoted => {
                        self.line += u64::from(self.ends_line(c));
                        field.push(c);
                    }
                    Some(c) if c == self.separator => break false,
                    Some(c @ ('\n' | '\r')) => {
                        if c == '\r' && self.ahead == Some('\n') {
                            self.next();
                        }
                        self.line += 1;
                        break true;
                    }
                    Some(c) => {
                        if was_quoted && record.flaw.is_none() && c != ' ' {
                            record.flaw = Some(format!(
                                "column {count}: text stands behind a closed quotation mark; is one of them missing?"
                            ));
                        }
                        field.push(c);
                    }
                }
            };
            if is_last {
                break;
            }
        }
        record.fields.truncate(count);
        record.last_line = self.line.saturating_sub(1).max(record.line);
        Ok(true)
    }

    /// Whether a letter inside quotes ends a line; CR LF ends one.
    const fn ends_line(&self, c: char) -> bool {
        c == '\n' || (c == '\r' && !matches!(self.ahead, Some('\n')))
    }

    fn next(&mut self) -> Option<char> {
        std::mem::replace(&mut self.ahead, self.letters.next())
    }

    /// What the letters come from.
    pub fn letters(&self) -> &I {
        &self.letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, separator: Separator) -> Result<Vec<Record>, Broken> {
        let mut records = Records::new(text.chars(), separator);
        let mut all = Vec::new();
        let mut record = Record::default();
        while records.read(&mut record)? {
            all.push(record.clone());
        }
        Ok(all)
    }

    fn fields(text: &str, separator: Separator) -> Vec<Vec<String>> {
        rows(text, separator)
            .unwrap()
            .into_iter()
            .map(|record| record.fields)
            .collect()
    }

    #[test]
    fn quotes_hold_separators_quotes_and_lines() {
        let text = "a,\"b,\"\"c\"\"\r\nd\",e\r\n\r\n1,,\n\"\",x\r2";
        let all = rows(text, Separator::Comma).unwrap();
        assert_eq!(all[0].fields, ["a", "b,\"c\"\r\nd", "e"]);
        assert_eq!((all[0].line, all[0].last_line), (1, 2));
        assert!(all[1].is_blank());
        assert_eq!((all[2].line, all[2].fields.len()), (4, 3));
        assert_eq!(all[3].fields, ["", "x"]);
        assert_eq!((all[4].line, all[4].fields[0].as_str()), (6, "2"));
        assert_eq!(fields("a;b\tc", Separator::Tab), [["a;b", "c"]]);
        assert!(rows("", Separator::Comma).unwrap().is_empty());
        let told = rows("sep=;\r\na;b\r\n", Separator::Semicolon).unwrap();
        assert_eq!((told.len(), told[0].line), (1, 2));
    }

    #[test]
    fn a_quote_that_never_closes_is_told_with_its_place() {
        let broken = rows("a,b\nc,\"d\ne,f\n", Separator::Comma).unwrap_err();
        assert_eq!((broken.line, broken.column), (2, 2));
        let long = format!("a\n\"{}", "x".repeat(MAX_FIELD + 10));
        assert_eq!(rows(&long, Separator::Comma).unwrap_err().line, 2);
        // One that is closed by the next one is a flaw of that row, and the rows behind it are read.
        let all = rows("a,\"b\nc,\"d\"\ne,f\n", Separator::Comma).unwrap();
        assert!(all[0].flaw.is_some());
        assert_eq!((all[0].line, all[0].last_line), (1, 2));
        assert_eq!(all[1].fields, ["e", "f"]);
        assert!(all[1].flaw.is_none());
    }

    proptest! {
        /// What a writer by the book writes is read back, whatever it holds.
        #[test]
        fn any_fields_survive(
            table in prop::collection::vec(prop::collection::vec("[ -~\r\nәқ\"]{0,6}", 1..4), 1..5),
            which in 0_usize..3,
        ) {
            let separator = Separator::ALL[which];
            let mut text = String::new();
            for row in &table {
                let cells: Vec<String> = row.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect();
                text.push_str(&cells.join(&separator.as_char().to_string()));
                text.push_str("\r\n");
            }
            prop_assert_eq!(fields(&text, separator), table);
        }
    }
}
