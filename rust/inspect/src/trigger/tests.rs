use std::time::Duration;

use packet::{App, Transport};

use super::*;
use crate::report::Purpose;

const START: Timestamp = Timestamp::from_millis(1_550_131_200_000);

fn at(seconds: f64) -> Timestamp {
    START + Duration::from_secs_f64(seconds)
}

fn flow(id: usize, host: &str, seconds: f64) -> Flow {
    Flow {
        id: id as u32 + 1,
        transport: Transport::Tcp,
        local: "192.0.2.7:40000".parse().unwrap(),
        remote: "203.0.113.7:80".parse().unwrap(),
        app: Some(App { name: "com.example.registration".into(), uid: Some(1000) }),
        opened: at(seconds),
        closed: None,
        close: None,
        bytes_out: 0,
        bytes_in: 0,
        protocols: vec!["http".into()],
        host: Some(host.into()),
        host_from: None,
        country: None,
        asn: None,
        owner: None,
        purpose: Purpose::Unknown,
        purpose_from: None,
        ja4: None,
        encrypted: None,
        expected: None,
        last: at(seconds),
        decrypted: false,
        ech: None,
        certificate: None,
        unknown: None,
    }
}

/// A session of `hours`.
struct Session {
    capture: Capture,
    phases: Vec<PhaseAt>,
    flows: Vec<Flow>,
}

impl Session {
    fn new(hours: f64, phases: &[(Phase, f64)], contacts: &[(&str, f64)]) -> Self {
        let capture = Capture { first: Some(at(0.0)), last: Some(at(hours * 3_600.0)), ..Capture::default() };
        let phases = phases.iter().map(|&(phase, seconds)| PhaseAt { phase, at: at(seconds) }).collect();
        let mut contacts = contacts.to_vec();
        contacts.sort_by(|one, other| one.1.total_cmp(&other.1));
        let flows =
            contacts.iter().enumerate().map(|(id, (host, seconds))| flow(id, host, *seconds)).collect();
        Self { capture, phases, flows }
    }

    fn watched(&self) -> Watched<'_> {
        Watched::of(&self.capture, &self.phases, &self.flows)
    }

    fn triggers(&self) -> Vec<Trigger> {
        triggers(&[self.watched()])
    }
}

/// Times in seconds that follow no rule: a linear congruential generator.
fn random(count: usize, span: f64, mut seed: u64) -> Vec<f64> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(|_| next() * span).collect()
}

#[test]
fn contacts_after_each_unlock_are_tied_to_it() {
    let unlocks = [300.0, 900.0, 2_000.0, 3_100.0];
    let phases: Vec<_> = unlocks
        .into_iter()
        .flat_map(|at| [(Phase::ScreenOn, at - 3.0), (Phase::Unlock, at), (Phase::ScreenOff, at + 60.0)])
        .collect();
    let contacts: Vec<_> = unlocks.iter().map(|at| ("zzhc.vnet.cn", at + 0.5)).collect();
    let found = Session::new(1.0, &phases, &contacts).triggers();
    let [trigger] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((trigger.cause, trigger.phases.as_slice()), (Cause::Phase, &[Phase::Unlock][..]));
    assert_eq!((trigger.contacts, trigger.tied, trigger.occasions, trigger.answered), (4, 4, 4, 4));
    assert_eq!((trigger.delay_ms, trigger.spread_ms), (500, 0));
    assert_eq!(trigger.flows, [1, 2, 3, 4]);
    assert_eq!(trigger.app.as_deref(), Some("com.example.registration"));
    // 8 s of 3,600, four times out of four; sixteen tests of phases and three of periods.
    let expected = (8.0_f64 / 3_600.0).powi(4) * 19.0;
    assert!((trigger.chance / expected - 1.0).abs() < 0.05, "{} {expected}", trigger.chance);
}

#[test]
fn a_client_of_every_waking_is_tied_to_waking() {
    let phases = [
        (Phase::BootCompleted, 20.0),
        (Phase::ScreenOn, 1_000.0),
        (Phase::ScreenOn, 2_000.0),
        (Phase::Unlock, 2_004.0),
        (Phase::Unlock, 3_000.0),
    ];
    let contacts = [("a", 80.0), ("a", 1_061.0), ("a", 2_062.0), ("a", 3_060.0)];
    let found = Session::new(8.0, &phases, &contacts).triggers();
    assert_eq!(found[0].phases, [Phase::BootCompleted, Phase::Unlock, Phase::ScreenOn], "{found:?}");
    assert_eq!((found[0].occasions, found[0].answered), (4, 4));
    assert!(found[0].delay_ms.abs_diff(60_000) < 2_000);
}

#[test]
fn boots_of_several_sessions_prove_what_one_cannot() {
    let boot = |delay: f64| Session::new(0.5, &[(Phase::BootCompleted, 20.0)], &[("a", 20.0 + delay)]);
    let boots = [boot(60.0), boot(61.0), boot(59.5)];
    for one in &boots {
        assert_eq!(one.triggers(), []);
    }
    let watched: Vec<_> = boots.iter().map(Session::watched).collect();
    let found = triggers(&watched);
    let [trigger] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((trigger.phases.as_slice(), trigger.answered), (&[Phase::BootCompleted][..], 3));
    assert_eq!(trigger.delay_ms, 60_000);
}

#[test]
fn a_timer_with_jitter_is_a_period() {
    let jitter = random(24, 40.0, 5);
    let contacts: Vec<_> =
        jitter.iter().enumerate().map(|(index, shift)| ("a", index as f64 * 600.0 + shift)).collect();
    let found = Session::new(4.0, &[], &contacts).triggers();
    let [trigger] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((trigger.cause, trigger.phases.len()), (Cause::Period, 0));
    assert!(trigger.delay_ms.abs_diff(600_000) < 20_000, "{trigger:?}");
    assert!(trigger.spread_ms < 60_000 && trigger.chance < 1e-6, "{trigger:?}");
    assert_eq!((trigger.occasions, trigger.contacts), (23, 24));
}

#[test]
fn what_one_cause_leaves_another_explains() {
    let unlocks = random(12, 28_000.0, 11);
    let phases: Vec<_> = unlocks.iter().map(|at| (Phase::Unlock, *at)).collect();
    let mut phases = phases;
    phases.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut contacts: Vec<_> = phases.iter().map(|(_, at)| ("a", at + 0.3)).collect();
    contacts.extend((0..16).map(|index| ("a", f64::from(index) * 1_800.0 + 7.0)));
    let found = Session::new(8.0, &phases, &contacts).triggers();
    let causes: Vec<_> = found.iter().map(|trigger| (trigger.cause, trigger.phases.clone())).collect();
    assert_eq!(causes, [(Cause::Phase, vec![Phase::Unlock]), (Cause::Period, vec![])], "{found:?}");
}

#[test]
fn several_connections_at_once_are_one_contact() {
    let burst = |at: f64| (0..6).map(move |index| ("a", at + f64::from(index) * 0.2));
    let contacts: Vec<_> = burst(100.0).chain(burst(2_000.0)).collect();
    let phases = [(Phase::Unlock, 99.0), (Phase::Unlock, 1_999.0)];
    let found = Session::new(2.0, &phases, &contacts).triggers();
    assert_eq!(found[0].contacts, 2);
    assert_eq!(found[0].flows, [1, 7]);
}

#[test]
fn chance_is_not_called_a_trigger() {
    let mut said = 0;
    for seed in 0..300 {
        let mut phases: Vec<_> = random(20, 14_400.0, seed * 7 + 1)
            .into_iter()
            .zip([Phase::Unlock, Phase::ScreenOn, Phase::NetworkUp].into_iter().cycle())
            .map(|(at, phase)| (phase, at))
            .collect();
        phases.sort_by(|one, other| one.1.total_cmp(&other.1));
        let times = random(60, 14_400.0, seed * 13 + 3);
        let contacts: Vec<_> = times.into_iter().zip(["a", "b", "c"].into_iter().cycle()).collect();
        let contacts: Vec<_> = contacts.into_iter().map(|(at, host)| (host, at)).collect();
        said += Session::new(4.0, &phases, &contacts).triggers().len();
    }
    // At most one report in a hundred may be wrong: three of these.
    assert!(said <= 3, "{said} of 300 random sessions");
}

#[test]
fn too_little_proves_nothing() {
    let one = Session::new(1.0, &[(Phase::Unlock, 10.0)], &[("a", 10.1)]);
    assert_eq!(one.triggers(), []);
    // A phone that is unlocked all the time is no evidence.
    let phases: Vec<_> = (0..700).map(|index| (Phase::Unlock, f64::from(index) * 5.0)).collect();
    let contacts: Vec<_> = random(200, 3_500.0, 9).into_iter().map(|at| ("a", at)).collect();
    assert_eq!(Session::new(1.0, &phases, &contacts).triggers(), []);
    assert_eq!(Session::new(0.0, &phases, &contacts).triggers(), []);
    assert_eq!(triggers(&[]), []);
}

#[test]
fn name_servers_are_contacted_for_the_reasons_of_others() {
    let mut session = Session::new(
        1.0,
        &[(Phase::Unlock, 300.0), (Phase::Unlock, 900.0)],
        &[("resolver", 300.1), ("resolver", 900.1)],
    );
    assert_eq!(session.triggers().len(), 1);
    for flow in &mut session.flows {
        flow.protocols = vec!["dns".into()];
    }
    assert_eq!(session.triggers(), []);
}

#[test]
fn hostile_numbers_of_everything_are_bounded() {
    let mut session = Session::new(24.0, &[], &[]);
    for index in 0..40_000_u32 {
        let host = format!("h{}", index % 9_000);
        session.flows.push(flow(index as usize, &host, f64::from(index) * 2.1));
        session.phases.push(PhaseAt { phase: Phase::ScreenOn, at: at(f64::from(index) * 2.1) });
    }
    assert!(session.triggers().len() <= MOST_TRIGGERS);
    session.capture.first = Some(Timestamp::from_nanos(i64::MIN));
    session.capture.last = Some(Timestamp::from_nanos(i64::MAX));
    session.triggers();
}
