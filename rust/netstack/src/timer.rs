//! When each flow wants to be looked at next.

use std::collections::BTreeSet;

use packet::Timestamp;

use crate::FlowId;

/// At most one entry a flow. A deadline that moves away leaves its entry where it is, and is set right when the
/// entry comes up: most packets move a deadline away, few wake-ups are spent on it.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeSet<(Timestamp, FlowId)>,
}

impl Timers {
    /// Sees to it that `flow`, whose entry is at `scheduled`, comes up at `deadline` or before.
    pub(crate) fn schedule(&mut self, flow: FlowId, scheduled: &mut Option<Timestamp>, deadline: Timestamp) {
        match *scheduled {
            Some(entry) if entry <= deadline => return,
            Some(entry) => {
                self.entries.remove(&(entry, flow));
            }
            None => {}
        }
        self.entries.insert((deadline, flow));
        *scheduled = Some(deadline);
    }

    pub(crate) fn cancel(&mut self, flow: FlowId, scheduled: Option<Timestamp>) {
        if let Some(entry) = scheduled {
            self.entries.remove(&(entry, flow));
        }
    }

    /// The next flow whose entry is due. Its entry is gone.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<FlowId> {
        let &(entry, flow) = self.entries.first()?;
        if entry > now {
            return None;
        }
        self.entries.pop_first();
        Some(flow)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.first().map(|&(entry, _)| entry)
    }
}
