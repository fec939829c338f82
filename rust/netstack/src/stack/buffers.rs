//! Who has buffers: connections that have something to do, and few that have not.

use packet::Timestamp;

use super::{Entry, FlowId, Kind, Stack};

/// Buffers of connections beyond the budget, in bytes.
const LEAST_BUFFER: usize = 16 << 10;

impl Stack {
    /// Gives buffers to a connection that rests and is about to be told something.
    pub(super) fn resume(&mut self, now: Timestamp, id: FlowId) {
        let Some(Entry { kind: Kind::Tcp(flow), .. }) = self.flows.get(&id) else { return };
        let Some(whole) = flow.rests_without() else { return };
        let buffer = self.afford(now, whole);
        if let Some(Entry { kind: Kind::Tcp(flow), buffers, .. }) = self.flows.get_mut(&id) {
            flow.resume(now, buffer, &mut self.wire);
            *buffers = flow.buffers();
            self.buffers += *buffers;
        }
    }

    /// The size that each of a connection's two buffers gets, in bytes: `whole` while the budget lasts, for which quiet
    /// connections give up theirs, else [`LEAST_BUFFER`]. A connection that had more before it rested takes the window that
    /// it is told for larger than it is, since its scale was agreed upon: what does not fit is sent again.
    pub(super) fn afford(&mut self, now: Timestamp, whole: usize) -> usize {
        let most = self.config.most_buffers;
        while self.buffers + 2 * whole > most && self.rest_quiet(now) {}
        if self.buffers + 2 * whole <= most { whole } else { LEAST_BUFFER.min(whole) }
    }

    /// Takes the buffers of the connection that was found quiet longest ago, if it still is. Whether there was any.
    pub(super) fn rest_quiet(&mut self, now: Timestamp) -> bool {
        let Some(id) = self.quiet.pop_front() else { return false };
        if let Some(entry) = self.flows.get_mut(&id)
            && let Kind::Tcp(flow) = &mut entry.kind
        {
            entry.quiet = false;
            if flow.is_quiet(now, &mut self.wire) {
                flow.rest(&mut self.wire);
                self.buffers -= std::mem::take(&mut entry.buffers);
            }
        }
        true
    }
}
