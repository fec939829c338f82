//! The demo's two ends without the engine between them.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use packet::Phase;

use super::*;

#[derive(Default)]
struct Notes(Mutex<Vec<Phase>>);

impl script::Stage for Notes {
    fn enter(&self, phase: Phase) {
        self.0.lock().expect("unpoisoned").push(phase);
    }

    fn say(&self, _text: &str) {}
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Phone and world on one wire, without the engine.
#[test]
#[ignore = "needs network namespaces"]
fn clients_and_servers_understand_each_other() -> io::Result<()> {
    thread::spawn(namespace::enter_first).join().expect("no panic").map_err(io::Error::other)?;
    let authority = tls::Authority::new()?;
    let (to_phone, from_world) = channel::<String>();
    let (to_world, from_phone) = channel::<bool>();
    let (done, until_done) = tokio::sync::oneshot::channel::<()>();
    let for_world = authority.clone();
    let world = thread::spawn(move || -> io::Result<()> {
        namespace::enter_another()?;
        to_phone.send(namespace::here()).expect("the phone listens");
        let v6 = from_phone.recv().expect("the phone has wired");
        namespace::wire_world(v6)?;
        namespace::tests::route_phone(v6)?;
        runtime()?.block_on(async {
            world::serve(&for_world, v6).await?;
            to_phone.send("ready".to_owned()).expect("the phone listens");
            let _ = until_done.await;
            Ok(())
        })
    });
    let phone = thread::spawn(move || -> io::Result<Vec<Phase>> {
        namespace::enter_another()?;
        let v6 = namespace::wire_engine(&from_world.recv().expect("the world is there"))?;
        namespace::tests::wire_phone_directly(v6)?;
        to_world.send(v6).expect("the world listens");
        from_world.recv().expect("the world serves");
        world::wait_until_reachable(v6)?;
        let notes = Notes::default();
        let phone = phone::Phone::new(&authority, phone::Owners::default(), v6)?;
        runtime()?.block_on(script::play(&phone, &notes))?;
        drop(done);
        Ok(notes.0.into_inner().expect("unpoisoned"))
    });
    let phases = phone.join().expect("no panic")?;
    world.join().expect("no panic")?;
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::Unlock).count(), 2);
    Ok(())
}
