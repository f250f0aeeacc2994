//! An exact LRU of so many bytes, each item taking what memcached says that it takes.

use crate::daemon::VALUE_BYTES_MAX;
use crate::workload::Object;
use std::collections::{BTreeMap, HashMap};

/// What memcached adds to a value: its header (48), the version (8), a key of 20 with its NUL, CR LF.
const ITEM_OVERHEAD_BYTES: u64 = 48 + 8 + 21 + 2;

/// How many of the requests it hits.
pub(crate) fn hits(requests: &[Object], bytes_max: u64) -> usize {
    let mut used_at: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeMap<usize, Object> = BTreeMap::new();
    let (mut hits, mut bytes) = (0, 0);
    for (now, &object) in requests.iter().enumerate() {
        if let Some(before) = used_at.insert(object.id, now) {
            hits += 1;
            if let Some(kept) = by_use.remove(&before) {
                by_use.insert(now, kept);
            }
            continue;
        }
        if object.value_bytes as usize > VALUE_BYTES_MAX {
            used_at.remove(&object.id);
            continue;
        }
        by_use.insert(now, object);
        bytes += item_bytes(object);
        while bytes > bytes_max {
            let Some((_, oldest)) = by_use.pop_first() else { break };
            used_at.remove(&oldest.id);
            bytes -= item_bytes(oldest);
        }
    }
    hits
}

fn item_bytes(object: Object) -> u64 {
    u64::from(object.value_bytes) + ITEM_OVERHEAD_BYTES
}
