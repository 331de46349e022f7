//! KZ-1048 (also STRK1048-2002, RK1048): the 8-bit charset of Kazakhstan.
//!
//! It is windows-1251 with sixteen letters of Macedonian, Serbian, Belarusian and Ukrainian replaced by the Kazakh ones that
//! windows-1251 lacks (IANA character sets, `KZ-1048`). `і` and `І` stand at the same place in both. encoding_rs does not have it.

/// What windows-1251 reads at a byte, and what KZ-1048 means there. Byte by byte: 8D 8E 9D 9E A1 A2 A3 A5 AA AF B4 BA BC BD BE BF.
const DIFFERENT: [(char, char); 16] = [
    ('Ќ', 'Қ'),
    ('Ћ', 'Һ'),
    ('ќ', 'қ'),
    ('ћ', 'һ'),
    ('Ў', 'Ұ'),
    ('ў', 'ұ'),
    ('Ј', 'Ә'),
    ('Ґ', 'Ө'),
    ('Є', 'Ғ'),
    ('Ї', 'Ү'),
    ('ґ', 'ө'),
    ('є', 'ғ'),
    ('ј', 'ә'),
    ('Ѕ', 'Ң'),
    ('ѕ', 'ң'),
    ('ї', 'ү'),
];

/// The letter of a text that was read as windows-1251 and is KZ-1048.
pub(super) fn letter(c: char) -> char {
    if c < '\u{400}' {
        return c;
    }
    DIFFERENT
        .iter()
        .find(|(slavic, _)| *slavic == c)
        .map_or(c, |(_, kazakh)| *kazakh)
}

/// Whether a text in one of the two is KZ-1048, by how often each byte stands in it.
///
/// Қ Ә Ң Һ stand where only Macedonian and Serbian have letters, and those two come with љ њ џ. Ұ Ө Ғ Ү stand where Belarusian
/// and Ukrainian have theirs; Kazakh lists are full of ы and э, which Ukrainian lacks. Without any of the sixteen the two
/// charsets are the same.
pub(super) fn is_meant(count: &[u64; 256]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|b| count[usize::from(*b)]).sum::<u64>();
    let southern = sum(&[0x8d, 0x8e, 0x9d, 0x9e, 0xa3, 0xbc, 0xbd, 0xbe]);
    let eastern = sum(&[0xa1, 0xa2, 0xa5, 0xaa, 0xaf, 0xb4, 0xba, 0xbf]);
    let lje_nje_dzhe = sum(&[0x8a, 0x8c, 0x8f, 0x9a, 0x9c, 0x9f]);
    let yeru_and_e = sum(&[0xdb, 0xfb, 0xdd, 0xfd]);
    if southern > 0 {
        lje_nje_dzhe == 0
    } else {
        eastern > 0 && yeru_and_e > 0
    }
}
