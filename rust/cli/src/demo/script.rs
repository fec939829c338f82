//! What happens in the demo, and when: a first boot, with the seconds of a real one shortened.

use std::io;
use std::time::Duration;

use packet::{App, Phase};
use tokio::time::{sleep, timeout};

use super::identity;
use super::phone::Phone;
use super::places::{ANALYTICS, CHECK_IN, CONNECTIVITY, PAGE, Place, REGISTRATION, TIME};

/// The registration client waits 60 s after the boot; the demo 3 s.
const AFTER_BOOT: Duration = Duration::from_secs(3);
/// How long the registration client waits for an answer.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(3);
/// Between two things that a person does.
const PAUSE: Duration = Duration::from_millis(700);

/// Told what happens as it happens.
pub trait Stage {
    /// The phone enters a phase.
    fn enter(&self, phase: Phase);
    /// A remark for the audience.
    fn say(&self, text: &str);
}

/// Plays the boot.
///
/// # Errors
/// A connection failed that should not have.
pub async fn play(phone: &Phone, stage: &dyn Stage) -> io::Result<()> {
    stage.enter(Phase::LockedBoot);
    sleep(PAUSE).await;
    stage.enter(Phase::NetworkUp);
    stage.say("the phone has a network: connectivity check, time");
    connectivity_check(phone).await?;
    time(phone).await?;
    stage.enter(Phase::SimLoaded);
    sleep(PAUSE).await;
    stage.enter(Phase::BootCompleted);
    stage.say("booted: check-in, an app's analytics");
    check_in(phone).await?;
    beacon(phone).await?;

    let mut registration = Registration::default();
    stage.say("60 s after the boot (3 s here), the registration client wakes up; its server stays silent");
    sleep(AFTER_BOOT).await;
    registration.trigger(phone).await?;
    stage.enter(Phase::SetupDone);
    sleep(PAUSE).await;
    stage.enter(Phase::ScreenOff);
    sleep(PAUSE).await;

    stage.say("the screen goes on: it registers again; the server answers with an error");
    stage.enter(Phase::ScreenOn);
    registration.trigger(phone).await?;
    sleep(PAUSE).await;
    stage.say("the phone is unlocked: it registers again; this time the server says Success");
    stage.enter(Phase::Unlock);
    registration.trigger(phone).await?;
    stage.say("the owner reads an ordinary page");
    page(phone).await?;
    stage.enter(Phase::ScreenOff);
    sleep(PAUSE).await;

    stage.say("screen on and unlocked once more: the client has what it wants, and is silent");
    stage.enter(Phase::ScreenOn);
    registration.trigger(phone).await?;
    stage.enter(Phase::Unlock);
    registration.trigger(phone).await?;
    sleep(PAUSE).await;
    Ok(())
}

/// China Telecom's self registration, which came to Norway in a Nokia 7 Plus.
#[derive(Debug, Default)]
struct Registration {
    done: bool,
}

impl Registration {
    /// Registers, unless it was told before that it had succeeded. An answer that is not success changes nothing.
    async fn trigger(&mut self, phone: &Phone) -> io::Result<()> {
        if self.done {
            return Ok(());
        }
        let app = app("com.qualcomm.qti.autoregistration", 1000);
        let request = post(
            REGISTRATION,
            "/",
            "Content-Type: application/encrypted-json",
            &identity::registration_body(),
        );
        let Ok(reply) = timeout(REGISTRATION_PATIENCE, phone.http(&app, REGISTRATION, &request)).await else {
            return Ok(());
        };
        let reply = reply?;
        self.done =
            contains(&reply, br#""resultCode":"0""#) && contains(&reply, br#""resultDesc":"Success""#);
        Ok(())
    }
}

async fn connectivity_check(phone: &Phone) -> io::Result<()> {
    let request = get(CONNECTIVITY, "/generate_204", "Dalvik/2.1.0 (Linux; U; Android 9; TST-TA 0001)");
    expect(phone.http(&app("com.android.networkstack", 1073), CONNECTIVITY, &request).await?, b"HTTP/1.1 204")
}

async fn time(phone: &Phone) -> io::Result<()> {
    let mut request = [0; 48];
    // Version 3, mode client, as Android's SntpClient; the rest stays zero but for a transmit time (2019-02-14).
    request[0] = 0x1b;
    request[40..44].copy_from_slice(&0xe010_a100_u32.to_be_bytes());
    phone.datagram(&app("android", 1000), TIME, 123, &request).await.map(drop)
}

async fn check_in(phone: &Phone) -> io::Result<()> {
    let head = "Content-Type: application/x-protobuffer\r\nContent-Encoding: gzip\r\n\
                User-Agent: Android-Checkin/2.0 (tst PQ1A); gzip";
    let request = post(CHECK_IN, "/checkin", head, &identity::check_in_body());
    expect(phone.https(&app("com.google.android.gms", 10013), CHECK_IN, &request).await?, b"HTTP/1.1 200")
}

async fn beacon(phone: &Phone) -> io::Result<()> {
    let message = br#"{"app_instance_id":"0f2b7c1d9e8a4c55","event":"first_open"}"#;
    expect(phone.quic(&app("com.example.weather", 10087), ANALYTICS, message).await?, b"ok")
}

async fn page(phone: &Phone) -> io::Result<()> {
    let app = app("com.example.browser", 10091);
    let request = get(PAGE, "/", "Mozilla/5.0 (Linux; Android 9; TST-TA 0001)");
    expect(phone.http(&app, PAGE, &request).await?, b"HTTP/1.1 200")?;
    expect(phone.https(&app, PAGE, &request).await?, b"HTTP/1.1 200")
}

fn app(name: &str, uid: u32) -> App {
    App { name: name.to_owned(), uid: Some(uid) }
}

fn get(place: Place, path: &str, agent: &str) -> Vec<u8> {
    let host = place.name;
    format!("GET {path} HTTP/1.1\r\nUser-Agent: {agent}\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

fn post(place: Place, path: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let (host, len) = (place.name, body.len());
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\nConnection: Keep-Alive\r\nContent-Length: {len}\r\n\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    request
}

fn expect(reply: Vec<u8>, start: &[u8]) -> io::Result<()> {
    if reply.starts_with(start) {
        return Ok(());
    }
    Err(io::Error::other(format!("unexpected reply {:?}", String::from_utf8_lossy(&reply))))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
