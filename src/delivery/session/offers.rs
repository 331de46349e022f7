//! What the relay offers in its answer to EHLO and lettre does not read.

/// The extensions we make use of.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a keyword that is there or not"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offers {
    /// SIZE (RFC 1870) with its limit; `usize::MAX` where it names none.
    pub size: Option<usize>,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// How many messages one connection may carry: the MAILMAX of LIMITS (RFC 9422 section 4).
    pub messages: Option<usize>,
}

impl Offers {
    /// Keywords are told apart without regard to case (RFC 5321 section 2.4).
    pub fn read(hello: &str) -> Self {
        let mut offers = Self::default();
        for line in hello.lines().filter_map(|line| line.get(4..)) {
            let mut words = line.split_ascii_whitespace();
            match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("SIZE") => {
                    let limit = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    offers.size = Some(limit.unwrap_or(usize::MAX));
                }
                Some("PIPELINING") => offers.pipelining = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("DSN") => offers.dsn = true,
                Some("LIMITS") => {
                    offers.messages = words
                        .filter_map(|word| word.split_once('='))
                        .find(|(name, _)| name.eq_ignore_ascii_case("MAILMAX"))
                        .and_then(|(_, limit)| limit.parse().ok())
                        .filter(|limit| *limit > 0);
                }
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_in_any_case() {
        let hello = "250-relay.example.kz\r\n250-size 1000\r\n250-Pipelining\r\n250-8bitmime\r\n250-SmtpUtf8\r\n250-dsn\r\n\
             250 limits RcptMax=1 mailmax=20\r\n";
        let offers = Offers {
            size: Some(1000),
            pipelining: true,
            eight_bit: true,
            utf8: true,
            dsn: true,
            messages: Some(20),
        };
        assert_eq!(Offers::read(hello), offers);
        assert_eq!(Offers::read(&hello.to_uppercase()), offers);
    }

    #[test]
    fn what_cannot_be_read_is_no_offer_and_no_limit() {
        assert_eq!(Offers::read("250"), Offers::default());
        assert_eq!(Offers::read("250 \r\nЖ\r\n2é0-DSN\r\n"), Offers::default());
        assert_eq!(
            Offers::read("250-SIZE\r\n250 LIMITS MAILMAX=0\r\n"),
            Offers {
                size: Some(usize::MAX),
                ..Offers::default()
            }
        );
    }
}
