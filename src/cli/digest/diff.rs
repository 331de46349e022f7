//! `jarshy digest diff`: a past issue beside what it would be now.

use std::process::ExitCode;

use super::preview::ANYBODY;
use super::print;
use crate::base::address::EmailAddress;
use crate::digest;
use crate::theme::Theme;
use crate::work::Core;

/// Lines of a part up to which the longest common part is looked for; beyond, lines are compared one by one.
const MOST: usize = 4_000;

/// Options of `jarshy digest diff`.
#[derive(clap::Args)]
pub(super) struct Diff {
    /// The issue: its uid or the first eight letters of it, as `jarshy verify` prints them.
    #[arg(value_name = "ISSUE")]
    issue: String,
    /// Compare the HTML parts instead of the text parts.
    #[arg(long)]
    html: bool,
}

/// Prints the lines that differ; exits 1 if any do, as `diff` does.
pub(super) async fn run(core: &Core, theme: &Theme, args: &Diff) -> anyhow::Result<ExitCode> {
    let anybody = EmailAddress::parse(ANYBODY).map_err(anyhow::Error::msg)?;
    let compared = digest::compare_issue(core, theme, &args.issue, &anybody).await?;
    let part = |subject: &str, shown: &crate::delivery::Preview| {
        let body = if args.html { &shown.html } else { &shown.text };
        let mut lines = vec![format!("Subject: {subject}")];
        lines.extend(body.lines().map(without_token));
        lines
    };
    let then = part(&compared.subjects.0, &compared.then);
    let now = part(&compared.subjects.1, &compared.now);
    let lines = difference(&then, &now);
    if lines.is_empty() {
        print("the same: compiled now it would be the issue that was mailed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&lines.iter().fold(
        "--- as it was compiled\n+++ as it would be compiled now\n".to_owned(),
        |all, line| all + line + "\n",
    ))?;
    Ok(ExitCode::FAILURE)
}

/// A line without the personal part of its links, which is another one each time.
fn without_token(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = ["/preferences/", "/unsubscribe/"]
        .iter()
        .filter_map(|path| rest.find(path).map(|at| at + path.len()))
        .min()
    {
        out.push_str(&rest[..at]);
        out.push('…');
        rest = rest[at..]
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    }
    out + rest
}

/// The lines that differ, with `-` or `+` before them.
fn difference(then: &[String], now: &[String]) -> Vec<String> {
    let same = then.iter().zip(now).take_while(|(a, b)| a == b).count();
    let (then, now) = (&then[same..], &now[same..]);
    let tail = then
        .iter()
        .rev()
        .zip(now.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (then, now) = (&then[..then.len() - tail], &now[..now.len() - tail]);
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    if then.len() <= MOST && now.len() <= MOST {
        // Lengths of the longest common part of what is left, from the end.
        let width = now.len() + 1;
        let mut length = vec![0u16; (then.len() + 1) * width];
        for (a, line) in then.iter().enumerate().rev() {
            for (b, other) in now.iter().enumerate().rev() {
                length[a * width + b] = if line == other {
                    length[(a + 1) * width + b + 1] + 1
                } else {
                    length[(a + 1) * width + b].max(length[a * width + b + 1])
                };
            }
        }
        while i < then.len() && j < now.len() {
            if then[i] == now[j] {
                (i, j) = (i + 1, j + 1);
            } else if length[(i + 1) * width + j] >= length[i * width + j + 1] {
                out.push(format!("-{}", then[i]));
                i += 1;
            } else {
                out.push(format!("+{}", now[j]));
                j += 1;
            }
        }
    }
    out.extend(then[i..].iter().map(|line| format!("-{line}")));
    out.extend(now[j..].iter().map(|line| format!("+{line}")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        let then = lines("a\nb\nc\nd");
        assert!(difference(&then, &then).is_empty());
        assert_eq!(difference(&then, &lines("a\nx\nc\nd")), ["-b", "+x"]);
        assert_eq!(difference(&then, &lines("a\nc\nb\nd")), ["-b", "+b"]);
        assert_eq!(difference(&then, &[]), ["-a", "-b", "-c", "-d"]);
    }

    #[test]
    fn links_of_nobody_do_not_differ() {
        assert_eq!(
            without_token("<a href=\"https://x.example/unsubscribe/Ab_-9\">"),
            "<a href=\"https://x.example/unsubscribe/…\">"
        );
        assert_eq!(
            without_token("https://x.example/preferences/Ab9 and /unsubscribe/Zz"),
            "https://x.example/preferences/… and /unsubscribe/…"
        );
    }
}
