//! The demo from its first line to its last.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Args, content, people, setup, smtp, words};
use crate::app::{App, Role};
use crate::base::time::{Clock, Timestamp, Zone};
use crate::delivery::{self, Sums};
use crate::digest::{self, RunReport};
use crate::newsroom;
use crate::theme::Theme;
use crate::web::inbox::{Directory, Inbox, PLACES};
use crate::work::Core;

/// How long `--once` waits for the last mail of a morning: far beyond what the retries of the demo's settings need.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often the demo looks at its clock while it serves.
const TICK: Duration = Duration::from_millis(250);

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("{} cannot be made", args.dir.display()))?;
    let _lock = lock(&args.dir)?;
    let clock = Clock::starting_at(setup::first_moment());
    let zone = Zone::parse("Asia/Almaty").map_err(anyhow::Error::msg)?;
    let stop = CancellationToken::new();
    let listener = if args.once {
        None
    } else {
        Some(listen(args.listen).await?)
    };
    let address = listener
        .as_ref()
        .map_or(Ok(args.listen), TcpListener::local_addr)?;
    let (core, inbox) = open(&args.dir, &clock, &zone, address, &stop).await?;
    let theme = Arc::new(Theme::load(&core.config)?);
    let stopped_at = setup::ensure_newsroom(&core).await?;

    let stage = Stage {
        core,
        theme,
        inbox,
        home: zone,
        is_silent: args.json,
        interrupted: CancellationToken::new(),
    };
    stage.banner(&args, address)?;
    let code = match listener {
        None => stage.once(stopped_at, args.json).await?,
        Some(listener) => {
            stage.serve(stopped_at, listener, &stop).await?;
            stage.say(&format!(
                "The demo's files are in {}; the next start goes on with the next morning.",
                args.dir.display()
            ));
            ExitCode::SUCCESS
        }
    };
    stop.cancel();
    stage.core.db.close().await;
    Ok(code)
}

/// One demo per folder.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file =
        File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "a demo is already running in {}; stop it, or give another folder with --dir",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

/// The port that was asked for, or the next that is free.
async fn listen(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut address = wanted;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                let next = address.port().checked_add(1);
                match next.filter(|port| port - wanted.port() < 100) {
                    Some(port) => address.set_port(port),
                    None => bail!("port {} and the hundred after it are taken", wanted.port()),
                }
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{address} cannot be listened on"));
            }
        }
    }
}

/// Opens the folder: inbox, receiver, settings, database. What an interrupted first start left is taken away before.
async fn open(
    folder: &Path,
    clock: &Clock,
    zone: &Zone,
    address: SocketAddr,
    stop: &CancellationToken,
) -> anyhow::Result<(Core, Arc<Inbox>)> {
    let directory = || {
        Directory::new(people::people().into_iter().map(|person| {
            let zone = person.wishes.time_zone.name().to_owned();
            (person.address.envelope(), zone)
        }))
    };
    for is_last in [false, true] {
        let inbox = Arc::new(Inbox::open(&folder.join("inbox"), directory())?);
        let receiver =
            smtp::listen(inbox.clone(), clock.clone(), zone.clone(), stop.clone()).await?;
        let config = setup::settings(folder, clock, &public_url(address), address, receiver)?;
        let keys = config.secrets.key_ring().map_err(|problem| {
            anyhow::anyhow!("{}: {problem}", folder.join("keys.toml").display())
        })?;
        let core = crate::cli::open_core(config, keys, clock.clone()).await?;
        if is_last || !setup::is_half_made(&core).await? {
            return Ok((core, inbox));
        }
        core.db.close().await;
        for name in ["demo.db", "demo.db-wal", "demo.db-shm", "inbox/index.jsonl"] {
            match std::fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }
    bail!("the demo's folder cannot be opened")
}

/// How a browser on this machine reaches the address.
fn public_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://127.0.0.1:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

struct Stage {
    core: Core,
    theme: Arc<Theme>,
    inbox: Arc<Inbox>,
    home: Zone,
    is_silent: bool,
    /// Cancelled by Ctrl-C or SIGTERM while it serves.
    interrupted: CancellationToken,
}

impl Stage {
    fn say(&self, line: &str) {
        if !self.is_silent {
            println!("{line}");
        }
    }

    fn banner(&self, args: &Args, address: SocketAddr) -> anyhow::Result<()> {
        let stories = content::stories()?.len();
        let people = words::grouped(people::COUNT as i64);
        let newsroom = &self.core.config.newsroom;
        let languages: Vec<_> = newsroom.languages.iter().map(ToString::to_string).collect();
        let port = address.port();
        let base = public_url(address);
        self.say(&format!(
            "Jarshy {} · demo newsroom «{}» in {} · SQLite · {stories} stories ({}) · {people} subscribers in {} zones, all invented",
            env!("CARGO_PKG_VERSION"),
            newsroom.names.get(newsroom.default_language()),
            args.dir.display(),
            languages.join(", "),
            PLACES.len(),
        ));
        self.say("Nothing leaves this machine: mail goes to the inbox below.");
        if port != args.listen.port() && args.listen.port() != 0 {
            self.say(&format!(
                "Port {} is taken; the demo is on port {port}, the next that is free.",
                args.listen.port()
            ));
        }
        self.say("");
        let front = format!("{base}/{}/", newsroom.default_language());
        self.say(&format!("  Newsroom  {front:<34} Feeds   {base}/feeds"));
        self.say(&format!("  Inbox     {base}/inbox"));
        self.say(&format!(
            "  On a server? From your own computer: ssh -L {port}:127.0.0.1:{port} you@server"
        ));
        if args.once {
            self.say("  --once: the mornings are run and verified, nothing is served; without it these addresses open.");
        }
        self.say("");
        Ok(())
    }

    /// Where the day begins: fifteen seconds before the next eight o'clock in Almaty, or later if that is where it stopped.
    fn start_of_day(stopped_at: Timestamp) -> Timestamp {
        words::mornings(stopped_at, stopped_at.plus_secs(2 * 86_400))
            .into_iter()
            .find(|(_, zone, _)| zone.name() == PLACES[0].0)
            .map_or(stopped_at, |(eight, _, _)| {
                eight.plus_secs(-15).max(stopped_at)
            })
    }

    fn say_clock(&self) {
        let now = self.core.clock.now();
        let local = now.in_zone(&self.home);
        let left = words::mornings(now, now.plus_secs(86_400))
            .first()
            .map_or(0, |(at, _, _)| {
                (at.as_millis() - now.as_millis() + 999) / 1000
            });
        self.say(&format!(
            "  Demo clock: {} in Almaty. In {left} seconds it is eight o'clock.",
            local.strftime("%A, %-d %B %Y, %H:%M:%S")
        ));
        self.say("");
    }

    /// The mornings between two instants, one after the other, without waiting.
    async fn live(&self, after: Timestamp, until: Timestamp) -> anyhow::Result<()> {
        for (at, _, _) in words::mornings(after, until) {
            self.walk_to(at).await?;
            self.morning().await?;
        }
        Ok(())
    }

    /// Sets the clock forward, stopping wherever a prepared story is due, so that each is released at its own time.
    async fn walk_to(&self, at: Timestamp) -> anyhow::Result<()> {
        for story in content::stories()? {
            if story.front.at > self.core.clock.now() && story.front.at <= at {
                self.core.clock.set(story.front.at);
                newsroom::release_due(&self.core).await?;
            }
        }
        self.core.clock.set(at);
        newsroom::release_due(&self.core).await?;
        Ok(())
    }

    /// Opens what is due, works on it, delivers, and tells. Returns whether anything was due.
    async fn morning(&self) -> anyhow::Result<bool> {
        let core = &self.core;
        let before = delivery::store::get_total_sums(&core.db).await?;
        let seen = self.inbox.len();
        let began = core.clock.now();
        if digest::open_runs(core).await? == 0 {
            return Ok(false);
        }
        let reports = digest::work_runs(core, &self.theme).await?;
        let zones = self.tell_morning(began, &reports).await?;
        let wait = tokio::time::timeout(PATIENCE, async {
            loop {
                delivery::drain(core, &self.interrupted).await?;
                let sums = delivery::store::get_total_sums(&core.db).await?;
                if sums.open == 0 || self.interrupted.is_cancelled() {
                    return anyhow::Ok(sums);
                }
                tokio::time::sleep(TICK).await;
            }
        });
        let sums = match wait.await {
            Ok(sums) => sums?,
            Err(_) => delivery::store::get_total_sums(&core.db).await?,
        };
        let planned = sums.planned - before.planned;
        if planned > 0 {
            let zone = zones.first().unwrap_or(&self.home);
            let first = self.first_subject(zone, seen);
            self.say(&words::accepted(
                core.clock.now(),
                zone,
                sums.accepted - before.accepted,
                planned,
                first.as_deref(),
                self.inbox.count_repeats() as i64,
            ));
            self.say(&words::verify(&sums, self.inbox.count_repeats() as i64));
        }
        self.say(&words::next(core.clock.now()));
        setup::remember_now(core, core.clock.now()).await?;
        Ok(true)
    }

    /// One line per run; returns the zones whose morning it is.
    async fn tell_morning(
        &self,
        began: Timestamp,
        reports: &[RunReport],
    ) -> anyhow::Result<Vec<Zone>> {
        let mut zones: Vec<Zone> = Vec::new();
        let order = &self.core.config.newsroom.languages;
        for report in reports {
            let Ok(zone) = Zone::parse(&report.time_zone) else {
                continue;
            };
            let digests =
                delivery::store::count_batch_letters(&self.core.db, report.run_id).await?;
            self.say(&words::morning(began, &zone, report, digests, order));
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        Ok(zones)
    }

    /// The subject in the inbox of the first person of the zone, or of whoever got the first mail since `seen`.
    fn first_subject(&self, zone: &Zone, seen: usize) -> Option<String> {
        let owner = self.inbox.directory().first_in(zone.name());
        let (theirs, _) = self.inbox.list(
            |mail| mail.id > seen && Some(mail.recipient.to_lowercase().as_str()) == owner,
            0,
            1,
        );
        theirs
            .into_iter()
            .next()
            .or_else(|| self.inbox.find(seen + 1))
            .map(|mail| mail.subject)
    }

    /// Catches up on the mornings that passed while nobody looked, and shows the moment before eight.
    async fn begin(&self, stopped_at: Timestamp) -> anyhow::Result<Timestamp> {
        let start = Self::start_of_day(stopped_at);
        self.core.clock.set(stopped_at);
        digest::recompute_slots(&self.core).await?;
        self.live(stopped_at, start).await?;
        self.walk_to(start).await?;
        self.say_clock();
        Ok(start)
    }

    /// A day of mornings, then the equation.
    async fn once(&self, stopped_at: Timestamp, json: bool) -> anyhow::Result<ExitCode> {
        let start = self.begin(stopped_at).await?;
        let day = words::mornings(start, start.plus_secs(86_000));
        let last = day.last().map_or(start, |(at, _, _)| *at);
        self.live(start, last).await?;
        let sums = delivery::store::get_total_sums(&self.core.db).await?;
        if json {
            println!("{}", serde_json::to_string(&sums)?);
        }
        Ok(if self.holds(&sums) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Whether everything planned is accounted for, nothing is left to do, and the inbox has what was accepted.
    fn holds(&self, sums: &Sums) -> bool {
        let arrived = (self.inbox.len() - self.inbox.count_repeats()) as i64;
        sums.adds_up() && sums.open == 0 && arrived >= sums.accepted
    }

    /// Serves pages, feeds and the inbox, and lets the clock run, until Ctrl-C.
    async fn serve(
        &self,
        stopped_at: Timestamp,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let app = App::new(
            self.core.clone(),
            self.theme.clone(),
            Some(self.inbox.clone()),
        );
        let server = tokio::spawn(app.run(Some(listener), Role::Web, stop.clone()));
        tokio::spawn(crate::cli::serve::cancel_on_signal(
            self.interrupted.clone(),
        ));
        self.begin(stopped_at).await?;
        let mut remembered = self.core.clock.now();
        loop {
            tokio::select! {
                () = self.interrupted.cancelled() => break,
                () = tokio::time::sleep(TICK) => {}
            }
            if server.is_finished() {
                break;
            }
            newsroom::release_due(&self.core).await?;
            if !self.morning().await? {
                // Small mail: a confirmation that somebody waits for.
                delivery::drain(&self.core, &self.interrupted).await?;
            }
            let now = self.core.clock.now();
            if now.as_secs() - remembered.as_secs() >= 10 {
                setup::remember_now(&self.core, now).await?;
                remembered = now;
            }
        }
        setup::remember_now(&self.core, self.core.clock.now()).await?;
        stop.cancel();
        server.await??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_gives_way_to_the_next() {
        let first = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let second = listen(taken).await.unwrap();
        assert!(second.local_addr().unwrap().port() > taken.port());
    }

    #[test]
    fn one_demo_per_folder() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let error = lock(folder.path()).unwrap_err().to_string();
        assert!(error.contains("--dir"), "{error}");
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }

    #[test]
    fn a_second_start_goes_on_with_the_next_morning() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (stopped, start) in [
            ("2026-02-28T07:59:44+05:00", "2026-02-28T07:59:45+05:00"),
            ("2026-02-28T07:59:50+05:00", "2026-02-28T07:59:50+05:00"),
            ("2026-02-28T08:00:03+05:00", "2026-03-01T07:59:45+05:00"),
            ("2026-02-28T18:00:03+05:00", "2026-03-01T07:59:45+05:00"),
        ] {
            assert_eq!(Stage::start_of_day(at(stopped)), at(start));
        }
    }
}
