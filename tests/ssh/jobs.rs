//! Long work that outlives its connection.

use crate::sshd::Sshd;
use irs::remote::{Cmd, Ended, Host, Job, News, Output};
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Adds a line to a file, writes slowly until another file is there, then says so and ends with a status.
const WORK: &str = r#"echo begun >>"$1/log"; for _ in $(seq 150); do [ ! -e "$1/end" ] || break; echo x >>"$1/grows"; sleep 0.1; done; echo result; echo remark >&2; exit "$2""#;

struct Work {
    folder: tempfile::TempDir,
}

impl Work {
    fn new() -> Work {
        Work {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(
        &self,
        host: &Host,
        status: &str,
        kept: bool,
        news: &dyn Fn(News) -> anyhow::Result<()>,
    ) -> anyhow::Result<Ended> {
        let (folder, grows) = (self.path(""), self.path("grows"));
        let args = [folder.to_str().unwrap(), status];
        let job = Job {
            purpose: folder.to_str().unwrap(),
            script: WORK,
            args: &args,
            stdin: "",
            file: grows.to_str().unwrap(),
            kept,
        };
        host.job(&job, news)
    }

    fn begun(&self) -> usize {
        std::fs::read_to_string(self.path("log"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn end(&self) {
        std::fs::write(self.path("end"), "").unwrap();
    }

    /// The job's folder on the host.
    fn state(&self) -> Option<PathBuf> {
        let jobs = std::fs::read_dir("/run/irs").into_iter().flatten().flatten();
        jobs.map(|job| job.path()).find(|job| {
            let purpose = std::fs::read_to_string(job.join("for")).unwrap_or_default();
            Path::new(purpose.trim_end()) == self.path("")
        })
    }

    /// Cuts the connection of a run as soon as the job has written something.
    fn cut(&self, sshd: &Sshd) {
        let host = sshd.connect().unwrap();
        let shell = host.text(&Cmd::script("echo $PPID", &[])).unwrap();
        std::thread::scope(|scope| {
            let run = scope.spawn(|| self.run(&host, "0", true, &|_| Ok(())));
            until(|| self.path("grows").exists());
            // The parent of a command's shell is the process that serves our connection.
            kill(shell.trim());
            assert!(run.join().unwrap().is_err(), "the connection was not cut");
        });
    }
}

fn kill(process: &str) {
    std::process::Command::new("kill")
        .args(["-KILL", "--", process])
        .status()
        .unwrap();
}

fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !what() {
        assert!(Instant::now() < end, "it did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn done(ended: Ended) -> Output {
    match ended {
        Ended::Done(output) => output,
        Ended::Taken => panic!("somebody else took it"),
    }
}

#[test]
fn a_job_outlives_its_connection_and_is_joined() {
    let sshd = Sshd::start();
    let work = Work::new();
    work.cut(&sshd);
    let state = work.state().expect("its state stays");
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let size = || work.path("grows").metadata().unwrap().len();
    let before = size();
    until(|| size() > before);

    let host = sshd.connect().unwrap();
    let news = RefCell::new(Vec::new());
    let output = done(
        work.run(&host, "0", true, &|heard| {
            if let News::Size(_) = heard {
                work.end();
            }
            news.borrow_mut().push(heard);
            Ok(())
        })
        .unwrap(),
    );
    assert!(matches!(news.borrow()[..], [News::Joined, News::Size(1..), ..]));
    assert_eq!(
        (output.text(), output.errors(), output.status),
        ("result\n".into(), "remark\n".into(), 0)
    );
    assert_eq!(work.begun(), 1);

    // Its result stays until it is forgotten, also for a client that comes later.
    assert_eq!(
        done(work.run(&host, "0", true, &|_| Ok(())).unwrap()).text(),
        "result\n"
    );
    assert_eq!(work.begun(), 1);
    host.end_jobs(work.path("").to_str().unwrap()).unwrap();
    assert_eq!(work.state(), None);
}

#[test]
fn a_failure_is_told_once_and_leaves_nothing() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let work = Work::new();
    work.end();
    for begun in 1..=2 {
        let output = done(work.run(&host, "7", true, &|_| Ok(())).unwrap());
        assert_eq!((output.status, output.errors()), (7, "remark\n".into()));
        assert_eq!(work.begun(), begun);
        assert_eq!(work.state(), None);
    }
    // What is not kept goes with its answer.
    assert_eq!(done(work.run(&host, "0", false, &|_| Ok(())).unwrap()).status, 0);
    assert_eq!(work.state(), None);
}

#[test]
fn work_that_nobody_needs_is_ended_with_all_that_it_called() {
    let sshd = Sshd::start();
    let work = Work::new();
    work.cut(&sshd);
    let worker = std::fs::read_to_string(work.state().unwrap().join("pid")).unwrap();
    let process = Path::new("/proc").join(worker.trim());
    assert!(process.exists());
    let host = sshd.connect().unwrap();
    host.end_jobs("/another").unwrap();
    assert!(process.exists());
    host.end_jobs(work.path("").to_str().unwrap()).unwrap();
    assert_eq!(work.state(), None);
    let size = || work.path("grows").metadata().unwrap().len();
    let last = size();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(size(), last, "it goes on");
}

#[test]
fn what_ends_a_worker_does_not_end_the_work() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let work = Work::new();
    let output = std::thread::scope(|scope| {
        let run = scope.spawn(|| work.run(&host, "0", false, &|_| Ok(())));
        until(|| work.path("grows").exists());
        let worker = std::fs::read_to_string(work.state().unwrap().join("pid")).unwrap();
        kill(&format!("-{}", worker.trim()));
        until(|| work.begun() == 2);
        work.end();
        done(run.join().unwrap().unwrap())
    });
    assert_eq!((output.text(), output.status), ("result\n".into(), 0));
}
