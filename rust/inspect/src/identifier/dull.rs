//! Host names in which nothing was found: phones ask for the same again and again.

use foldhash::HashSet;

/// Names remembered; beyond, all are forgotten.
const MOST: usize = 1024;

/// Names in which nothing was found, as long as nothing else is looked for.
#[derive(Debug, Clone, Default)]
pub struct DullNames {
    names: HashSet<Box<str>>,
    /// How many values had been learned when they were searched.
    learned: usize,
}

impl DullNames {
    /// Whether nothing is found in `name`. `learned` is how many values are looked for because a key named them.
    pub fn holds(&mut self, name: &str, learned: usize) -> bool {
        if self.learned != learned {
            self.names.clear();
            self.learned = learned;
        }
        self.names.contains(name)
    }

    /// Remembers that nothing was found in `name`.
    pub fn add(&mut self, name: &str) {
        if self.names.len() >= MOST {
            self.names.clear();
        }
        self.names.insert(name.into());
    }
}
