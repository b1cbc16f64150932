//! What the tests share: the daemon as a process, a client that reads replies, and tools.
#![allow(dead_code)] // Each test file uses a part of it.

pub mod certificate;
pub mod dump;
pub mod exim;
pub mod ntlm;
pub mod secrets;
pub mod tls;

use std::io::{BufRead as _, BufReader, Read, Seek as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Long enough for a slow machine; nothing waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// `expsd serve` as a process of its own, on free ports.
pub struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
    ready: serde_json::Value,
}

impl Daemon {
    /// Runs `toml`, whose bindings should have port 0, with more arguments.
    pub fn start(toml: &str, arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), toml, arguments, &[])
    }

    pub fn start_in(
        dir: tempfile::TempDir,
        toml: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let configuration = dir.path().join("expsd.toml");
        std::fs::write(&configuration, toml).unwrap();
        let configuration = configuration.to_str().unwrap().to_owned();
        let arguments = [&["--config", &configuration], arguments].concat();
        Self::run(dir, &arguments, environment)
    }

    /// Runs what `arguments` name, with its files in `dir`.
    pub fn run(dir: tempfile::TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        Self::run_to(dir, arguments, environment, Stdio::null(), log.into())
    }

    /// The same with its output, and its log, to elsewhere.
    pub fn run_to(
        dir: tempfile::TempDir,
        arguments: &[&str],
        environment: &[(&str, &str)],
        stdout: Stdio,
        stderr: Stdio,
    ) -> Self {
        let path = |name: &str| dir.path().join(name);
        let http: &[&str] =
            if arguments.contains(&"--http") { &[] } else { &["--http", "127.0.0.1:0"] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_expsd"))
            .arg("serve")
            .env("XDG_STATE_HOME", path("state"))
            .args(http)
            .arg("--ready-file")
            .arg(path("ready.json"))
            .args(arguments)
            .envs(environment.iter().copied())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let ready = wait_until(|| {
            if let Some(status) = child.try_wait().unwrap() {
                let log = std::fs::read_to_string(path("log")).unwrap();
                panic!("expsd ended at start with {status}: {log}");
            }
            std::fs::read_to_string(path("ready.json")).ok()
        });
        Self { child, ready: serde_json::from_str(&ready).unwrap(), dir }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with the daemon's files: `expsd.toml`, `state`, `log`, `ready.json`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Waits until the log holds `text`, and gives the line.
    pub fn wait_for_log(&self, text: &str) -> String {
        wait_until(|| self.log().lines().find(|line| line.contains(text)).map(str::to_owned))
    }

    /// Where the connector called `name` listens.
    pub fn address(&self, name: &str) -> SocketAddr {
        let connectors = self.ready["connectors"].as_array().unwrap();
        let suffix = format!("\\{name}");
        let found = connectors.iter().find(|c| c["identity"].as_str().unwrap().ends_with(&suffix));
        found.expect(name)["bindings"][0].as_str().unwrap().parse().unwrap()
    }

    /// Where HTTP is answered.
    pub fn http(&self) -> SocketAddr {
        self.ready["http"].as_str().unwrap().parse().unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        wait_until(|| self.child.try_wait().unwrap())
    }
}

/// What a daemon of any test has written holds no secret of its configuration.
impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            secrets::check(self.dir.path());
        }
    }
}

/// What came back over HTTP.
pub struct Response {
    pub status: u16,
    /// In lower case.
    pub headers: String,
    pub body: String,
}

/// One request on a connection of its own. A `Host` among `headers` replaces the usual one.
pub fn http(at: SocketAddr, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request += &format!("Host: {at}\r\n");
    }
    for header in headers {
        request += &format!("{header}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, headers: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A loopback address that nobody else uses, for tests that need a fixed port.
pub fn own_address() -> Ipv4Addr {
    static TAKEN: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, TAKEN.fetch_add(1, Ordering::Relaxed))
}

/// Polls until `condition` gives something.
pub fn wait_until<T>(condition: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, condition)
}

fn wait_within<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < patience, "nothing came in {patience:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A message in the folder of `--capture`.
pub struct Kept {
    /// What its `.json` says.
    pub facts: serde_json::Value,
    /// Its `.eml`.
    pub delivered: Vec<u8>,
    /// What came, made again of both.
    pub content: Vec<u8>,
}

/// The messages that are there by now, oldest first.
pub fn kept(folder: &Path) -> Vec<Kept> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut facts: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    facts.sort();
    let read = |path: PathBuf| {
        let facts = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let delivered = std::fs::read(path.with_extension("eml")).unwrap();
        Kept { content: as_it_came(&facts, &delivered), facts, delivered }
    };
    facts.into_iter().map(read).collect()
}

/// Takes off what was stamped, and puts in what was stripped.
fn as_it_came(facts: &serde_json::Value, delivered: &[u8]) -> Vec<u8> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let stamped: String = facts["stamped"].as_array().unwrap().iter().map(text).collect();
    let mut content = delivered.strip_prefix(stamped.as_bytes()).unwrap().to_vec();
    for stripped in facts["stripped"].as_array().unwrap() {
        let at = stripped["at"].as_u64().unwrap() as usize;
        let field = match stripped["field"].as_str() {
            Some(field) => field.into(),
            None => BASE64_STANDARD.decode(text(&stripped["base64"])).unwrap(),
        };
        content.splice(at..at, field);
    }
    content
}

/// The protocol log files below the folder of `--journal`, each folder's in their order.
pub fn protocol_log(journal: &Path) -> Vec<String> {
    let mut folders = vec![journal.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        // It may not be there yet.
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "LOG" => files.push(path),
                _ => {}
            }
        }
    }
    // Number 10 comes after number 9.
    files.sort_by_key(|file| {
        (file.parent().map(Path::to_owned), file.as_os_str().len(), file.clone())
    });
    // A file may go while others come.
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end with `input` on its standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Finished {
    run_within(PATIENCE, command, input)
}

/// The same where the program may take longer than [`PATIENCE`].
pub fn run_within(patience: Duration, command: &mut Command, input: &[u8]) -> Finished {
    // Files, unlike pipes, take any amount and need nobody who reads them meanwhile.
    let [mut stdin, mut stdout, mut stderr] = [(); 3].map(|()| tempfile::tempfile().unwrap());
    stdin.write_all(input).unwrap();
    stdin.rewind().unwrap();
    let mut child = Killed(
        command
            .stdin(stdin)
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap(),
    );
    let status = wait_within(patience, || child.0.try_wait().unwrap());
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Finished { status, stdout: read(&mut stdout), stderr: read(&mut stderr) }
}

/// A process that does not outlive its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An SMTP client that sends lines and reads replies.
pub struct Client<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
}

impl Client {
    /// Connects and reads the greeting.
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = Self::connect_silently(address);
        let greeting = client.reply();
        assert!(greeting.starts_with("220 "), "{greeting}");
        client
    }

    pub fn connect_silently(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }

    /// Connects behind a PROXY header that states `source`.
    pub fn connect_from(address: SocketAddr, source: &str) -> Self {
        let mut client = Self::connect_silently(address);
        client.send(&format!("PROXY TCP4 {source} 127.0.0.1 40000 25"));
        let greeting = client.reply();
        assert!(greeting.starts_with("220 "), "{greeting}");
        client
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub fn into_inner(self) -> S {
        self.stream.into_inner()
    }

    pub fn send(&mut self, line: &str) {
        self.send_raw(format!("{line}\r\n").as_bytes());
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// One reply, its lines joined by `\n`; empty if the connection has ended.
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            match self.stream.read_line(&mut line) {
                Ok(0) | Err(_) => return reply,
                Ok(_) => {}
            }
            let line = line.trim_end();
            reply += if reply.is_empty() { "" } else { "\n" };
            reply += line;
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    pub fn command(&mut self, line: &str) -> String {
        self.send(line);
        self.reply()
    }

    /// The keywords of an EHLO reply.
    pub fn ehlo(&mut self) -> Vec<String> {
        let reply = self.command("EHLO client.test");
        reply.lines().skip(1).map(|line| line[4..].to_owned()).collect()
    }

    /// Sends a small message and gives the reply to the end of data.
    pub fn deliver(&mut self, from: &str, to: &str) -> String {
        let mail = self.command(&format!("MAIL FROM:<{from}>"));
        assert_eq!(mail, "250 2.1.0 Sender OK");
        let rcpt = self.command(&format!("RCPT TO:<{to}>"));
        assert_eq!(rcpt, "250 2.1.5 Recipient OK");
        assert!(self.command("DATA").starts_with("354 "));
        self.command("Subject: test\r\n\r\nText.\r\n.")
    }

    /// All that comes until the end, and how the connection ended.
    pub fn rest(&mut self) -> (String, std::io::Result<()>) {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest).map(|_| ());
        (String::from_utf8(rest).unwrap(), end)
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        self.reply().is_empty()
    }
}

/// The program called `name`, or a word to the log that the test is skipped. Where
/// `EXPSD_REQUIRE_TOOLS` is set nothing may be skipped.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin");
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(system)
        .chain([own])
        .map(|dir| dir.join(name))
        .find(|p| p.is_file());
    if found.is_none() {
        skip(&format!("no {name}"));
    }
    found
}

/// A word to the log that a test is skipped, and why. Not by eprintln, which the test harness
/// keeps to itself where a test passes.
pub fn skip(why: &str) {
    assert!(std::env::var_os("EXPSD_REQUIRE_TOOLS").is_none(), "skipped: {why}");
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
