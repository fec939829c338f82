//! TLS over TCP (RFC 8446, RFC 5246): records, the handshake messages in them up to where encryption begins, and, where
//! the secrets were given, what comes after.

mod half;
mod handshake;
mod protection;

use packet::{Direction, Timestamp, Transport};

use super::dissector::Dissector;
use super::session::{Context, StreamSession, Switch};
use super::{ClientHello, Observation, Protocol};
use crate::stream::StreamEvent;
use half::Half;
pub(super) use half::probe;
use handshake::{Epoch, Handshake};
use protection::Protection;

/// The port of DNS over TLS (RFC 7858).
const DOT_PORT: u16 = 853;
const DNS_PORT: u16 = 53;

/// A TLS connection.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    halves: [Half; 2],
    scene: Scene,
}

/// What both halves share.
#[derive(Debug, Clone, Default)]
struct Scene {
    context: Context,
    handshake: Handshake,
    content: Content,
}

/// What was decrypted, as a stream of its own.
#[derive(Debug, Clone, Default)]
struct Content {
    dissector: Option<Box<Dissector>>,
    /// Bytes so far, by direction.
    at: [u64; 2],
}

impl Tls {
    pub(super) fn new() -> Self {
        Self {
            halves: [Half::new(Direction::Outbound), Half::new(Direction::Inbound)],
            scene: Scene::default(),
        }
    }
}

impl StreamSession for Tls {
    fn begin(&mut self, context: &Context) {
        self.scene.context = context.clone();
    }

    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => half.handle_data(offset, bytes, &mut self.scene, out),
            StreamEvent::Gap { .. } => half.give_up("gap", out),
            StreamEvent::End => half.end(&mut self.scene, out),
        }
        // What one end sent may have waited for what the other chose.
        for half in &mut self.halves {
            half.handle_waiting(&mut self.scene, out);
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        for half in &mut self.halves {
            half.flush(out);
        }
        self.scene.content.flush(out);
        None
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(Half::is_pending) || self.scene.content.is_pending()
    }

    fn wants(&self, direction: Direction) -> bool {
        let half = &self.halves[direction.index()];
        half.wants() && (!half.is_application() || self.scene.content.wants(direction))
    }

    fn encrypted(&self, direction: Direction) -> Option<bool> {
        self.halves[direction.index()].encrypted()
    }

    fn decrypts(&self) -> bool {
        self.halves.iter().any(Half::is_application)
    }
}

impl Scene {
    /// A client begins, or begins anew.
    fn begin(&mut self, direction: Direction, hello: &ClientHello, out: &mut Vec<Observation>) {
        self.handshake.begin(direction, hello);
        if self.context.port == DOT_PORT || hello.alpn.iter().any(|protocol| protocol == "dot") {
            out.push(Observation::Protocol(Protocol::DOT));
        }
    }

    fn has_secrets(&self) -> bool {
        self.handshake.secrets(&self.context.keys).is_some()
    }

    /// How the sender of `direction` protects what it sends, as far as is known.
    fn protections(&self, direction: Direction, epoch: Epoch) -> Vec<Protection> {
        let secrets = self.handshake.secrets(&self.context.keys);
        secrets.map(|secrets| self.handshake.protections(direction, epoch, &secrets)).unwrap_or_default()
    }
}

impl Content {
    fn handle(&mut self, direction: Direction, bytes: &[u8], context: &Context, out: &mut Vec<Observation>) {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += bytes.len() as u64;
        self.forward(direction, StreamEvent::Data { offset, bytes }, context, out);
    }

    fn end(&mut self, direction: Direction, context: &Context, out: &mut Vec<Observation>) {
        if self.dissector.is_some() {
            self.forward(direction, StreamEvent::End, context, out);
        }
    }

    fn forward(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        context: &Context,
        out: &mut Vec<Observation>,
    ) {
        let dissector = self.dissector.get_or_insert_with(|| {
            let port = if context.port == DOT_PORT { DNS_PORT } else { context.port };
            Dissector::new(Transport::Tcp, port).with_keys(context.keys.nested()).into()
        });
        let mut seen = Vec::new();
        dissector.handle_stream(Timestamp::default(), direction, event, &mut seen);
        out.extend(seen.into_iter().map(decrypted));
    }

    fn flush(&mut self, out: &mut Vec<Observation>) {
        let mut seen = Vec::new();
        self.dissector.iter_mut().for_each(|dissector| dissector.flush(&mut seen));
        out.extend(seen.into_iter().map(decrypted));
    }

    fn is_pending(&self) -> bool {
        self.dissector.as_ref().is_some_and(|dissector| dissector.is_pending())
    }

    fn wants(&self, direction: Direction) -> bool {
        self.dissector.as_ref().is_none_or(|dissector| dissector.wants(direction))
    }
}

/// Which protocols a flow speaks is said as of any flow; all else that was decrypted is marked.
pub(super) fn decrypted(observation: Observation) -> Observation {
    match observation {
        known @ (Observation::Protocol(_) | Observation::Decrypted(_)) => known,
        observation => Observation::Decrypted(Box::new(observation)),
    }
}

#[cfg(test)]
mod tests;
