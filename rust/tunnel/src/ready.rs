//! Which upstream sockets have something to say: one task watches them all.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use netstack::FlowId;

/// The flows whose sockets became ready, in that order.
#[derive(Default)]
pub(crate) struct ReadyQueue {
    shared: Arc<Shared>,
    taken: Vec<Arc<FlowWaker>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: Vec<Arc<FlowWaker>>,
    session: Option<Waker>,
}

struct FlowWaker {
    id: FlowId,
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl ReadyQueue {
    /// The waker to poll the socket of `id` with.
    pub(crate) fn waker(&self, id: FlowId) -> Waker {
        let shared = Arc::clone(&self.shared);
        Arc::new(FlowWaker { id, queued: AtomicBool::new(false), shared }).into()
    }

    /// Appends the flows that became ready to `ids`. The task of `cx` is woken by the next one.
    pub(crate) fn take(&mut self, cx: &Context<'_>, ids: &mut Vec<FlowId>) {
        {
            let mut state = self.shared.lock();
            mem::swap(&mut state.ready, &mut self.taken);
            if !state.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.session = Some(cx.waker().clone());
            }
        }
        for waker in self.taken.drain(..) {
            waker.queued.store(false, Ordering::Release);
            ids.push(waker.id);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for FlowWaker {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let session = {
            let mut state = shared.lock();
            state.ready.push(self);
            state.session.clone()
        };
        if let Some(session) = session {
            session.wake();
        }
    }
}
