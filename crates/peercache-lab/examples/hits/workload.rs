//! What is asked for: a trace, or keys drawn from a Zipf distribution.

use peercache_lab::trace::Trace;
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// How many keys a Zipf distribution has, and how many requests are drawn.
const KEYS: u64 = 1_000_000;
const REQUESTS: u64 = 1_000_000;

/// The lengths of the drawn objects' values: evenly between these, by the key.
const VALUE_BYTES: std::ops::Range<u64> = 1_000..19_000;

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) id: u64,
    pub(crate) value_bytes: u32,
}

pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) requests: Vec<Object>,
}

impl Workload {
    /// The requests of a trace, whatever they are: each is a use of its object.
    pub(crate) fn trace(path: &Path) -> Result<Self, Box<dyn Error>> {
        let object = |key: &[u8], value_bytes| Object { id: xxh3_64(key), value_bytes };
        let requests = Trace::open(path, None)?
            .map(|request| request.map(|request| object(&request.key, request.value_bytes)))
            .collect::<Result<_, _>>()?;
        Ok(Self { name: "the trace".to_string(), requests })
    }

    /// Keys whose chances fall with the power `alpha` of their rank.
    pub(crate) fn zipf(alpha: f64) -> Self {
        let requests = (0..REQUESTS).map(|n| {
            let even = xxh3_64(&n.to_le_bytes()) as f64 / u64::MAX as f64;
            let id = rank(even, alpha);
            let span = VALUE_BYTES.end - VALUE_BYTES.start;
            let value_bytes = VALUE_BYTES.start + xxh3_64(&id.to_be_bytes()) % span;
            Object { id, value_bytes: value_bytes as u32 }
        });
        Self { name: format!("Zipf {alpha:.1}"), requests: requests.collect() }
    }

    /// What all objects together take, in bytes.
    pub(crate) fn footprint_bytes(&self) -> u64 {
        let sizes: HashMap<u64, u32> =
            self.requests.iter().map(|object| (object.id, object.value_bytes)).collect();
        sizes.values().map(|&bytes| u64::from(bytes)).sum()
    }
}

/// The rank that an even number from 0 to 1 stands for: the inverse of the continuous distribution whose
/// density falls with the power `alpha`.
fn rank(even: f64, alpha: f64) -> u64 {
    let keys = KEYS as f64;
    let rank = if (alpha - 1.0).abs() < 1e-9 {
        keys.powf(even)
    } else {
        let power = 1.0 - alpha;
        (1.0 + even * (keys.powf(power) - 1.0)).powf(1.0 / power)
    };
    rank as u64
}
