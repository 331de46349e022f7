//! The one accent colour on light and dark grounds (WCAG 2.2, success criterion 1.4.3: at least 4.5:1).

/// Ground of dark mails and pages.
const DARK: [u8; 3] = [0x12, 0x12, 0x12];
const LIGHT: [u8; 3] = [0xff, 0xff, 0xff];
const ENOUGH: f64 = 4.5;
/// Small coloured letters on black tire the eye at the bare minimum.
const ENOUGH_ON_DARK: f64 = 6.0;

/// The colour, made lighter until it can be read on `#121212`.
pub(super) fn on_dark(colour: &str) -> String {
    towards(colour, LIGHT, DARK, ENOUGH_ON_DARK)
}

/// The colour, made darker until it can be read on white.
pub(super) fn on_light(colour: &str) -> String {
    towards(colour, [0, 0, 0], LIGHT, ENOUGH)
}

/// White or near-black, whichever can be read on the colour.
pub(super) fn text_on(colour: &str) -> String {
    let ground = parse(colour).unwrap_or([0, 0, 0]);
    if contrast(LIGHT, ground) >= ENOUGH {
        "#ffffff".to_owned()
    } else {
        "#121212".to_owned()
    }
}

fn towards(colour: &str, end: [u8; 3], ground: [u8; 3], enough: f64) -> String {
    let Some(start) = parse(colour) else {
        return colour.to_owned();
    };
    let mixed = |step: u16| {
        let channel =
            |i: usize| ((u16::from(start[i]) * (20 - step) + u16::from(end[i]) * step) / 20) as u8;
        [channel(0), channel(1), channel(2)]
    };
    let found = (0..=20)
        .map(mixed)
        .find(|c| contrast(*c, ground) >= enough)
        .unwrap_or(end);
    format!("#{:02x}{:02x}{:02x}", found[0], found[1], found[2])
}

pub(super) fn parse(colour: &str) -> Option<[u8; 3]> {
    let hex = colour
        .strip_prefix('#')
        .filter(|h| h.len() == 6 && h.is_ascii())?;
    let channel = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: [u8; 3]) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast([0, 0, 0], LIGHT) - 21.0).abs() < 0.01);
        assert!((contrast([0x77, 0x77, 0x77], LIGHT) - 4.48).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn every_accent_can_be_read(r: u8, g: u8, b: u8) {
            let accent = format!("#{r:02x}{g:02x}{b:02x}");
            prop_assert!(contrast(parse(&on_dark(&accent)).unwrap(), DARK) >= ENOUGH_ON_DARK);
            prop_assert!(contrast(parse(&on_light(&accent)).unwrap(), LIGHT) >= ENOUGH);
            let button = parse(&on_light(&accent)).unwrap();
            prop_assert!(contrast(parse(&text_on(&on_light(&accent))).unwrap(), button) >= ENOUGH);
        }
    }
}
