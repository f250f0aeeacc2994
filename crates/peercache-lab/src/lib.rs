pub mod latency;
pub mod progress;
pub mod report;
pub mod trace;
