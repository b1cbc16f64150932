//! `expsd lab`: each scenario, broken and fixed, by the program itself; how it comes up and goes
//! down; the quiz; and the course, whose dialogues are taken from these runs.

mod support;

#[path = "lab/course.rs"]
mod course;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use expsd::lab::run::{Lab, Step};
use expsd::lab::scenario::{self, Scenario, Side};
use serde_json::Value;
use support::{PATIENCE, http, tool};

fn expsd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_expsd"));
    command.arg("lab").args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    expsd(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Whether Kerberos is there if the scenario needs it.
fn can_play(scenario: &Scenario) -> bool {
    const TOOLS: [&str; 5] = ["krb5kdc", "kadmin.local", "kdb5_util", "kinit", "kvno"];
    !scenario.needs_kerberos()
        || (cfg!(feature = "gssapi") && TOOLS.iter().all(|name| tool(name).is_some()))
}

/// Of each scenario and side the exit code, and the evidence.
type Runs = HashMap<(&'static str, Side), (Option<i32>, Value)>;

/// A run of everything that can be played.
fn runs() -> &'static Runs {
    static RUNS: OnceLock<Runs> = OnceLock::new();
    RUNS.get_or_init(|| {
        let sides = [Side::Broken, Side::Fixed];
        let playable = scenario::all().iter().filter(|scenario| can_play(scenario));
        let waiting = Mutex::new(playable.flat_map(|scenario| sides.map(|side| (scenario, side))));
        let played = Mutex::new(HashMap::new());
        // A few at a time.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some((scenario, side)) = { waiting.lock().unwrap().next() } {
                        let run = play(scenario, side);
                        played.lock().unwrap().insert((scenario.name, side), run);
                    }
                });
            }
        });
        played.into_inner().unwrap()
    })
}

fn play(scenario: &Scenario, side: Side) -> (Option<i32>, Value) {
    let fixed: &[&str] = if side == Side::Fixed { &["--fixed"] } else { &[] };
    let output = output(&[&["run", scenario.name, "--once", "--format", "json"], fixed].concat());
    let evidence = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}: {}", scenario.name, text(&output.stderr)));
    (output.status.code(), evidence)
}

/// The symptom at the sender, at the receiver and in the lint is what the scenario states, and
/// the repair delivers; and it is up in time.
#[test]
fn every_scenario_is_as_it_states() {
    let mut wrong = Vec::new();
    for ((name, side), (code, evidence)) in runs() {
        let needs_kerberos = scenario::find(name).unwrap().needs_kerberos();
        let bound = if needs_kerberos { 4_000 } else { 2_000 };
        let up = evidence["up_ms"].as_u64().unwrap();
        let told = evidence["not_as_stated"].as_array().unwrap();
        if *code != Some(0) || up >= bound || !told.is_empty() {
            wrong.push(format!("{name} {side:?}, {up} ms: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the linter tells of the broken side is gone on the fixed one.
#[test]
fn lint_tells_what_the_repair_mends() {
    for scenario in scenario::all() {
        let left = scenario.broken.lint.iter().filter(|rule| scenario.fixed.lint.contains(rule));
        assert_eq!(left.count(), 0, "{}", scenario.name);
    }
    let told = scenario::all().iter().filter(|scenario| !scenario.broken.lint.is_empty());
    assert!(told.count() >= 18);
}

/// A statement that does not hold is told, or else the test above could not fail.
#[tokio::test]
async fn what_is_not_as_stated_is_told() {
    let mut other = scenario::find("exchange-auth-unticked").unwrap().clone();
    other.broken.lint.clear();
    other.broken.events.push(12014);
    let sees = &mut other.cast[0].broken;
    sees.outcome = "delivered".to_owned();
    sees.last_error = None;
    sees.causes.clear();
    sees.event = Some(2017);
    sees.reply = Some("221 bye".to_owned());
    sees.met = Some("App relay".to_owned());
    sees.trace = vec!["no such line".to_owned()];
    sees.row = Some("<,NOOP,".to_owned());
    sees.events = vec![1035];
    let silent = |_: Step<'_>| {};
    let program = Path::new(env!("CARGO_BIN_EXE_expsd"));
    let mut lab =
        Lab::start(Box::leak(Box::new(other)), Side::Broken, program, &silent).await.unwrap();
    let evidence = lab.play(&silent).await.unwrap();
    lab.stop().await;
    let told: Vec<_> = evidence.not_as_stated.iter().map(String::as_str).collect();
    for begins in [
        "lint: [\"exchange-auth-unticked\"], and not []",
        "the events at the start: ",
        "EX02: the outcome: \"refused\", and not \"delivered\"",
        "EX02: Last Error: ",
        "EX02: the sender's event: None, and not Some(2017)",
        "EX02: the causes: ",
        "EX02: the receiver's events: [], and not [1035]",
        "EX02: the last reply: ",
        "EX02: the connector: ",
        "EX02: the trace has no line",
        "EX02: the protocol log has no row",
    ] {
        assert!(told.iter().any(|line| line.starts_with(begins)), "{begins}\n{told:#?}");
    }
    assert_eq!(told.len(), 11, "{told:#?}");
    let place = "(examples/scenarios/exchange-auth-unticked/scenario.toml:";
    assert!(told.iter().all(|line| line.contains(place)), "{told:#?}");
}

/// A lab that is up.
struct Up {
    child: Child,
    /// Until nobody reads any more.
    out: Option<BufReader<ChildStdout>>,
    shown: String,
    /// In place of /tmp.
    folder: tempfile::TempDir,
}

impl Up {
    fn run(arguments: &[&str]) -> Self {
        Self::start(arguments, Stdio::null())
    }

    fn start(arguments: &[&str], input: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = expsd(arguments)
            .env("TMPDIR", folder.path())
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out, shown: String::new(), folder }
    }

    fn wait_for(&mut self, line: &str) {
        while !self.shown.contains(line) {
            let read = self.out.as_mut().unwrap().read_line(&mut self.shown).unwrap();
            assert!(read > 0, "it ended: {}", self.shown);
        }
    }

    fn listening(&self) -> Vec<&str> {
        let up = self.shown.split_once("It stays up:\n").unwrap().1;
        let lines = up.lines().take_while(|line| !line.is_empty());
        lines.map(|line| line.split_whitespace().next().unwrap()).collect()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that `pid` has begun and that still run.
fn children(pid: u32) -> Vec<String> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    list.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn ctrl_c_leaves_no_process_file_or_port() {
    for (name, signal) in [
        ("asa-inspection", "-INT"),
        ("wrong-key-after-reset", "-TERM"),
        ("default-narrowed", "-HUP"),
        ("default-narrowed", "-QUIT"),
    ] {
        if !can_play(scenario::find(name).unwrap()) {
            continue;
        }
        let mut up = Up::run(&["run", name]);
        up.wait_for("Ctrl-C ends it.");
        let at: Vec<_> = up.listening().into_iter().map(str::to_owned).collect();
        assert!(!at.is_empty() && !up.files().is_empty());
        for address in &at {
            assert!(TcpStream::connect(address).is_ok(), "{name}: {address}");
        }
        // One of the class is still there.
        let _open = TcpStream::connect(&at[0]).unwrap();
        let began = children(up.child.id());
        up.signal(signal);
        let ended = Instant::now();
        assert!(up.child.wait().unwrap().success(), "{name}");
        assert!(ended.elapsed() < PATIENCE);
        assert!(up.files().is_empty(), "{name}: {:?}", up.files());
        for address in &at {
            assert!(TcpStream::connect(address).is_err(), "{name}: {address}");
        }
        for pid in began {
            assert!(!Path::new("/proc").join(&pid).exists(), "{name}: {pid} runs on");
        }
    }
}

/// However early it comes.
#[test]
fn ctrl_c_while_it_starts_leaves_nothing_either() {
    let name = "spn-missing";
    if !can_play(scenario::find(name).unwrap()) {
        return;
    }
    for file in ["realm", "realm/krb5.conf", "realm/ex01.keytab"] {
        let mut up = Up::run(&["run", name]);
        support::wait_until(|| {
            let lab = up.files().into_iter().next()?;
            lab.join(file).exists().then_some(())
        });
        up.signal("-INT");
        up.child.wait().unwrap();
        assert!(up.files().is_empty(), "{file}: {:?}", up.files());
    }
}

/// The lines that it shows for it, pasted into a shell, do what the cast did.
#[test]
fn the_cast_can_be_repeated_by_hand() {
    for scenario in scenario::all().iter().filter(|scenario| can_play(scenario)) {
        let mut up = Up::run(&["run", scenario.name]);
        up.wait_for("Ctrl-C ends it.");
        let (_, commands) = up.shown.split_once("To do what the cast did:\n").unwrap();
        for (cast, command) in scenario.cast.iter().zip(commands.lines()) {
            let output = Command::new("sh").args(["-c", command.trim()]).output().unwrap();
            let told = text(&output.stdout);
            let name = format!("{}, {}: {command}\n{told}", scenario.name, cast.name);
            let outcome = match cast.broken.outcome.as_str() {
                "delivered" => 0,
                "unreachable" => 2,
                _ => 1,
            };
            assert_eq!(output.status.code(), Some(outcome), "{name}");
            let error = cast.broken.last_error.iter().all(|error| told.contains(error));
            assert!(error, "{name}");
        }
    }
}

/// The address to come from leads to whom the scenario is about, also where the server has more
/// than one.
#[test]
fn the_telnet_line_leads_where_the_cast_went() {
    for name in ["certificate-expired", "balancer-hides-source"] {
        let scenario = scenario::find(name).unwrap();
        let mut up = Up::run(&["run", name]);
        up.wait_for("Ctrl-C ends it.");
        let (_, line) = up.shown.split_once("  telnet -b ").unwrap();
        let words: Vec<_> = line.lines().next().unwrap().split(' ').collect();
        assert_eq!(words[0], scenario.cast[0].from.to_string());
        let to = format!("{}:{}", words[1], words[2]);
        assert_eq!(words[1], scenario.cast[0].to.ip().to_string(), "{line}");
        assert!(up.listening().contains(&to.as_str()), "{line}");
    }
}

/// Nobody would know how to end it.
#[test]
fn it_ends_when_nobody_reads_what_it_prints() {
    for last in ["", "Ctrl-C ends it."] {
        let mut up = Up::run(&["run", "default-narrowed"]);
        up.wait_for(last);
        up.out = None;
        assert!(up.child.wait().unwrap().success());
        assert!(up.files().is_empty(), "{:?}", up.files());
    }
}

/// A program that starts a lab is told where the page is, too.
#[test]
fn json_has_the_page_while_it_is_up() {
    let mut up = Up::run(&["run", "default-narrowed", "--format", "json"]);
    up.wait_for("\n}\n");
    let evidence: Value = serde_json::from_str(&up.shown).unwrap();
    let page = evidence["page"].as_str().unwrap();
    let address = page.strip_prefix("http://").unwrap().strip_suffix("/lesson").unwrap();
    assert_eq!(http(address.parse().unwrap(), "GET", "/lesson", &[], "").status, 200);
    assert!(evidence["acts"][1]["command"].as_str().unwrap().contains("EXPSD_PASSWORD="));
}

/// The linter judges the set as it is written: that the lab leaves delays out is no fault of it.
#[test]
fn the_pages_find_what_the_lab_finds() {
    let mut up = Up::run(&["run", "relay-range-shadows-default", "--fixed"]);
    up.wait_for("Ctrl-C ends it.");
    let (_, address) = up.shown.split_once("In a browser: http://").unwrap();
    let (address, _) = address.split_once("/lesson\n").unwrap();
    let found = http(address.parse().unwrap(), "GET", "/api/v1/lint", &[], "");
    assert_eq!(found.status, 200);
    assert!(!found.body.contains("tarpit-off"), "{}", found.body);
}

/// What names the cause is left for the answer.
#[test]
fn a_cause_is_asked_for_without_being_told() {
    let scenario = scenario::find("19").unwrap();
    let mut up = Up::start(&["run", "19", "--ask"], Stdio::piped());
    up.wait_for("or q to end.");
    for told in [scenario.name, &scenario.title, "firewall-inspection", "firewall (pix)"] {
        assert!(!up.shown.contains(told), "{told}\n{}", up.shown);
    }
    for told in ["Mail between the sites waits", "SmtpReceive log, at EX01\\Default Frontend EX01"]
    {
        assert!(up.shown.contains(told), "{told}\n{}", up.shown);
    }
    let (_, address) = up.shown.split_once("In a browser: http://").unwrap();
    let (address, _) = address.split_once("/lesson\n").unwrap();
    let page = http(address.parse().unwrap(), "GET", "/lesson", &[], "");
    for told in [scenario.name, &scenario.title, "The solution", "firewall-inspection"] {
        assert!(!page.body.contains(told), "{told}\n{}", page.body);
    }
    up.child.stdin.take().unwrap().write_all(b"q\n").unwrap();
    assert_eq!(up.child.wait().unwrap().code(), Some(2));
    assert!(up.files().is_empty());
}

/// Where no receiver runs there is nothing to list.
#[test]
fn what_does_not_listen_is_told() {
    let mut up = Up::run(&["run", "hub-role-on-port-25"]);
    up.wait_for("Ctrl-C ends it.");
    assert!(up.shown.contains("so nothing listens: a telnet to 127.0.0.1:"), "{}", up.shown);
    assert!(!up.shown.contains("It stays up:"), "{}", up.shown);
}

/// In a browser: what was seen, the map, the question and the lesson.
#[test]
fn a_page_tells_the_scenario() {
    let mut up = Up::run(&["run", "relay-range-shadows-default"]);
    up.wait_for("Ctrl-C ends it.");
    let (_, address) = up.shown.split_once("In a browser: http://").unwrap();
    let (address, _) = address.split_once("/lesson\n").unwrap();
    let page = http(address.parse().unwrap(), "GET", "/lesson", &[], "");
    assert_eq!(page.status, 200, "{}", page.body);
    for part in [
        "A connector for printers takes the servers too",
        "451 5.7.3 Cannot achieve Exchange Server authentication",
        "met EX01\\Printers",
        "/api/v1/map.svg?mark=EX02%3D127.0.0.12%2CPrinter%3D127.0.0.31",
        "<summary>EX02 asked for the connector by its name</summary>",
        "<strong>relay-range-shadows-default</strong>",
        "<strong>Repair.</strong>",
        "RemoteIPRanges = &#34;127.0.0.0/24&#34;",
    ] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    // The question is not answered above itself.
    let (above, below) = page.body.split_once("<h2>Which cause is it?</h2>").unwrap();
    assert!(!above.contains("met EX01") && !above.contains("cause "), "{above}");
    for part in [
        "<summary>Why it went so</summary>",
        "expsd lab run relay-range-shadows-default --fixed</code>",
        "<a href=\"https://",
    ] {
        assert!(below.contains(part), "{part}\n{below}");
    }
    let (_, map) = page.body.split_once("<img src=\"").unwrap();
    let (map, _) = map.split_once('"').unwrap();
    let narrow = format!("<source media=\"(max-width: 50rem)\" srcset=\"{map}&amp;width=360\">");
    assert!(page.body.contains(&narrow), "{}", page.body);
    let picture = http(address.parse().unwrap(), "GET", map, &[], "");
    assert!(picture.body.starts_with("<svg"), "{}", picture.body);
    let (_, session) = page.body.split_once("href=\"/sessions/").unwrap();
    let (session, _) = session.split_once('"').unwrap();
    let session = http(address.parse().unwrap(), "GET", &format!("/sessions/{session}"), &[], "");
    assert!(session.body.contains("EHLO ex02.contoso.test"), "{}", session.body);
}

#[test]
fn it_is_shown_side_by_side_or_one_below_the_other() {
    let output = output(&["run", "exchange-auth-unticked", "--once"]);
    let shown = text(&output.stdout);
    assert!(output.status.success());
    let heads = shown.lines().find(|line| line.starts_with("SENDER")).unwrap();
    assert!(heads.ends_with("│ RECEIVER"), "{heads}");
    assert!(shown.lines().all(|line| line.chars().count() <= 120), "{shown}");
    assert!(!shown.contains('\x1b'), "{shown}");
    assert!(shown.ends_with("All is as the scenario states.\n"), "{shown}");
}

#[test]
fn scenarios_are_listed_and_shown() {
    let listed = output(&["list"]);
    for scenario in scenario::all() {
        assert!(text(&listed.stdout).contains(scenario.name));
        let shown = output(&["show", scenario.name]);
        let shown = text(&shown.stdout);
        for part in [scenario.title.as_str(), scenario.configuration(Side::Broken), scenario.lesson]
        {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }
    let list: Value =
        serde_json::from_slice(&output(&["list", "--format", "json"]).stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), scenario::all().len());
    let shown = output(&["show", "clock-skew", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["cast"][0]["broken"]["events"][0], 1035);
}

#[test]
fn a_name_that_nobody_knows_is_a_wrong_argument() {
    let output = output(&["run", "exchange-auth-untiked", "--once"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean exchange-auth-unticked?"));
}

/// Answers a quiz by lines on its standard input.
fn quiz(arguments: &[&str], answers: &str) -> Output {
    let mut child = expsd(&[&["quiz"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What was printed, on one line.
fn unwrapped(output: &Output) -> String {
    text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_quiz_explains_what_is_wrong() {
    for scenario in scenario::all() {
        let choices = scenario.quiz.shuffled(7);
        let right = choices.iter().position(|(_, right)| *right).unwrap();
        let letter = |at: usize| char::from(b'a' + at as u8);
        let wrong = (right + 1) % choices.len();
        let name = scenario.name;

        let answered = quiz(&[name, "--seed", "7"], &format!("{}\n", letter(right)));
        let shown = unwrapped(&answered);
        assert!(answered.status.success(), "{shown}");
        assert!(shown.contains(&choices[right].0.why), "{shown}");

        let answers = format!("what\n{}\n{}\n", letter(wrong), letter(right).to_ascii_uppercase());
        let answered = quiz(&[name, "--seed", "7"], &answers);
        let shown = unwrapped(&answered);
        assert_eq!(answered.status.code(), Some(1), "{shown}");
        assert!(shown.contains("Type a letter from a to "), "{shown}");
        assert!(shown.contains(&choices[wrong].0.why), "{shown}");
    }
    for ended in ["", "q\n", "Quit\n"] {
        assert_eq!(quiz(&["clock-skew"], ended).status.code(), Some(2));
    }
}
