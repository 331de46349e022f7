//! Rows that a spreadsheet opens and does not run.
//!
//! A cell that begins with `= + - @`, tab, carriage return or line feed is a formula to a spreadsheet (OWASP, "CSV injection";
//! FAILURES T37); an apostrophe before it makes it text. So that our own import can take the apostrophe away again, a cell that
//! has one there already gets another.

use std::io::{self, Write};

use crate::audience::import::Separator;

/// What tells Excel that a file is UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether a spreadsheet would take the cell for a formula, or for one that was made harmless.
pub fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Writes UTF-8 with a byte-order mark, CR LF, and quotes where a cell holds what any separator could be.
pub struct Sheet<W> {
    to: W,
    separator: char,
    line: String,
}

impl<W: Write> Sheet<W> {
    /// Begins the file.
    pub fn new(mut to: W, separator: Separator) -> io::Result<Self> {
        to.write_all(MARK)?;
        Ok(Self {
            to,
            separator: separator.as_char(),
            line: String::new(),
        })
    }

    /// Writes one row.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> io::Result<()> {
        self.line.clear();
        for (at, cell) in cells.iter().enumerate() {
            let cell = cell.as_ref();
            if at > 0 {
                self.line.push(self.separator);
            }
            let is_quoted = cell.contains([',', ';', '\t', '"', '\r', '\n'])
                || cell.starts_with(' ')
                || cell.ends_with(' ');
            if is_quoted {
                self.line.push('"');
            }
            if is_formula(cell) {
                self.line.push('\'');
            }
            if is_quoted {
                self.line.push_str(&cell.replace('"', "\"\""));
                self.line.push('"');
            } else {
                self.line.push_str(cell);
            }
        }
        self.line.push_str("\r\n");
        self.to.write_all(self.line.as_bytes())
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let mut bytes = Vec::new();
        let mut sheet = Sheet::new(&mut bytes, Separator::Semicolon).unwrap();
        sheet
            .row(&[
                "=1+1", "+7 700", "-1", "@x", "\tx", "\rx", "'=1", "a,b", "x\"y", "plain",
            ])
            .unwrap();
        sheet.finish().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "\u{feff}'=1+1;'+7 700;'-1;'@x;\"'\tx\";\"'\rx\";''=1;\"a,b\";\"x\"\"y\";plain\r\n"
        );
    }
}
