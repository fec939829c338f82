//! What a known value gives away.

use std::borrow::Cow;
use std::rc::Rc;

use smol_str::SmolStr;

use super::{Task, Walk};
use crate::decode::part::Wanted;
use crate::decode::{Bytes, Cribs, Decoded, Holds, Label, Limits, Place, Sealed, text};

/// Bytes of leaves that are searched for what lies beneath a cipher.
const CRIBBED: usize = 64 << 10;

/// Takes off what a known value beneath gives away: XOR with a short key, also in hexadecimal, base32 or base64; and these
/// alone, where what comes of them `holds` a value and looks like noise else. Where nothing is found in the parts of what was
/// taken apart for its form alone, the whole may be ciphertext.
pub fn uncover<'a>(
    decoded: Decoded<'a>,
    (cribs, holds): (&Cribs, &Holds<'_>),
    limits: Limits,
    wanted: &mut Wanted<'_>,
) -> Decoded<'a> {
    let mut walk = Walk { out: decoded, ..Walk::new(limits, wanted) };
    if cribs.is_empty() {
        return walk.out;
    }
    let mut left = CRIBBED;
    for index in 0..walk.out.leaves.len() {
        let size = walk.out.leaves.get(index).map_or(0, |leaf| walk.out.bytes(leaf).len());
        if size <= left {
            left -= size;
            walk.crib_leaf(index, cribs, holds);
        }
    }
    for index in 0..walk.out.nodes.len() {
        let whole =
            walk.out.nodes.get(index).filter(|node| node.by_form).map_or(0, |node| node.bytes.get().len());
        if whole > 0 && whole <= left && walk.queue.is_empty() {
            left -= whole;
            walk.crib_whole(index, cribs, holds);
        }
    }
    walk.run();
    walk.out
}

impl Walk<'_, '_> {
    /// Looks for a known value beneath a cipher in a leaf, and queues what lies there.
    fn crib_leaf(&mut self, index: usize, cribs: &Cribs, holds: &Holds<'_>) {
        let Some(leaf) = self.out.leaves.get(index) else { return };
        let bytes = self.out.bytes(leaf);
        if is_prose(bytes) {
            return;
        }
        let Some(found) = beneath(bytes, cribs, holds) else { return };
        let Some(parent) = self.out.nodes.get(leaf.node as usize) else { return };
        let depth = parent.depth;
        let place = Place::Within(self.out.range(leaf, 0..bytes.len()));
        let (mut chain, name, object) = (leaf.chain, leaf.key.clone(), leaf.object);
        if !leaf.step.0.is_empty() {
            let (word, path, suffix) = leaf.step.clone();
            let label = Label::Part(word, path, self.out.number(leaf), suffix);
            chain = self.step((chain != u32::MAX).then_some(chain), label);
        }
        self.uncovered(found, place, (chain, depth), (name, object));
    }

    /// The same in all that was taken apart.
    fn crib_whole(&mut self, index: usize, cribs: &Cribs, holds: &Holds<'_>) {
        let Some(node) = self.out.nodes.get(index) else { return };
        let Some(found) = beneath(node.bytes.get(), cribs, holds) else { return };
        let place = Place::Within(node.place.range(&(0..node.bytes.get().len())));
        let (chain, object) = ((node.chain, node.depth), self.out.objects.saturating_add(1));
        self.uncovered(found, place, chain, (SmolStr::default(), object));
    }

    fn uncovered(
        &mut self,
        (steps, plain): Found,
        place: Place,
        (mut chain, depth): (u32, u8),
        (name, object): (SmolStr, u32),
    ) {
        let depth = depth.saturating_add(1);
        if depth >= self.limits.depth || plain.len() > self.room() {
            return self.out.stop(if depth >= self.limits.depth { "depth" } else { "bytes" });
        }
        for step in steps {
            chain = self.step(Some(chain), step);
        }
        self.out.spent += plain.len();
        let node = self.node(Bytes::Own(Rc::new(plain)), place, chain, depth);
        self.queue.push(Task::new(node, name, object, false));
    }
}

/// The steps to what lies beneath, and its bytes.
type Found = (Vec<Cow<'static, str>>, Vec<u8>);

fn beneath(bytes: &[u8], cribs: &Cribs, holds: &Holds<'_>) -> Option<Found> {
    let Sealed { written, bytes: sealed, key } = cribs.open(bytes, holds)?;
    let plain = key.as_ref().map_or_else(|| sealed.to_vec(), |key| key.apply(&sealed));
    let steps = written.into_iter().chain(key.map(|key| Cow::Owned(key.step()))).collect();
    Some((steps, plain))
}

/// Whether bytes are a long text of words, under which nothing lies: most are letters, and spaces stand between them.
fn is_prose(bytes: &[u8]) -> bool {
    const LONG: usize = 1024;
    let count = |is: fn(&u8) -> bool| bytes.iter().take(LONG).filter(|byte| is(byte)).count();
    bytes.len() >= LONG
        && count(u8::is_ascii_alphabetic) > LONG / 2
        && count(|byte| *byte == b' ') > LONG / 20
        && text::is_text(bytes)
}
