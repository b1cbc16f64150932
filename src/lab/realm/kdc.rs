//! The KDC process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::config::KDC_LOG;
use super::tools::{Tool, Tools};
use super::{RealmError, remove};

/// A KDC that runs until it is dropped.
#[derive(Debug)]
pub(super) struct Kdc {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    output: PathBuf,
}

impl Kdc {
    /// Starts a KDC for the database in `dir` on a free port, which `configure` writes down.
    pub(super) fn start(
        tools: &Tools,
        realm: &str,
        dir: &Path,
        configure: impl Fn(SocketAddr) -> Result<(), RealmError>,
    ) -> Result<Self, RealmError> {
        let mut log = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let address = free_address()
                .map_err(|source| RealmError::Spawn { tool: Tool::Krb5Kdc.name(), source })?;
            configure(address)?;
            let mut kdc = Self::spawn(tools, realm, dir, address)?;
            match kdc.wait_until_ready()? {
                Readiness::Ready => return Ok(kdc),
                Readiness::PortTaken => log = kdc.log(),
            }
        }
        Err(RealmError::NoPort { attempts: PORT_ATTEMPTS, log })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the KDC ended, if it did.
    pub(super) fn ended(&mut self) -> Option<RealmError> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(RealmError::KdcEnded { status, log: self.log() }),
            Err(source) => Some(RealmError::Spawn { tool: Tool::Krb5Kdc.name(), source }),
        }
    }

    fn spawn(
        tools: &Tools,
        realm: &str,
        dir: &Path,
        address: SocketAddr,
    ) -> Result<Self, RealmError> {
        let kdc = Tool::Krb5Kdc.find()?;
        let log = dir.join(KDC_LOG);
        // Readiness is read from the log, so it must not be that of an earlier attempt.
        remove(&log)?;
        let output = dir.join("kdc.out");
        let sink = File::create(&output)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|source| RealmError::io("create", &output, source))?;

        let mut command = Command::new("/bin/sh");
        tools.confine(&mut command);
        let child = command
            .args(["-c", WATCHED_EXEC, "sh"])
            .arg(kdc)
            .args(["-n", "-r", realm])
            // An interrupt from the terminal is for us; it must not end the KDC under us.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(sink.0)
            .stderr(sink.1)
            .spawn()
            .map_err(|source| RealmError::Spawn { tool: Tool::Krb5Kdc.name(), source })?;
        Ok(Self { child, address, log, output })
    }

    /// Waits until the KDC says that it is up and its port accepts a connection.
    ///
    /// A connection alone would prove nothing: it may be another process that listens there.
    fn wait_until_ready(&mut self) -> Result<Readiness, RealmError> {
        let address = self.address;
        let started = Instant::now();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(|source| RealmError::Spawn { tool: Tool::Krb5Kdc.name(), source })?
            {
                let log = self.log();
                return if log.contains(PORT_TAKEN) {
                    Ok(Readiness::PortTaken)
                } else {
                    Err(RealmError::KdcEnded { status, log })
                };
            }
            if self.log().contains(KDC_UP) && TcpStream::connect(address).is_ok() {
                return Ok(if is_shared(address) {
                    Readiness::PortTaken
                } else {
                    Readiness::Ready
                });
            }
            if started.elapsed() > START_LIMIT {
                return Err(RealmError::KdcSilent {
                    address,
                    waited: START_LIMIT,
                    log: self.log(),
                });
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// What the KDC said so far.
    fn log(&self) -> String {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let all = read(&self.log) + &read(&self.output);
        all.trim().to_owned()
    }
}

impl Drop for Kdc {
    fn drop(&mut self) {
        // Dismiss the watcher first: it must not send its signal once the process id is free.
        if let Some(mut watcher) = self.child.stdin.take() {
            let _ = watcher.write_all(b"\n");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

enum Readiness {
    Ready,
    PortTaken,
}

/// A port that is free now; it may be taken again before the KDC binds it.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether another process listens on the same address.
///
/// KDCs set `SO_REUSEPORT`, so two that were given the same port both start, and each gets some of
/// the other's clients.
fn is_shared(address: SocketAddr) -> bool {
    let Ok(table) = fs::read_to_string("/proc/net/tcp") else {
        return false;
    };
    count_listeners(&table, address) > 1
}

fn count_listeners(table: &str, address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else {
        return 0;
    };
    // The kernel prints the address as one number in the machine's own byte order.
    let host = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{host:08X}:{:04X}", address.port());
    table
        .lines()
        .map(|line| line.split_ascii_whitespace().skip(1))
        .filter(|fields| {
            let mut fields = fields.clone();
            fields.next() == Some(&local) && fields.nth(1) == Some(LISTEN)
        })
        .count()
}

/// Becomes the KDC and leaves a watcher behind that kills it when the starting process is gone.
///
/// The watcher reads the pipe that only the starting process can write to. The end of the file
/// means that the process died; a line means that it takes care of the KDC itself. A parent-death
/// signal would not do: the kernel sends it when the *thread* that started the child ends.
const WATCHED_EXEC: &str = "exec 3<&0 </dev/null
{ read -r _ <&3 || kill -KILL $$; } &
exec \"$@\" 3<&-";

const KDC_UP: &str = "commencing operation";
const PORT_TAKEN: &str = "Address already in use";
const PORT_ATTEMPTS: u32 = 8;
const START_LIMIT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_shared_by_its_only_listener() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(count_listeners(&table, address), 1);
        assert!(!is_shared(address));
    }

    #[test]
    fn two_listeners_on_a_port_are_counted() {
        let host = u32::from_ne_bytes([127, 0, 0, 1]);
        let table = format!(
            "  sl  local_address rem_address   st tx_queue\n\
             \x20  0: {host:08X}:0058 00000000:0000 0A 00000000:00000000\n\
             \x20  1: {host:08X}:0058 00000000:0000 0A 00000000:00000000\n\
             \x20  2: {host:08X}:0058 {host:08X}:1234 01 00000000:00000000\n\
             \x20  3: 00000000:0058 00000000:0000 0A 00000000:00000000\n"
        );
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 88));
        assert_eq!(count_listeners(&table, address), 2);
    }
}
