//! Asks the platform who opened which flow, off the packet path.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use packet::{App, FlowKey};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Host;

/// Flows that wait to be asked about. What comes beyond is not asked about.
const MOST_WAITING: usize = 1024;

/// A thread that asks, as long as this lives.
pub(crate) struct Owners {
    questions: Option<SyncSender<FlowKey>>,
    pub(crate) answers: UnboundedReceiver<(FlowKey, App)>,
    /// Keeps `answers` open when nobody asks.
    _answer: UnboundedSender<(FlowKey, App)>,
}

impl Owners {
    pub(crate) fn new<H: Host>(host: Arc<H>) -> Self {
        let (answer, answers) = unbounded_channel();
        let questions = host.knows_owners().then(|| Self::start(host, answer.clone())).flatten();
        Self { questions, answers, _answer: answer }
    }

    pub(crate) fn ask(&self, flow: FlowKey) {
        if let Some(questions) = &self.questions {
            // A full queue means that the platform is slower than the phone: the flow stays without an owner.
            let _ = questions.try_send(flow);
        }
    }

    fn start<H: Host>(host: Arc<H>, answer: UnboundedSender<(FlowKey, App)>) -> Option<SyncSender<FlowKey>> {
        let (sender, receiver) = sync_channel::<FlowKey>(MOST_WAITING);
        let asking = move || {
            while let Ok(flow) = receiver.recv() {
                let Some(app) = host.owner(&flow) else { continue };
                if answer.send((flow, app)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("owners".into()).spawn(asking).ok().map(|_| sender)
    }
}
