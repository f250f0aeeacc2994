//! Where items lie: a log of segments, made of pages.
//!
//! Items are written one behind the other, however long they are, so nothing is lost to size classes, and a
//! day on which all values become larger needs no memory moved. The price is holes where items were replaced
//! or died; they are counted, and who needs room closes them first.

mod apart;
mod drained;
mod item;
mod log;
mod pages;
mod place;
mod segment;
mod value;

pub(crate) use drained::Drained;
pub(crate) use item::{HEAT_MAX, Header, Marks, seconds};
pub(crate) use log::Log;
pub(crate) use pages::{PAGE_BYTES, PAGE_OVERHEAD_BYTES};
pub(crate) use place::{PAGES_MAX, Place};
pub(crate) use segment::Queue;

pub use item::item_bytes;
pub use value::Value;
