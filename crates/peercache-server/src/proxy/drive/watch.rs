//! Notices when a task of a worker panics. A panic ends one task; the others would go on with what it left
//! half done, or without what it did: clients would be accepted and never answered. So the worker ends, and
//! with it the proxy: whoever supervises it starts another, which begins with nothing half done.

use super::Worker;
use std::future::Future;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::thread;

/// Lives as long as a task does.
struct Watch(Rc<Worker>);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.panicked.notify_one();
        }
    }
}

/// Does `task`, and has the worker end if it panics.
pub(super) async fn watched(worker: Rc<Worker>, task: impl Future<Output = ()>) {
    let _watch = Watch(worker);
    task.await;
}

/// Does `work` for as long as no task of the worker has panicked; then its thread panics as well.
pub(super) async fn unless_panicked(worker: &Worker, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = worker.panicked.notified() => resume_unwind(Box::new("a task of this worker panicked")),
        () = work => {}
    }
}
