//! Who may change what: one run at a time for a deployment.
//!
//! A lease is a `flock` held by a process on the host whose stdin is ours. It ends with us: when we are
//! killed its stdin ends, and when the link is cut it hears no more from us.

use crate::error::{Exit, Fault};
use crate::remote::{Cmd, Host, Said};
use crate::units::format_duration;
use crate::{apply, interrupt};
use anyhow::{Context, Result, anyhow, bail};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the holder hears from us.
const BEAT: Duration = Duration::from_secs(1);
/// How long the holder waits for us; the script has the same number.
const PATIENCE: Duration = Duration::from_secs(8);

/// How the names of leases on deployments begin, so that none meets the host's own.
const DEPLOYMENT: &str = "deployment-";
/// The host-wide lease that a run holds while it chooses its subnets.
const SUBNETS: &str = "subnets";
/// The host-wide lease of a run that makes the host a hypervisor.
const SOFTWARE: &str = "prepare";

/// How often a holder is started that ends without an answer.
const ATTEMPTS: usize = 3;
/// How long to wait between two attempts at a deployment that another run is changing.
const RETRY: Duration = Duration::from_secs(1);

/// The holder. It answers `held`, or `busy`, who holds the lock and for how many seconds, and then repeats each line.
///
/// `$1` the lock's file name, `$2` who asks, `$3` how many more times to try, every 0.2 s.
/// A lock file is only removed while it is locked; one that is no longer the folder's is not it.
const HOLDER: &str = r#"
dir=/run/irs file=/run/irs/$1.lock left=$3
while :; do
  mkdir -p -m 0700 "$dir" || exit 1
  exec 9>>"$file" || { [ -d "$dir" ] && exit 1; continue; }
  flock -n 9
  locked=$?
  if [ $locked != 0 ]; then
    # Anything but 1 is no lock: flock is not there, or /run cannot hold any.
    [ $locked = 1 ] || exit 1
    if [ "$left" -le 0 ]; then
      echo busy; echo "$(head -n 1 "$file" 9>&-)"; echo "$(($(date +%s) - $(stat -c %Y "$file")))"; exit 0
    fi
    left=$((left - 1))
    read -r -t 0.2 _
    [ $? = 1 ] && exit 0
    continue
  fi
  [ "$(stat -L -c %d:%i /proc/self/fd/9)" = "$(stat -c %d:%i "$file" 2>/dev/null)" ] && break
done
printf '%s, since %s\n' "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$file"
echo held
while read -r -t 8 line; do
  # Somebody removed the file: whoever comes next makes another one, and holds that.
  [ /proc/self/fd/9 -ef "$file" ] || exit 0
  echo "$line" || break
done
[ /proc/self/fd/9 -ef "$file" ] && rm -f "$file"
rmdir "$dir" 2>/dev/null
exit 0
"#;

/// The file on the host that the holder of the lease on a deployment has locked.
pub fn file_of(deployment: &str) -> String {
    format!("/run/irs/{DEPLOYMENT}{deployment}.lock")
}

/// The right to change a deployment, or the whole host, until it is dropped.
pub struct Lease {
    stream: UnixStream,
    heard: Arc<Mutex<Instant>>,
    gone: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// Who has a lease.
struct Holder {
    /// `user@machine, since TIME`.
    who: String,
    /// For how many seconds by the host's clock.
    seconds: Option<u64>,
}

enum Attempt {
    Held(Lease),
    Busy(Holder),
}

impl Lease {
    /// Takes the lease on a deployment, at once or not at all; with `waiting`, which is told who has it, as soon as it is
    /// free.
    ///
    /// # Errors
    /// `Busy`, naming who has it and for how long; an interruption of the waiting.
    pub fn deployment(
        host: &Host,
        deployment: &str,
        who: &str,
        waiting: Option<&(dyn Fn(&str) + Sync)>,
    ) -> Result<Lease> {
        Lease::when_free(host, &format!("{DEPLOYMENT}{deployment}"), who, waiting)
    }

    /// Takes the host-wide lease for its packages and services as soon as it is free; `waiting` is told who has it.
    ///
    /// # Errors
    /// An interruption of the waiting.
    pub fn software(host: &Host, who: &str, waiting: &(dyn Fn(&str) + Sync)) -> Result<Lease> {
        Lease::when_free(host, SOFTWARE, who, Some(waiting))
    }

    fn when_free(
        host: &Host,
        name: &str,
        who: &str,
        waiting: Option<&(dyn Fn(&str) + Sync)>,
    ) -> Result<Lease> {
        let mut told = None;
        loop {
            let holder = match Lease::attempt(host, name, who, Duration::ZERO)? {
                Attempt::Held(lease) => return Ok(lease),
                Attempt::Busy(holder) => holder,
            };
            let Some(tell) = waiting else {
                return Err(busy(host, name, &holder).into());
            };
            if told.as_ref() != Some(&holder.who) {
                tell(&busy(host, name, &holder).message);
                told = Some(holder.who);
            }
            if interrupt::pause(RETRY) {
                return Err(apply::stopped());
            }
        }
    }

    /// Takes the host-wide lease for choosing subnets, which other runs hold for a moment only.
    ///
    /// # Errors
    /// `Busy`, when another run needs it for longer than `wait`.
    pub fn subnets(host: &Host, who: &str, wait: Duration) -> Result<Lease> {
        Lease::acquire(host, SUBNETS, who, Some(wait))
    }

    /// Takes the lease `name` for `who`, trying for as long as `wait`.
    ///
    /// A lease that another run holds is a fault with [`Exit::Busy`] that says which run, and since when.
    pub fn acquire(host: &Host, name: &str, who: &str, wait: Option<Duration>) -> Result<Lease> {
        match Lease::attempt(host, name, who, wait.unwrap_or_default())? {
            Attempt::Held(lease) => Ok(lease),
            Attempt::Busy(holder) => Err(busy(host, name, &holder).into()),
        }
    }

    fn attempt(host: &Host, name: &str, who: &str, wait: Duration) -> Result<Attempt> {
        if name.is_empty()
            || name.starts_with('.')
            || !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            bail!("'{name}' is not the name of a lease");
        }
        let who: String = who
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        // Once more than that: whoever only looks at who has it locks it for a moment.
        let tries = wait.as_millis() / 200 + 1;
        // A bash that sshd started would read ~/.bashrc once more, and what that prints is no answer of the holder's.
        let holder = Cmd::new("bash");
        let holder = holder.args(["--norc", "-c", HOLDER, "bash", name, &who, &tries.to_string()]);
        // The folder may go with another lease just when ours is to be made, and a busy sshd may drop a connection.
        let said = Arc::new(Said::default());
        for _ in 1..ATTEMPTS {
            if let Some(attempt) = Lease::ask(host, &holder, &said)? {
                return Ok(attempt);
            }
            // A login that runs no commands at all says so here.
            host.run(&Cmd::new("true"))?;
            thread::sleep(RETRY);
        }
        if let Some(attempt) = Lease::ask(host, &holder, &said)? {
            return Ok(attempt);
        }
        let fault = Fault::new(
            Exit::Failed,
            format!("cannot take the lock of {} on '{}'", what(name), host.name()),
        )
        .hint("bash, flock and a writable /run are needed there");
        Err(match said.last_line() {
            Some(said) => anyhow!(said).context(fault),
            None => fault.into(),
        })
    }

    /// Starts a holder; none when it ends without an answer. `said` gets what it writes to stderr.
    fn ask(host: &Host, holder: &Cmd, said: &Arc<Said>) -> Result<Option<Attempt>> {
        let stream = host.duplex(holder, said)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (stop, stopped) = channel();
        let heard = Arc::new(Mutex::new(Instant::now()));
        let beats = Arc::new(Mutex::new(Vec::new()));
        // From the first moment on: the holder may have to wait for its turn longer than its patience.
        let mut threads = vec![spawn_beats(stream.try_clone()?, stopped, Arc::clone(&beats))];
        let mut line = || -> Result<String> {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .context("reading from the lock's holder")?;
            Ok(line.trim_end().to_owned())
        };
        let answer = line()?;
        match answer.as_str() {
            "held" => {}
            "busy" => {
                let holder = Holder {
                    who: line()?,
                    seconds: line()?.parse().ok(),
                };
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return Ok(Some(Attempt::Busy(holder)));
            }
            _ => return Ok(None),
        }
        *heard.lock().unwrap_or_else(|e| e.into_inner()) = Instant::now();
        let gone = Arc::new(AtomicBool::new(false));
        threads.push(spawn_echoes(reader, beats, Arc::clone(&heard), Arc::clone(&gone)));
        Ok(Some(Attempt::Held(Lease {
            stream,
            heard,
            gone,
            stop: Some(stop),
            threads,
        })))
    }

    /// Whether the lease may have ended without us: then nothing more may be changed.
    pub fn lost(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(|e| e.into_inner());
        if heard.elapsed() >= PATIENCE {
            self.gone.store(true, Ordering::Relaxed);
        }
        self.gone.load(Ordering::Relaxed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Behind a link that is silent nobody answers, and the holder ends by itself.
        let how = match self.lost() {
            true => std::net::Shutdown::Both,
            false => std::net::Shutdown::Write,
        };
        let _ = self.stream.shutdown(how);
        // Until the holder has let go: whoever comes after us in this process finds the lock free.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Who has the lease on a deployment now, in the words of its file; nothing is taken.
///
/// # Errors
/// When the host does not answer.
pub fn holder(host: &Host, deployment: &str) -> Result<Option<String>> {
    let script = r#"
file=/run/irs/$1.lock
[ -e "$file" ] && exec 9<"$file" || exit 0
flock -n -s 9 || head -n 1 "$file"
"#;
    let name = format!("{DEPLOYMENT}{deployment}");
    let said = host.text(&Cmd::script(script, &[&name]))?;
    let said = crate::ui::harmless::short_line(said.trim(), 200);
    Ok((!said.is_empty()).then_some(said))
}

/// Who runs irs, for the lease and the record: user@machine.
pub fn who() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "root".into());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// The deployment that a lock file of this name is of.
pub fn deployment_of(file: &str) -> Option<String> {
    let name = file.strip_suffix(".lock")?.strip_prefix(DEPLOYMENT)?;
    Some(name.to_owned())
}

fn what(name: &str) -> String {
    match name.strip_prefix(DEPLOYMENT) {
        Some(deployment) => format!("deployment '{deployment}'"),
        None if name == SUBNETS => "the choice of subnets".to_owned(),
        None if name == SOFTWARE => "the software".to_owned(),
        None => format!("the lock '{name}'"),
    }
}

fn busy(host: &Host, name: &str, holder: &Holder) -> Fault {
    let (who, since) = holder.who.rsplit_once(", since ").unwrap_or((&holder.who, ""));
    let who = if who.is_empty() { "another run" } else { who };
    let since = if since.is_empty() {
        String::new()
    } else {
        format!(" since {since}")
    };
    let age = holder
        .seconds
        .map(|seconds| format!(" ({} ago)", format_duration(seconds)));
    Fault::new(
        Exit::Busy,
        format!(
            "{} on '{}' is being changed by {who}{since}{}",
            what(name),
            host.name(),
            age.unwrap_or_default()
        ),
    )
    .hint(
        "use --wait to wait until that run has ended; a run that was killed frees its lock within 10 seconds",
    )
}

type Beats = Arc<Mutex<Vec<(u64, Instant)>>>;

/// Writes a numbered line every second, until told to stop.
fn spawn_beats(mut stream: UnixStream, stopped: Receiver<()>, beats: Beats) -> JoinHandle<()> {
    thread::spawn(move || {
        for number in 0.. {
            if let Ok(mut beats) = beats.lock() {
                beats.push((number, Instant::now()));
            }
            if writeln!(stream, "{number}").is_err() {
                return;
            }
            if stopped.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })
}

/// Notes for each line that comes back when it was sent: the holder's patience began no earlier.
fn spawn_echoes(
    reader: BufReader<UnixStream>,
    beats: Beats,
    heard: Arc<Mutex<Instant>>,
    gone: Arc<AtomicBool>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in reader.lines() {
            let Ok(number) = line.unwrap_or_default().parse::<u64>() else {
                break;
            };
            let Ok(mut beats) = beats.lock() else { break };
            let Some(at) = beats.iter().position(|(n, _)| *n == number) else {
                break;
            };
            let (_, sent) = beats[at];
            beats.drain(..=at);
            if let Ok(mut heard) = heard.lock() {
                *heard = (*heard).max(sent);
            }
        }
        gone.store(true, Ordering::Relaxed);
    })
}
