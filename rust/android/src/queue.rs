//! Events on their way to Java.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Events kept for a reader that is slow. Beyond it the oldest go: the report holds all that they said.
const MOST: usize = 16_384;

/// A queue whose reader waits until there is something, or until it is over.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Vec<u8>>,
    over: bool,
}

impl Queue {
    pub(crate) fn push(&self, event: Vec<u8>) {
        let mut state = self.lock();
        if state.events.len() == MOST {
            state.events.pop_front();
        }
        state.events.push_back(event);
        self.changed.notify_one();
    }

    /// Nothing more comes. What is there can still be read.
    pub(crate) fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// The next event; `None` when it is over.
    pub(crate) fn next(&self) -> Option<Vec<u8>> {
        let wait = |state: &mut State| state.events.is_empty() && !state.over;
        let mut state = self.changed.wait_while(self.lock(), wait).unwrap_or_else(PoisonError::into_inner);
        state.events.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_end_is_read() {
        let queue = Queue::default();
        queue.push(vec![1]);
        queue.end();
        assert_eq!((queue.next(), queue.next()), (Some(vec![1]), None));
    }

    #[test]
    fn a_reader_waits() {
        let queue = Queue::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| (queue.next(), queue.next()));
            queue.push(vec![7]);
            queue.end();
            assert_eq!(reader.join().expect("no panic"), (Some(vec![7]), None));
        });
    }

    #[test]
    fn it_is_bounded() {
        let queue = Queue::default();
        (0..=MOST).for_each(|number| queue.push(number.to_le_bytes().to_vec()));
        assert_eq!(queue.next(), Some(1usize.to_le_bytes().to_vec()));
    }
}
