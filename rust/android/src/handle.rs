//! The engines that Java holds, by number. A number is never given twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::Engine;
use crate::failure::Failure;

struct Table {
    engines: BTreeMap<i64, Arc<Engine>>,
    last: i64,
}

static TABLE: Mutex<Table> = Mutex::new(Table { engines: BTreeMap::new(), last: 0 });

fn table() -> MutexGuard<'static, Table> {
    // Nothing panics while it is held half changed.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn insert(engine: Engine) -> i64 {
    let mut table = table();
    table.last += 1;
    let handle = table.last;
    table.engines.insert(handle, Arc::new(engine));
    handle
}

pub(crate) fn get(handle: i64) -> Result<Arc<Engine>, Failure> {
    table().engines.get(&handle).cloned().ok_or_else(|| stale(handle))
}

pub(crate) fn remove(handle: i64) -> Result<Arc<Engine>, Failure> {
    table().engines.remove(&handle).ok_or_else(|| stale(handle))
}

fn stale(handle: i64) -> Failure {
    Failure::state(format!("handle {handle}: no engine has it; it was closed, or never opened"))
}
