//! Files that change while a worker enriches: whatever happens to them, no event is lost and the last good snapshot serves.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use stormtag::{Config, Kind, Live, Outcome, Reloader, Worker};

/// A folder of its own, gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("stormtag-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// As atomic tools do it: a link beside it, renamed over it.
    #[cfg(unix)]
    fn link(&self, name: &str, to: &str) {
        let beside = self.path(&format!("{name}_tmp"));
        std::os::unix::fs::symlink(to, &beside).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const SETTINGS: &str = "[catalog]\nbuiltin = false\n[reload]\ndebounce = \"0s\"\nshrink_from = 10\n";

fn reloader(folder: &Folder, entries: &str) -> Reloader {
    Config::parse(folder.path("stormtag.toml"), &format!("{entries}\n{SETTINGS}")).unwrap().reloader().unwrap()
}

/// A list of `count` names under `word`, and one that is in every list.
pub(crate) fn list(word: &str, count: usize) -> String {
    let names: String = (0..count).map(|number| format!("n{number}.{word}.example\n")).collect();
    format!("kept.example\n{names}")
}

pub(crate) fn knows(worker: &mut Worker, name: &str) -> bool {
    !worker.look_up(Kind::Domain, name).unwrap().is_empty()
}

/// Runs `test` while a worker enriches events, of which each must come out, with its match.
pub(crate) fn under_traffic(live: &Live, test: impl FnOnce()) {
    let (done, events) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            let mut worker = live.worker();
            let mut out = Vec::new();
            let mut number = 0_u64;
            while !done.load(Ordering::Relaxed) {
                out.clear();
                let event = format!(r#"{{"n":{number},"query":"www.kept.example"}}"#);
                let matched = worker.enrich_json(event.as_bytes(), &mut out);
                let text = std::str::from_utf8(&out).unwrap();
                assert!(matched && text.starts_with(&format!(r#"{{"n":{number},"#)), "{text}");
                number += 1;
                events.store(number, Ordering::Relaxed);
            }
            assert_eq!((worker.counters().events, worker.counters().events_matched), (number, number));
        });
        let before = |count| {
            while events.load(Ordering::Relaxed) < count && !traffic.is_finished() {
                thread::yield_now();
            }
        };
        before(10);
        let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
        before(events.load(Ordering::Relaxed) + 10);
        done.store(true, Ordering::Relaxed);
        traffic.join().unwrap();
        tested.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[track_caller]
pub(crate) fn published(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Published { .. }), "{outcome}");
}

#[track_caller]
pub(crate) fn unchanged(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Unchanged), "{outcome}");
}

#[track_caller]
pub(crate) fn failed(outcome: &Outcome, says: &str) {
    assert!(matches!(outcome, Outcome::Failed(error) if error.to_string().contains(says)), "{outcome}");
}

#[cfg(unix)]
#[test]
fn a_config_map_is_swapped() {
    for path in ["mount/feed.txt", "mount/*.txt", "mount/*"] {
        let folder = Folder::new("configmap");
        folder.write("mount/..2024_01/feed.txt", list("old", 20));
        folder.link("mount/..data", "..2024_01");
        folder.link("mount/feed.txt", "..data/feed.txt");
        let mut reloader = reloader(&folder, &format!("[[feed]]\npath = \"{path}\""));
        let live = reloader.live().clone();
        let mut worker = reloader.worker();
        assert_eq!(reloader.report().accepted(), 21, "{path}");
        under_traffic(&live, || {
            assert!(knows(&mut worker, "n7.old.example"));
            folder.write("mount/..2024_02/feed.txt", list("new", 20));
            unchanged(&reloader.check());
            folder.link("mount/..data", "..2024_02");
            fs::remove_dir_all(folder.path("mount/..2024_01")).unwrap();
            published(&reloader.check());
            assert!(!knows(&mut worker, "n7.old.example") && knows(&mut worker, "n7.new.example"));
            // The same content in another folder is the same content.
            folder.write("mount/..2024_03/feed.txt", list("new", 20));
            folder.link("mount/..data", "..2024_03");
            unchanged(&reloader.check());
        });
    }
}

#[cfg(unix)]
#[test]
fn git_sync_swaps_the_folder_above() {
    let folder = Folder::new("git-sync");
    folder.write("git/.worktrees/aaa/feeds/a.txt", list("old", 20));
    folder.write("git/.worktrees/aaa/feeds/b.txt", "gone.example\n");
    folder.link("git/current", ".worktrees/aaa");
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"git/current/feeds/*.txt\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        assert!(knows(&mut worker, "gone.example"));
        folder.write("git/.worktrees/bbb/feeds/a.txt", list("old", 20));
        folder.write("git/.worktrees/bbb/feeds/c.txt", "come.example\n");
        folder.link("git/current", ".worktrees/bbb");
        published(&reloader.check());
        assert!(!knows(&mut worker, "gone.example") && knows(&mut worker, "come.example"));
        folder.link("git/current", ".worktrees/aaa");
        published(&reloader.check());
        assert!(knows(&mut worker, "gone.example") && !knows(&mut worker, "come.example"));
    });
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn times_of_modification_mean_nothing() {
    let folder = Folder::new("times");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    folder.write("feed.txt", list("first", 20));
    set_time(&folder.path("feed.txt"), long_ago);
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"feed.txt\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    let first = live.generation();
    under_traffic(&live, || {
        set_time(&folder.path("feed.txt"), SystemTime::now());
        unchanged(&reloader.check());
        // Another content of the same length and time.
        folder.write("feed.txt", list("other", 20));
        set_time(&folder.path("feed.txt"), long_ago);
        published(&reloader.check());
        assert!(!knows(&mut worker, "n7.first.example") && knows(&mut worker, "n7.other.example"));
        assert_ne!(live.generation(), first);
        // An older file with an older time, put back.
        folder.write("feed.txt", list("first", 20));
        set_time(&folder.path("feed.txt"), long_ago - Duration::from_secs(1));
        published(&reloader.check());
        assert!(knows(&mut worker, "n7.first.example") && !knows(&mut worker, "n7.other.example"));
        assert_eq!(live.generation(), first);
    });
}

#[test]
fn what_shrinks_too_much_is_refused_until_it_is_forced() {
    let folder = Folder::new("shrink");
    folder.write("large.txt", list("large", 200));
    folder.write("small.txt", list("small", 20));
    let mut reloader =
        reloader(&folder, "[[feed]]\npath = \"large.txt\"\n[[feed]]\npath = \"small.txt\"\nshrink = \"80%\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        // Cut in the middle of writing: a text has no end of its own.
        folder.write("large.txt", &list("large", 200).as_bytes()[..500]);
        let outcome = reloader.check();
        let Outcome::Shrunken { feed: Some(feed), old: 201, new, .. } = &outcome else { panic!("{outcome}") };
        assert!(feed.ends_with("large.txt") && *new < 30, "{outcome}");
        assert!(outcome.to_string().contains("the last good snapshot stays"), "{outcome}");
        assert!(knows(&mut worker, "n199.large.example"));
        // Asked again, the same is said, and what was there counts as before.
        assert_eq!(reloader.check().to_string(), outcome.to_string());
        folder.write("large.txt", list("large", 200));
        unchanged(&reloader.check());
        // Half of each feed may go, and most of this one; but more than half of all went.
        folder.write("large.txt", list("large", 100));
        folder.write("small.txt", list("small", 4));
        let outcome = reloader.check();
        assert!(matches!(outcome, Outcome::Shrunken { feed: None, old: 222, new: 106, .. }), "{outcome}");
        published(&reloader.force());
        assert!(knows(&mut worker, "n99.large.example") && !knows(&mut worker, "n100.large.example"));
        // What was forced is what counts from now on.
        folder.write("large.txt", list("large", 60));
        published(&reloader.check());
        folder.write("large.txt", list("large", 0));
        assert!(reloader.check().is_refused());
        published(&reloader.force());
        assert!(!knows(&mut worker, "n0.large.example"));
    });
}

#[test]
fn an_allow_list_that_silences_nearly_all_is_refused() {
    let folder = Folder::new("silence");
    folder.write("feed.txt", list("large", 20));
    folder.write("allow.txt", "# nothing\n");
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"feed.txt\"\n[[allow]]\npath = \"allow.txt\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        let names: String = (0..15).map(|number| format!("n{number}.large.example\n")).collect();
        folder.write("allow.txt", &names);
        let outcome = reloader.check();
        assert!(matches!(outcome, Outcome::Shrunken { old: 21, new: 6, .. }), "{outcome}");
        folder.write("allow.txt", "n3.large.example\n");
        published(&reloader.check());
        let finding = worker.look_up(Kind::Domain, "n3.large.example").unwrap();
        assert_eq!((finding.matches().count(), finding.suppressed().count()), (0, 1));
    });
}

#[cfg(feature = "compression")]
#[test]
fn what_breaks_off_is_refused() {
    use std::io::Write;
    let folder = Folder::new("breaks");
    let whole = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    folder.write("feed.txt.gz", whole(&list("old", 20)));
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"feed.txt.gz\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        // Of a much longer list enough to be no less than before.
        let new = whole(&list("new", 2000));
        folder.write("feed.txt.gz", &new[..new.len() / 2]);
        failed(&reloader.check(), "truncated or damaged");
        assert!(knows(&mut worker, "n7.old.example"));
        folder.write("feed.txt.gz", &new);
        published(&reloader.check());
        assert!(knows(&mut worker, "n1999.new.example") && !knows(&mut worker, "n7.old.example"));
    });
}

#[test]
fn what_is_gone_or_cannot_be_read_leaves_the_last_good_snapshot() {
    let folder = Folder::new("gone");
    folder.write("feed.txt", list("old", 20));
    folder.write("allow.txt", "allowed.example\n");
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"feed.txt\"\n[[allow]]\npath = \"allow.txt\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        for file in ["feed.txt", "allow.txt"] {
            let content = fs::read(folder.path(file)).unwrap();
            fs::remove_file(folder.path(file)).unwrap();
            failed(&reloader.check(), file);
            // Root may read everything: a folder in its place he cannot read either.
            fs::create_dir(folder.path(file)).unwrap();
            failed(&reloader.check(), file);
            fs::remove_dir(folder.path(file)).unwrap();
            folder.write(file, &content);
            unchanged(&reloader.check());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(folder.path(file), fs::Permissions::from_mode(0o000)).unwrap();
                if fs::read(folder.path(file)).is_ok() {
                    eprintln!("SKIPPED: loss of permission: this user may read everything");
                } else {
                    failed(&reloader.check(), file);
                }
                fs::set_permissions(folder.path(file), fs::Permissions::from_mode(0o600)).unwrap();
            }
            unchanged(&reloader.check());
            assert!(knows(&mut worker, "n7.old.example"));
        }
    });
}

#[test]
fn everything_is_replaced_at_once() {
    let folder = Folder::new("replaced");
    let record = "value,confidence,revoked\n";
    folder.write("feed.csv", format!("{record}kept.example,50,no\nold.example,50,no\nlater.example,50,no\n"));
    let mut reloader = reloader(&folder, "[[feed]]\npath = \"feed.csv\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        folder.write("feed.csv", format!("{record}kept.example,80,no\nnew.example,50,no\nlater.example,50,yes\n"));
        let outcome = reloader.check();
        let Outcome::Published { report, old, new, .. } = outcome else { panic!("{outcome}") };
        assert_eq!((report.accepted(), report.revoked()), (2, 1));
        assert!(knows(&mut worker, "new.example"));
        assert!(!knows(&mut worker, "old.example") && !knows(&mut worker, "later.example"));
        let delta = stormtag::Intel::delta(&old, &new);
        assert!(delta.added().map(|of| of.pattern.into_owned()).eq(["new.example"]));
        assert!(delta.changed().map(|of| of.pattern.into_owned()).eq(["kept.example"]));
        assert_eq!(delta.removed().count(), 2);
    });
}

#[test]
fn only_what_has_changed_is_read_again() {
    let folder = Folder::new("databases");
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data"));
    for file in ["asn.mmdb", "city.mmdb"] {
        fs::copy(data.join(file), folder.path(file)).unwrap();
    }
    folder.write("feed.txt", list("old", 20));
    folder.write("actors.toml", "[[actor]]\nid = \"X1\"\nname = \"First\"\n");
    let entries = "geo.databases = [\"asn.mmdb\"]\n[[feed]]\npath = \"feed.txt\"\nactors = [\"X1\"]\n";
    let text =
        format!("{entries}\n{}", SETTINGS.replace("builtin = false", "builtin = false\nfiles = [\"actors.toml\"]"));
    let mut reloader = Config::parse(folder.path("stormtag.toml"), &text).unwrap().reloader().unwrap();
    let live = reloader.live().clone();
    under_traffic(&live, || {
        let before = live.snapshot();
        folder.write("feed.txt", list("new", 20));
        published(&reloader.check());
        let after = live.snapshot();
        assert!(std::ptr::eq(before.geo().unwrap(), after.geo().unwrap()), "the databases are shared");
        // Broken, then another.
        let whole = fs::read(folder.path("city.mmdb")).unwrap();
        folder.write("asn.mmdb", &whole[..whole.len() / 2]);
        failed(&reloader.check(), "asn.mmdb");
        folder.write("asn.mmdb", &whole);
        published(&reloader.check());
        assert!(live.snapshot().geo().unwrap().place("45.63.60.39".parse().unwrap()).is_some());
        // The catalogue.
        folder.write("actors.toml", "[[actor]]\nid = \"X1\"\nname = ");
        failed(&reloader.check(), "actors.toml:3");
        folder.write("actors.toml", "[[actor]]\nid = \"X1\"\nname = \"Second\"\n");
        published(&reloader.check());
        assert_eq!(live.snapshot().catalog().actors("X1").next().unwrap().name, "Second");
    });
    // Nobody holds the old ones any more.
    assert_eq!(live.reclaim(), 0);
}

#[test]
fn an_emptied_feed_is_refused_where_it_may_not_be_empty() {
    let folder = Folder::new("emptied");
    folder.write("a.txt", "kept.example\n");
    folder.write("b.txt", "b.example\n");
    let mut reloader =
        reloader(&folder, "[[feed]]\npath = \"a.txt\"\n[[feed]]\npath = \"b.txt\"\nwhen_empty = \"error\"");
    let live = reloader.live().clone();
    let mut worker = reloader.worker();
    under_traffic(&live, || {
        folder.write("b.txt", "");
        failed(&reloader.check(), "b.txt: gives no indicator");
        assert!(knows(&mut worker, "b.example"));
        folder.write("b.txt", "c.example\n");
        published(&reloader.check());
        assert!(!knows(&mut worker, "b.example") && knows(&mut worker, "c.example"));
    });
}

#[test]
fn hosts_with_the_same_content_have_the_same_generation() {
    let generations: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let folder = Folder::new(name);
            // Comments and places are not content.
            folder.write(&format!("{name}/feed.txt"), format!("# {name}\n{}", list("x", 20)));
            folder.write("allow.txt", "# name: allowed\na.example\n");
            let entries =
                format!("[[feed]]\npath = \"{name}/*.txt\"\nsource = \"x\"\n[[allow]]\npath = \"allow.txt\"\n");
            reloader(&folder, &entries).live().generation()
        })
        .collect();
    assert_eq!(generations[0], generations[1]);
    // This process is not the one that wrote this line.
    assert_eq!(generations[0].to_string(), "4f90f48c5d0ffd51ef65c2951a6d0ce7");
}

#[cfg(feature = "watch")]
mod watched {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Instant;

    use stormtag::Watcher;

    use super::*;

    /// Outcomes as text, as they come.
    fn watch(folder: &Folder, entries: &str, poll: &str) -> (Watcher, Receiver<String>, Worker) {
        let settings = SETTINGS.replace("\"0s\"", &format!("\"20ms\"\npoll = \"{poll}\""));
        let text = format!("{entries}\n{settings}");
        let reloader = Config::parse(folder.path("stormtag.toml"), &text).unwrap().reloader().unwrap();
        let worker = reloader.worker();
        let (to, from) = channel();
        (reloader.watch(move |outcome| to.send(outcome.to_string()).unwrap()).unwrap(), from, worker)
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[cfg(unix)]
    #[test]
    fn swapped_links_are_noticed_by_looking_and_by_being_told() {
        // An hour between looks leaves it to notifications.
        for poll in ["50ms", "1h"] {
            let folder = Folder::new("watched");
            folder.write("mount/..1/feed.txt", list("one", 20));
            folder.link("mount/..data", "..1");
            folder.link("mount/feed.txt", "..data/feed.txt");
            let (watcher, outcomes, mut worker) = watch(&folder, "[[feed]]\npath = \"mount/feed.txt\"", poll);
            under_traffic(watcher.live(), || {
                let start = Instant::now();
                while poll == "1h" && !watcher.is_notified() {
                    if start.elapsed() > PATIENCE {
                        eprintln!("SKIPPED: this system gives no notifications");
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                for word in ["two", "three"] {
                    folder.write(&format!("mount/..{word}/feed.txt"), list(word, 20));
                    folder.link("mount/..data", &format!("..{word}"));
                    let said = outcomes.recv_timeout(PATIENCE).unwrap();
                    assert!(said.contains("published") && said.contains("21 indicators"), "{said}");
                    assert!(knows(&mut worker, &format!("n7.{word}.example")));
                    assert!(!knows(&mut worker, "n7.one.example"));
                }
                fs::remove_file(folder.path("mount/feed.txt")).unwrap();
                let said = outcomes.recv_timeout(PATIENCE).unwrap();
                assert!(said.starts_with("failed, the last good snapshot stays"), "{said}");
                // The same refusal is told once.
                assert!(outcomes.recv_timeout(Duration::from_millis(300)).is_err());
                assert!(knows(&mut worker, "n7.three.example"));
                folder.link("mount/feed.txt", "..data/feed.txt");
                folder.write("mount/..three/feed.txt", list("four", 3));
                let said = outcomes.recv_timeout(PATIENCE).unwrap();
                assert!(said.contains("fell from 21 to 4"), "{said}");
                watcher.force();
                assert!(outcomes.recv_timeout(PATIENCE).unwrap().contains("published"));
            });
            drop(watcher);
            assert!(outcomes.recv().is_err(), "the thread has ended");
        }
    }

    #[test]
    fn a_panic_of_the_host_kills_nothing() {
        let folder = Folder::new("panics");
        folder.write("feed.txt", list("one", 20));
        let text = format!("[[feed]]\npath = \"feed.txt\"\n{}", SETTINGS.replace("\"0s\"", "\"0s\"\npoll = \"20ms\""));
        let reloader = Config::parse(folder.path("stormtag.toml"), &text).unwrap().reloader().unwrap();
        let mut worker = reloader.worker();
        let watcher = reloader.watch(|outcome| panic!("as the test wants it: {outcome}")).unwrap();
        let live = watcher.live().clone();
        under_traffic(&live, || {
            for (number, word) in (1..).zip(["two", "three"]) {
                folder.write("feed.txt", list(word, 20));
                watcher.check();
                let start = Instant::now();
                while !knows(&mut worker, &format!("n7.{word}.example")) || watcher.panics() < number {
                    assert!(start.elapsed() < PATIENCE, "{word}");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        drop(watcher);
        // What was replaced is freed, though nobody asked for it.
        assert_eq!(live.reclaim(), 0);
    }
}
