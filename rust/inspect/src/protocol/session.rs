//! What a dissector of one protocol is to the flow that it takes apart.

use std::fmt::Debug;

use packet::Direction;

use super::Observation;
use crate::keylog::KeyRing;
use crate::stream::StreamEvent;

/// A run of one direction's bytes: direction, stream offset of the first, bytes.
pub(super) type Run = (Direction, u64, Vec<u8>);

/// What a connection becomes when it stops to speak its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// Anything (CONNECT, STARTTLS, SOCKS, another upgrade): its bytes will tell.
    Anything,
    /// RFC 6455.
    WebSocket,
    /// HTTP/2 in clear (RFC 7540 section 3.2).
    Http2,
}

/// The connection stops to speak its protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Switch {
    pub(super) to: Upgrade,
    /// What follows, as far as it was taken.
    pub(super) rest: Vec<Run>,
}

/// What a session may know beside its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    /// The other end's port.
    pub(super) port: u16,
    /// Secrets that were given.
    pub(super) keys: KeyRing,
}

/// Takes a TCP connection apart.
pub(super) trait StreamSession: Debug + Send + CloneStream {
    /// Told once, before anything else.
    fn begin(&mut self, _context: &Context) {}

    /// Takes what one direction's stream yielded. `Some`: it is another protocol from here on.
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch>;

    /// The flow ends, or has been idle for long: yields what is kept but unfinished.
    fn flush(&mut self, _out: &mut Vec<Observation>) -> Option<Switch> {
        None
    }

    /// Whether something is kept that [`Self::flush`] would yield.
    fn is_pending(&self) -> bool {
        false
    }

    /// Whether more bytes of that direction can yield anything.
    fn wants(&self, _direction: Direction) -> bool {
        true
    }

    /// Whether what follows in that direction is encrypted; `None`: not known.
    fn encrypted(&self, _direction: Direction) -> Option<bool> {
        Some(false)
    }

    /// Whether what is encrypted is read with secrets that were given.
    fn decrypts(&self) -> bool {
        false
    }
}

/// Takes a UDP flow apart.
pub(super) trait DatagramSession: Debug + Send + CloneDatagram {
    /// As [`StreamSession::begin`].
    fn begin(&mut self, _context: &Context) {}

    /// Takes a datagram's payload, which begins at `offset` in the concatenation of that direction's payloads. Returns how many
    /// of its bytes are the protocol's: what follows is searched as unknown.
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize;

    /// As [`StreamSession::flush`]. `end` is where each direction's next datagram will begin.
    fn flush(&mut self, _end: [u64; 2], _out: &mut Vec<Observation>) {}

    /// As [`StreamSession::is_pending`].
    fn is_pending(&self) -> bool {
        false
    }

    /// As [`StreamSession::wants`].
    fn wants(&self, _direction: Direction) -> bool {
        true
    }

    /// As [`StreamSession::encrypted`].
    fn encrypted(&self, _direction: Direction) -> Option<bool> {
        Some(false)
    }

    /// As [`StreamSession::decrypts`].
    fn decrypts(&self) -> bool {
        false
    }
}

/// A report of a running session is made from a copy of all that it knows.
pub(super) trait CloneStream {
    fn clone_stream(&self) -> Box<dyn StreamSession>;
}

/// As [`CloneStream`].
pub(super) trait CloneDatagram {
    fn clone_datagram(&self) -> Box<dyn DatagramSession>;
}

impl<T: StreamSession + Clone + 'static> CloneStream for T {
    fn clone_stream(&self) -> Box<dyn StreamSession> {
        Box::new(self.clone())
    }
}

impl<T: DatagramSession + Clone + 'static> CloneDatagram for T {
    fn clone_datagram(&self) -> Box<dyn DatagramSession> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn StreamSession> {
    fn clone(&self) -> Self {
        (**self).clone_stream()
    }
}

impl Clone for Box<dyn DatagramSession> {
    fn clone(&self) -> Self {
        (**self).clone_datagram()
    }
}
