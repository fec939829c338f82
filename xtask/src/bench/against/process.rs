//! What the kernel accounts to a process (proc(5)): time on a core, memory, switches.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A running process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process(pub u32);

impl Process {
    /// Time that its threads were on a core, in the kernel too, to the nanosecond. Threads that have ended are left out.
    pub(super) fn cpu(self) -> io::Result<Duration> {
        Ok(Duration::from_nanos(self.over_threads("schedstat", on_core)?))
    }

    /// How often its threads went to sleep by themselves, which is how often they were woken.
    pub(super) fn sleeps(self) -> io::Result<u64> {
        self.over_threads("status", |text| field(text, "voluntary_ctxt_switches"))
    }

    /// Bytes of it that are in memory.
    pub(super) fn resident(self) -> io::Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let kibibytes = field(&fs::read_to_string(&path)?, "VmRSS").ok_or_else(|| unreadable(&path))?;
        Ok(kibibytes << 10)
    }

    /// Descriptors that it has open.
    pub(super) fn descriptors(self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// Its threads.
    pub(super) fn threads(self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.0))?.count())
    }

    fn over_threads(self, file: &str, read: fn(&str) -> Option<u64>) -> io::Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let path: PathBuf = thread?.path().join(file);
            // A thread may end while this looks.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            sum += read(&text).ok_or_else(|| unreadable(&path.display().to_string()))?;
        }
        Ok(sum)
    }
}

fn unreadable(path: &str) -> io::Error {
    io::Error::other(format!("{path} is not as expected"))
}

/// The first number of `schedstat`: nanoseconds on a core.
fn on_core(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The number after `NAME:` in a `status` file.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let status =
            "Name:\ta\nVmRSS:\t    1234 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "VmRSS"), Some(1234));
        assert_eq!(field(status, "voluntary_ctxt_switches"), Some(7));
        assert_eq!(field(status, "VmHWM"), None);
        assert_eq!(on_core("123456789 42 7\n"), Some(123_456_789));
        assert_eq!(on_core(""), None);
    }

    #[test]
    fn this_process_is_accounted_for() -> io::Result<()> {
        let process = Process(std::process::id());
        assert!(process.cpu()? > Duration::ZERO);
        assert!(process.resident()? > 1 << 16);
        process.sleeps()?;
        assert!(process.descriptors()? >= 3);
        assert!(process.threads()? >= 1);
        Ok(())
    }
}
