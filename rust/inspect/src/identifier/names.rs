//! What names say, each asked once: messages repeat them, and a list repeats them with every item.

use foldhash::HashMap;

use super::lexicon;
use super::token;
use crate::decode::{last_name, parent_name, word};

/// Names remembered; beyond, all are forgotten.
const MOST: usize = 4096;
/// Longer names are asked each time: few repeat.
const LONGEST: usize = 64;

/// Longer names need nothing before them to say what they name.
const SHORT: usize = 4;

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// What it names.
    pub key: Option<lexicon::Key>,
    /// Whether it stands where a device is described.
    pub device: bool,
    /// Whether it belongs to the tracing of requests.
    pub tracing: bool,
    /// Whether it is a user agent's.
    pub agent: bool,
    /// Whether its value is what another value is called (`{"name": "imei", "value": …}`).
    pub label: bool,
    /// Whether its value may be called by such a label.
    pub value: bool,
    /// Whether what looks random under it could be a device's token.
    pub token: bool,
}

impl Said {
    fn of(name: &str) -> Self {
        let is_any = |names: &[&str]| names.iter().any(|it| name.eq_ignore_ascii_case(it));
        Self {
            key: lexicon::key(name),
            device: lexicon::tells_of_a_device(name),
            tracing: lexicon::tells_of_tracing(name),
            agent: is_any(&["user-agent"]),
            label: is_any(&["name", "key", "k", "type"]),
            value: is_any(&["value", "val", "v", "data", "content"]),
            token: token::may_be_called(name),
        }
    }

    /// What a name says together with the one before it in the path.
    pub fn joined(self, names: &mut Names, parent: &str, name: &str) -> Option<lexicon::Key> {
        if self.key.is_some_and(|key| key != lexicon::Key::Vague) {
            return self.key;
        }
        // `device.id`, `advertising.id`: only short names need what stands before.
        if parent.is_empty() || (!self.value && self.key.is_none() && name.len() > SHORT) {
            return self.key;
        }
        let with_parent =
            if self.value { names.get(parent).key } else { lexicon::key(&format!("{parent}{name}")) };
        with_parent.or(self.key)
    }
}

/// What the name in a key as it is written says.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// What its last part says.
    said: Said,
    /// What its last part says together with the one before it, if the key has both.
    joined: Option<lexicon::Key>,
    /// Whether it may say more with the key around it.
    alone: bool,
}

/// Which of the values that a key names are worth a look, besides those that tell by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// All of them.
    pub always: bool,
    /// Those that say what another value is.
    pub label: bool,
    /// Those that look random.
    pub random: bool,
}

/// What names said.
#[derive(Debug, Clone, Default)]
pub struct Names {
    worth: Memo<Worth>,
    names: HashMap<Box<[u8]>, Said>,
    inside: HashMap<Box<[u8]>, Option<lexicon::Key>>,
    keys: HashMap<Box<[u8]>, Key>,
    both: Vec<u8>,
}

impl Names {
    /// Which values are worth a look that are named so, inside of what `above` names.
    #[inline]
    pub fn worth(&mut self, key: &[u8], above: &[u8]) -> Worth {
        if let (Some(name), Some(holder)) = (Short::new(key), Short::new(above))
            && let Some(worth) = self.worth.get((name, holder))
        {
            return worth;
        }
        self.find_worth(key, above)
    }

    #[cold]
    fn find_worth(&mut self, key: &[u8], above: &[u8]) -> Worth {
        let Key { said, joined, alone } = self.get_key(key);
        let named = joined.is_some() || said.device || said.tracing || said.agent || said.value;
        let mut inside = || alone && !above.is_empty() && self.get_inside(above, key).is_some();
        let worth =
            Worth { always: named || (!said.label && inside()), label: said.label, random: said.token };
        if let Some(names) = Short::new(key).zip(Short::new(above)) {
            self.worth.insert(names, worth);
        }
        worth
    }

    /// What a name says by itself.
    pub fn get(&mut self, name: &str) -> Said {
        if let Some(said) = self.names.get(name.as_bytes()) {
            return *said;
        }
        let said = Said::of(name);
        remember(&mut self.names, name.as_bytes(), said);
        said
    }

    /// What a key says as it is written, perhaps with parts before its name and indices behind.
    fn get_key(&mut self, key: &[u8]) -> Key {
        if let Some(key) = self.keys.get(key) {
            return *key;
        }
        let text = String::from_utf8_lossy(key);
        let (name, parent) = (last_name(&text), parent_name(&text));
        let said = self.get(name);
        let joined = said.joined(self, parent, name);
        let found = Key { said, joined, alone: parent.is_empty() && name.len() <= SHORT };
        remember(&mut self.keys, key, found);
        found
    }

    /// What a short key says with the key around it.
    pub fn get_inside(&mut self, above: &[u8], key: &[u8]) -> Option<lexicon::Key> {
        self.both.clear();
        self.both.extend_from_slice(above);
        self.both.push(b'.');
        self.both.extend_from_slice(key);
        if let Some(said) = self.inside.get(self.both.as_slice()) {
            return *said;
        }
        let (above, key) = (String::from_utf8_lossy(above), String::from_utf8_lossy(key));
        let said = self.get(last_name(&key)).joined(self, last_name(&above), last_name(&key));
        remember(&mut self.inside, &self.both, said);
        said
    }
}

/// Up to 16 bytes and how many they are, which is quick to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Short([u64; 2], usize);

impl Short {
    /// `None` when there are more.
    #[inline]
    fn new(bytes: &[u8]) -> Option<Self> {
        let words = match (bytes.first_chunk(), bytes.last_chunk()) {
            _ if bytes.len() > 16 => return None,
            (Some(first), Some(last)) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
            _ => [word(bytes), 0],
        };
        Some(Self(words, bytes.len()))
    }
}

/// What was found out last of pairs of names: each has one slot, from which another may drive it.
#[derive(Debug, Clone)]
struct Memo<T>(Vec<Option<((Short, Short), T)>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Memo<T> {
    const SLOT_BITS: u32 = 10;

    fn get(&self, names: (Short, Short)) -> Option<T> {
        let (known, found) = self.0.get(Self::slot(names))?.as_ref()?;
        (*known == names).then_some(*found)
    }

    fn insert(&mut self, names: (Short, Short), found: T) {
        if self.0.is_empty() {
            self.0 = vec![None; 1 << Self::SLOT_BITS];
        }
        if let Some(slot) = self.0.get_mut(Self::slot(names)) {
            *slot = Some((names, found));
        }
    }

    const fn slot((Short(key, length), Short(above, _)): (Short, Short)) -> usize {
        let mixed = key[0] ^ key[1].rotate_left(23) ^ above[0].rotate_left(37) ^ above[1] ^ length as u64;
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::SLOT_BITS)) as usize
    }
}

fn remember<T>(map: &mut HashMap<Box<[u8]>, T>, name: &[u8], said: T) {
    if name.len() > LONGEST {
        return;
    }
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(name.into(), said);
}
