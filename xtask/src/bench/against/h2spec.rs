//! `cargo xtask h2spec`: what a program that tests HTTP/2 servers says through the engine is what it says without it.
//!
//! h2spec sends what no client does and looks how connections end: by GOAWAY, by RST, by FIN, in what order.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::contender::Contender;
use super::network::{ENGINE, PHONE, WORLD, WORLD_V4};
use super::scene::Scene;
use super::{RUN, check_machine, prepare, run_inside};
use crate::bench::run_optimized;
use crate::needs;

#[derive(clap::Args)]
#[command(
    after_help = "h2spec comes from Go's registry: go install github.com/summerwind/h2spec/cmd/h2spec@latest"
)]
pub struct Arguments {
    /// The program h2spec
    h2spec: PathBuf,

    /// MTU of the phone's TUN
    #[arg(long, default_value_t = 1500)]
    mtu: u16,

    /// Already in the namespaces that the harness makes for itself
    #[arg(long, hide = true)]
    inside: bool,
}

/// The server's port.
const PORT: u16 = 8080;
/// Seconds that it may take to listen.
const START: u32 = 60;
/// Seconds that h2spec waits for an answer. The usual 2 are too few for a busy machine.
const PATIENCE: &str = "10";

/// Runs h2spec without and with the engine between it and a server.
///
/// # Errors
/// When a verdict differs, with all that do; or something is missing.
pub fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        return run_optimized();
    }
    if !arguments.inside {
        ensure!(arguments.h2spec.is_file(), "{}: not there", arguments.h2spec.display());
        needs::ensure(&[needs::NGHTTPD])?;
        check_machine()?;
        Contender::Telltale.build()?;
        return run_inside();
    }
    prepare()?;
    let scene = Scene::set(Contender::Telltale, usize::from(arguments.mtu), Path::new(RUN))?;
    let _server = Server::start(&scene)?;
    let [direct, through] = [ENGINE, PHONE].map(|place| verdicts(&scene, place, &arguments.h2spec));
    compare(&direct?, &through?)
}

/// An HTTP/2 server of others' making, which ends when this is dropped.
struct Server(Child);

impl Server {
    fn start(scene: &Scene) -> Result<Self> {
        let folder = Path::new(RUN).join("served");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("index.html"), "hello\n")?;
        let mut command = Command::new("nghttpd");
        command
            .arg("--no-tls")
            .arg("-d")
            .arg(folder)
            .arg(PORT.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let server = Self(scene.inside(WORLD, || command.spawn()).context("nghttpd")?);
        // It says nothing when it listens.
        let listens = || TcpStream::connect((WORLD_V4, PORT)).is_ok();
        for _ in 0..START {
            if scene.inside(ENGINE, listens) {
                return Ok(server);
            }
            sleep(Duration::from_secs(1));
        }
        bail!("nghttpd does not listen after {START} s")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A case and what h2spec says of it.
type Verdict = (String, &'static str);

fn verdicts(scene: &Scene, place: &str, h2spec: &Path) -> Result<Vec<Verdict>> {
    let file = Path::new(RUN).join(format!("h2spec-{place}.xml"));
    let mut command = Command::new(h2spec);
    command.args(["-h", &WORLD_V4.to_string(), "-p", &PORT.to_string(), "-o", PATIENCE, "-j"]).arg(&file);
    // It fails when a case does, which is for its file to say.
    let output = scene.inside(place, || command.stdin(Stdio::null()).output()).context("h2spec")?;
    let text = fs::read_to_string(&file).with_context(|| {
        format!("h2spec in {place} said: {}", String::from_utf8_lossy(&output.stderr).trim())
    })?;
    let verdicts = read(&text);
    ensure!(!verdicts.is_empty(), "h2spec in {place} ran no case");
    Ok(verdicts)
}

/// The cases of a JUnit report.
fn read(text: &str) -> Vec<Verdict> {
    let case = |case: &str| {
        let attribute = |name: &str| {
            let (_, rest) = case.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let said = case.split("</testcase>").next().unwrap_or_default();
        let verdict = ["failure", "skipped", "error"].into_iter().find(|it| said.contains(&format!("<{it}")));
        let name = format!("{}: {}", attribute("package")?, attribute("classname")?);
        Some((name, verdict.unwrap_or("passed")))
    };
    text.split("<testcase ").skip(1).filter_map(case).collect()
}

fn compare(direct: &[Verdict], through: &[Verdict]) -> Result<()> {
    ensure!(
        direct.len() == through.len(),
        "{} cases ran, {} through the engine",
        direct.len(),
        through.len()
    );
    let other = direct.iter().zip(through).filter(|(direct, through)| direct != through);
    let other: Vec<String> = other
        .map(|((name, direct), (_, through))| format!("{name}: {direct}, through the engine: {through}"))
        .collect();
    let passed = direct.iter().filter(|(_, verdict)| *verdict == "passed").count();
    println!("h2spec: {} cases, {passed} passed without the engine, {} differ", direct.len(), other.len());
    if !other.is_empty() {
        bail!("{}", other.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<testsuites><testsuite name="a" package="http2/5.1">
        <testcase package="http2/5.1" classname="idle: Sends a DATA frame" time="0.1"></testcase>
        <testcase package="http2/5.1" classname="closed: Sends HEADERS" time="0.2"><failure>Expect: x</failure></testcase>
        <testcase package="http2/5.2" classname="b" time="0.2"><skipped></skipped></testcase></testsuite></testsuites>"#;

    #[test]
    fn verdicts_are_read_and_compared() {
        let verdicts = read(REPORT);
        let words: Vec<_> = verdicts.iter().map(|(_, verdict)| *verdict).collect();
        assert_eq!(words, ["passed", "failure", "skipped"]);
        assert_eq!(verdicts[0].0, "http2/5.1: idle: Sends a DATA frame");
        assert!(compare(&verdicts, &verdicts).is_ok());
        let other = read(&REPORT.replace("<failure>", "<error>"));
        let complaint = compare(&verdicts, &other).unwrap_err().to_string();
        assert_eq!(complaint, "http2/5.1: closed: Sends HEADERS: failure, through the engine: error");
        assert!(compare(&verdicts, &verdicts[1..]).is_err());
    }
}
