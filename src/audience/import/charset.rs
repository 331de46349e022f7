//! Which charset a file is in, and its text, a piece at a time.
//!
//! A byte-order mark decides. Without one: zero bytes at every second place are UTF-16; a file that is valid UTF-8 from the
//! first byte to the last is UTF-8; the rest is what Excel of this country writes, windows-1251 or KZ-1048, see `kz1048`.

use std::fmt;
use std::io::{self, Read};

use super::kz1048;

/// A charset that lists of people come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charset {
    /// With or without a byte-order mark.
    Utf8,
    /// UTF-16, low byte first: "Unicode text" of Excel.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// The Cyrillic of Windows; it lacks the Kazakh letters.
    Windows1251,
    /// The Kazakh variant of it.
    Kz1048,
}

impl Charset {
    /// The name as an option has it; the error lists all of them.
    pub fn parse(name: &str) -> Result<Self, String> {
        Ok(match name.to_lowercase().replace(['-', '_'], "").as_str() {
            "utf8" => Self::Utf8,
            "utf16le" | "utf16" => Self::Utf16Le,
            "utf16be" => Self::Utf16Be,
            "windows1251" | "cp1251" => Self::Windows1251,
            "kz1048" | "strk1048" | "rk1048" => Self::Kz1048,
            _ => {
                return Err(format!(
                    "{name:?} is no charset known here; write utf-8, utf-16le, utf-16be, windows-1251 or kz-1048"
                ));
            }
        })
    }

    /// Whether every byte is a letter, so that letters it lacks were written as `?`.
    pub const fn is_8_bit(self) -> bool {
        matches!(self, Self::Windows1251 | Self::Kz1048)
    }

    const fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1251 | Self::Kz1048 => encoding_rs::WINDOWS_1251,
        }
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1251 => "windows-1251",
            Self::Kz1048 => "KZ-1048",
        })
    }
}

/// Reads to the end and tells the charset; the inner error is a sentence for whoever chose the file.
pub fn tell(mut source: impl Read) -> io::Result<Result<Charset, String>> {
    let mut buffer = vec![0; 1 << 16];
    let mut count = [0_u64; 256];
    let mut utf8 = encoding_rs::UTF_8.new_decoder_without_bom_handling();
    let mut scratch = String::with_capacity(1 << 18);
    let (mut is_utf8, mut is_first) = (true, true);
    loop {
        let length = fill(&mut source, &mut buffer)?;
        let piece = &buffer[..length];
        if is_first {
            if let Some(answer) = by_beginning(piece) {
                return Ok(answer);
            }
            is_first = false;
        }
        for byte in piece {
            count[usize::from(*byte)] += 1;
        }
        if is_utf8 {
            scratch.clear();
            let (_, _, had_errors) = utf8.decode_to_string(piece, &mut scratch, length == 0);
            is_utf8 = !had_errors;
        }
        if length == 0 {
            break;
        }
    }
    Ok(if count[0] > 0 {
        Err("it holds zero bytes, so it is no text; save it as \"CSV UTF-8\"".to_owned())
    } else if is_utf8 {
        Ok(Charset::Utf8)
    } else if kz1048::is_meant(&count) {
        Ok(Charset::Kz1048)
    } else {
        Ok(Charset::Windows1251)
    })
}

/// What the first bytes decide alone.
fn by_beginning(piece: &[u8]) -> Option<Result<Charset, String>> {
    let workbook = || {
        Err(
            "it is a workbook of a spreadsheet, not a list; open it and save it as \"CSV UTF-8\""
                .to_owned(),
        )
    };
    match piece {
        [0xef, 0xbb, 0xbf, ..] => return Some(Ok(Charset::Utf8)),
        [0xff, 0xfe, ..] => return Some(Ok(Charset::Utf16Le)),
        [0xfe, 0xff, ..] => return Some(Ok(Charset::Utf16Be)),
        // ZIP (xlsx, ods) and the older container of xls.
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => return Some(workbook()),
        _ => {}
    }
    let sample = &piece[..piece.len().min(4096)];
    let zeros = |at: usize| {
        sample
            .iter()
            .skip(at)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let is_enough = |many: usize, few: usize| many > 1 && many * 8 > sample.len() && few * 8 < many;
    if is_enough(odd, even) {
        Some(Ok(Charset::Utf16Le))
    } else if is_enough(even, odd) {
        Some(Ok(Charset::Utf16Be))
    } else {
        None
    }
}

/// Fills the buffer as far as the source goes.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The letters of a file, without its byte-order mark. What is not of the charset comes as U+FFFD.
pub struct Letters<R> {
    source: R,
    charset: Charset,
    decoder: encoding_rs::Decoder,
    bytes: Vec<u8>,
    text: String,
    at: usize,
    is_over: bool,
    /// What reading ended with, if not with the end of the file.
    pub error: Option<io::Error>,
}

impl<R: Read> Letters<R> {
    /// Begins at the first byte of the file.
    pub fn new(source: R, charset: Charset) -> Self {
        Self {
            source,
            charset,
            decoder: charset.encoding().new_decoder_with_bom_removal(),
            bytes: vec![0; 1 << 16],
            text: String::with_capacity(1 << 18),
            at: 0,
            is_over: false,
            error: None,
        }
    }

    fn refill(&mut self) -> bool {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() && !self.is_over {
            match fill(&mut self.source, &mut self.bytes) {
                Ok(length) => {
                    self.is_over = length == 0;
                    // The text has room for three letters a byte, the most that a decoder makes of one.
                    let _ = self.decoder.decode_to_string(
                        &self.bytes[..length],
                        &mut self.text,
                        self.is_over,
                    );
                }
                Err(error) => {
                    self.error = Some(error);
                    self.is_over = true;
                }
            }
        }
        !self.text.is_empty()
    }
}

impl<R: Read> Iterator for Letters<R> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.at == self.text.len() && !self.refill() {
            return None;
        }
        let c = self.text[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(if self.charset == Charset::Kz1048 {
            kz1048::letter(c)
        } else {
            c
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Result<Charset, String> {
        tell(bytes).unwrap()
    }

    fn read(bytes: &[u8], charset: Charset) -> String {
        Letters::new(bytes, charset).collect()
    }

    #[test]
    fn charsets_are_told_apart() {
        assert_eq!(told(b"email\r\na@example.kz\r\n"), Ok(Charset::Utf8));
        assert_eq!(told("email;имя\nа;Әсем\n".as_bytes()), Ok(Charset::Utf8));
        assert_eq!(told("\u{feff}email\n".as_bytes()), Ok(Charset::Utf8));
        let le: Vec<u8> = "email;Әсем\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let be: Vec<u8> = "email;Әсем\n"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(told(&le), Ok(Charset::Utf16Le));
        assert_eq!(told(&be), Ok(Charset::Utf16Be));
        assert_eq!(read(&le, Charset::Utf16Le), "email;Әсем\n");
        assert_eq!(read(&be, Charset::Utf16Be), "email;Әсем\n");
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(le).collect();
        assert_eq!(told(&marked), Ok(Charset::Utf16Le));
        assert_eq!(read(&marked, Charset::Utf16Le), "email;Әсем\n");
        assert!(told(b"PK\x03\x04rest").unwrap_err().contains("workbook"));
        assert!(told(b"a\0b").unwrap_err().contains("zero bytes"));
        assert_eq!(told(b""), Ok(Charset::Utf8));
    }

    /// Python's codec is a table of its own, made from the standard.
    #[test]
    fn every_byte_reads_as_in_an_independent_table() {
        for (name, charset) in [
            ("kz1048", Charset::Kz1048),
            ("cp1251", Charset::Windows1251),
        ] {
            let script = format!(
                "import sys\nfor b in range(256): sys.stdout.write('%d\\n' % ord(bytes([b]).decode('{name}', 'replace')))"
            );
            let output = std::process::Command::new("python3")
                .args(["-c", &script])
                .output()
                .unwrap();
            let theirs: Vec<u32> = String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(|line| line.parse().unwrap())
                .collect();
            assert_eq!(theirs.len(), 256);
            for (byte, theirs) in (0..=255_u8).zip(theirs) {
                let ours = u32::from(read(&[byte], charset).chars().next().unwrap());
                // The one byte that neither charset defines; what decodes it on the web gives a control character.
                let wanted = if byte == 0x98 { 0x98 } else { theirs };
                assert_eq!(ours, wanted, "{name} {byte:#x}");
            }
        }
    }

    #[test]
    fn a_letter_cut_by_the_buffer_is_whole() {
        let text = format!("{}ә", "a".repeat((1 << 16) - 1));
        assert_eq!(told(text.as_bytes()), Ok(Charset::Utf8));
        assert_eq!(read(text.as_bytes(), Charset::Utf8), text);
    }

    /// «Қыз Жібек», «Әсем», «Ғалымжан Өскенұлы», and lists without one of the sixteen.
    #[test]
    fn the_kazakh_charset_is_told_from_the_slavic_one() {
        for (bytes, charset) in [
            (&b"\x8d\xfb\xe7 \xc6\xb3\xe1\xe5\xea"[..], Charset::Kz1048),
            (b"\xa3\xf1\xe5\xec", Charset::Kz1048),
            (
                b"\xaa\xe0\xeb\xfb\xec\xe6\xe0\xed \xa5\xf1\xea\xe5\xed\xa2\xeb\xfb",
                Charset::Kz1048,
            ),
            // «Иванова Алия», «Юрій Гаєвський», «Љубица Ђорђевић Јовановић».
            (
                b"\xc8\xe2\xe0\xed\xee\xe2\xe0 \xc0\xeb\xe8\xff",
                Charset::Windows1251,
            ),
            (
                b"\xde\xf0\xb3\xe9 \xc3\xe0\xba\xe2\xf1\xfc\xea\xe8\xe9",
                Charset::Windows1251,
            ),
            (
                b"\x8a\xf3\xe1\xe8\xf6\xe0 \xa3\xee\xe2\xe0\xed\xee\xe2\xe8\x9e",
                Charset::Windows1251,
            ),
        ] {
            assert_eq!(told(bytes), Ok(charset), "{}", read(bytes, charset));
        }
        assert_eq!(
            read(b"\x8d\xfb\xe7 \xc6\xb3\xe1\xe5\xea", Charset::Kz1048),
            "Қыз Жібек"
        );
        assert_eq!(
            read(
                b"\xaa\xe0\xeb\xfb\xec\xe6\xe0\xed \xa5\xf1\xea\xe5\xed\xa2\xeb\xfb",
                Charset::Kz1048
            ),
            "Ғалымжан Өскенұлы"
        );
    }
}
