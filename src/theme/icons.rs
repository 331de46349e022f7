//! The pictures that stand for the newsroom in feed readers: one square PNG in three sizes and one that is twice as wide as
//! high. They are the newsroom's own files, or ours in its accent colour.
//!
//! Addresses are stable, since readers keep them for months; sizes are exact, since formats promise them.

use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{ThemeError, colour};
use crate::base::token::hex;
use crate::config::Newsroom;

/// 512 × 512: JSON Feed's `icon`, Atom's `icon`.
pub const ICON: &str = "/icon-512.png";
/// 144 × 144, the widest that RSS allows: the image of a channel.
pub const CHANNEL: &str = "/icon-144.png";
/// Pixels of [`CHANNEL`], each way.
pub const CHANNEL_SIDE: u32 = 144;
/// 96 × 96: JSON Feed's `favicon`.
pub const FAVICON: &str = "/icon-96.png";
/// Twice as wide as high: Atom's `logo`.
pub const LOGO: &str = "/logo.png";
/// Every path, with the width of its picture; none keeps the width of the file.
pub const PATHS: [(&str, Option<u32>); 4] = [
    (ICON, Some(512)),
    (CHANNEL, Some(CHANNEL_SIDE)),
    (FAVICON, Some(96)),
    (LOGO, None),
];

/// The ground of our own pictures; the rest of them is white.
const GROUND: [u8; 3] = [0x0a, 0x7a, 0x6e];
const OWN_ICON: &[u8] = include_bytes!("../../templates/static/icon.png");
const OWN_LOGO: &[u8] = include_bytes!("../../templates/static/logo.png");

/// A finished PNG.
#[derive(Clone, Debug)]
pub struct Icon {
    /// The file.
    pub bytes: Bytes,
    /// A hash of it.
    pub stem: String,
}

/// The newsroom's pictures. Made when the first is asked for.
pub(super) struct Icons {
    /// None: ours.
    icon: Option<Picture>,
    logo: Option<Picture>,
    accent: [u8; 3],
    made: OnceLock<Vec<(&'static str, Icon)>>,
}

impl Icons {
    /// Reads the newsroom's own files, so that a broken one stops the start.
    pub(super) fn load(newsroom: &Newsroom) -> Result<Self, ThemeError> {
        Ok(Self {
            icon: read("newsroom.icon", newsroom.icon.as_deref())?,
            logo: read("newsroom.logo", newsroom.logo.as_deref())?,
            accent: colour::parse(&newsroom.accent).unwrap_or(GROUND),
            made: OnceLock::new(),
        })
    }

    pub(super) fn find(&self, path: &str) -> Option<&Icon> {
        let made = self.made.get_or_init(|| self.make());
        made.iter().find(|(p, _)| *p == path).map(|(_, icon)| icon)
    }

    fn make(&self) -> Vec<(&'static str, Icon)> {
        let ours = |bytes| {
            Picture::decode(bytes)
                .expect("our own pictures are whole")
                .tinted(self.accent)
        };
        let icon = self.icon.clone().unwrap_or_else(|| ours(OWN_ICON));
        let logo = self.logo.clone().unwrap_or_else(|| ours(OWN_LOGO));
        PATHS
            .iter()
            .map(|(path, width)| {
                let bytes = match width {
                    Some(side) => icon.shrunk(*side as usize, *side as usize).encode(),
                    None => logo.encode(),
                };
                let stem = hex(&Sha256::digest(&bytes))[..32].to_owned();
                (
                    *path,
                    Icon {
                        bytes: bytes.into(),
                        stem,
                    },
                )
            })
            .collect()
    }
}

fn read(key: &str, path: Option<&Path>) -> Result<Option<Picture>, ThemeError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let complaint = |problem: String| {
        ThemeError::Icon(format!(
            "{key}: {}: {problem}. Give a whole PNG or leave the key out",
            path.display()
        ))
    };
    let bytes = std::fs::read(path).map_err(|e| complaint(e.to_string()))?;
    Picture::decode(&bytes).map(Some).map_err(complaint)
}

/// Pixels as red, green, blue and opacity, row by row.
#[derive(Clone)]
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 4]>,
}

impl Picture {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(
            png::Transformations::normalize_to_color8() | png::Transformations::ALPHA,
        );
        let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
        let size = reader.output_buffer_size().ok_or("is too large")?;
        let mut buffer = vec![0; size];
        let info = reader.next_frame(&mut buffer).map_err(|e| e.to_string())?;
        let samples = &buffer[..info.buffer_size()];
        let pixels = match info.color_type {
            png::ColorType::Rgba => samples
                .chunks_exact(4)
                .map(|p| [p[0], p[1], p[2], p[3]])
                .collect(),
            png::ColorType::GrayscaleAlpha => samples
                .chunks_exact(2)
                .map(|p| [p[0], p[0], p[0], p[1]])
                .collect(),
            other => return Err(format!("holds pixels of the unknown kind {other:?}")),
        };
        Ok(Self {
            width: info.width as usize,
            height: info.height as usize,
            pixels,
        })
    }

    /// Ours in another colour: each pixel is a mix of the ground and white.
    fn tinted(mut self, accent: [u8; 3]) -> Self {
        if accent == GROUND {
            return self;
        }
        for pixel in &mut self.pixels {
            let white = i32::from(pixel[0]) - i32::from(GROUND[0]);
            let whole = 255 - i32::from(GROUND[0]);
            for (part, ground) in pixel.iter_mut().zip(accent.map(i32::from)) {
                *part = (ground + (255 - ground) * white / whole).clamp(0, 255) as u8;
            }
        }
        self
    }

    /// Made smaller: each new pixel is the mean of the area it covers. What is transparent has no colour to give.
    fn shrunk(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let across = shares(self.width, width);
        let down = shares(self.height, height);
        let mut pixels = Vec::with_capacity(width * height);
        for rows in &down {
            for columns in &across {
                let mut sum = [0.0; 4];
                let mut area = 0.0;
                for (y, tall) in rows {
                    for (x, wide) in columns {
                        let [r, g, b, a] = self.pixels[y * self.width + x].map(f64::from);
                        let share = tall * wide;
                        for (total, part) in sum.iter_mut().zip([r * a, g * a, b * a, a]) {
                            *total += part * share;
                        }
                        area += share;
                    }
                }
                let [r, g, b, a] = sum;
                let colour = |part: f64| if a > 0.0 { (part / a).round() as u8 } else { 0 };
                pixels.push([colour(r), colour(g), colour(b), (a / area).round() as u8]);
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let is_opaque = self.pixels.iter().all(|p| p[3] == 255);
        let samples: Vec<u8> = if is_opaque {
            self.pixels.iter().flat_map(|p| p[..3].to_vec()).collect()
        } else {
            self.pixels.iter().flatten().copied().collect()
        };
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.width as u32, self.height as u32);
        encoder.set_color(if is_opaque {
            png::ColorType::Rgb
        } else {
            png::ColorType::Rgba
        });
        encoder.set_depth(png::BitDepth::Eight);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&samples))
            .expect("writing into memory cannot fail");
        out
    }
}

/// Which old pixels each new one covers, and how much of them.
fn shares(old: usize, new: usize) -> Vec<Vec<(usize, f64)>> {
    let step = old as f64 / new as f64;
    (0..new)
        .map(|i| {
            let (start, end) = (i as f64 * step, (i + 1) as f64 * step);
            (start as usize..old.min(end.ceil() as usize))
                .map(|at| {
                    let covered = end.min((at + 1) as f64) - start.max(at as f64);
                    (at, covered)
                })
                .filter(|(_, covered)| *covered > 1e-9)
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: &[u8]) -> (usize, usize) {
        let picture = Picture::decode(bytes).unwrap();
        (picture.width, picture.height)
    }

    #[test]
    fn sizes_are_what_is_promised_and_the_colour_is_the_accent() {
        let icons = Icons {
            icon: None,
            logo: None,
            accent: [0xc8, 0x10, 0x2e],
            made: OnceLock::new(),
        };
        for (path, wanted) in [
            (ICON, (512, 512)),
            (CHANNEL, (144, 144)),
            (FAVICON, (96, 96)),
            (LOGO, (1024, 512)),
        ] {
            let icon = icons.find(path).unwrap();
            assert_eq!(size(&icon.bytes), wanted, "{path}");
            let picture = Picture::decode(&icon.bytes).unwrap();
            assert_eq!(picture.pixels[0], [0xc8, 0x10, 0x2e, 255], "{path}");
            assert!(picture.pixels.contains(&[255, 255, 255, 255]), "{path}");
        }
        assert!(icons.find("/icon.png").is_none());
    }

    #[test]
    fn our_own_pictures_keep_their_colours_in_our_own_accent() {
        let picture = Picture::decode(OWN_ICON).unwrap();
        assert_eq!(picture.clone().tinted(GROUND).pixels, picture.pixels);
    }

    #[test]
    fn a_smaller_picture_is_the_mean_of_its_areas() {
        let [black, white, clear] = [[0, 0, 0, 255], [255; 4], [9, 9, 9, 0]];
        let picture = Picture {
            width: 3,
            height: 2,
            pixels: vec![black, white, clear, black, white, clear],
        };
        let small = picture.shrunk(1, 1);
        // Two thirds are seen, half black and half white.
        assert_eq!(small.pixels, [[128, 128, 128, 170]]);
        assert_eq!(size(&small.encode()), (1, 1));
        assert_eq!(picture.shrunk(3, 2).pixels, picture.pixels);
    }
}
