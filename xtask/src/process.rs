//! A process that is stopped when it is dropped.

use std::process::{Child, Command};

pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let stopping =
            cfg!(unix) && Command::new("kill").args(["-TERM", &id]).status().is_ok_and(|status| status.success());
        // Errors here mean that it has ended already.
        if !stopping {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
