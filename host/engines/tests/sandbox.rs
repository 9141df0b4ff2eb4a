//! Tests the sandbox of worker processes from inside. Linux only.
//!
//! The sandbox restricts a process permanently and needs one without other threads. The usual test harness has threads,
//! so this file has its own `main`. Each case runs this program again, and its main thread enters the sandbox.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    // Not as arguments, because those are the test runner's.
    let [case, on] = ["SANDBOX_CASE", "SANDBOX_ON"].map(|name| std::env::var_os(name).unwrap_or_default());
    match case.to_str() {
        Some("inside") => linux::inside(on.as_ref()),
        Some("networked") => linux::networked(),
        Some("graphical") => linux::graphical(),
        Some("threaded") => linux::threaded(),
        Some("without") => linux::without(&on),
        _ => {
            linux::what_is_refused_and_what_is_not();
            linux::what_needs_the_network_has_that_and_no_more();
            linux::what_needs_a_gpu_has_that_and_no_more();
            linux::a_process_with_threads_is_not_taken();
            linux::what_a_kernel_lacks_is_told();
            println!("sandbox: ok");
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use auricle_engines::worker::sandbox::{Allowed, enter};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    use std::{
        env,
        ffi::OsStr,
        fs::{self, File, OpenOptions, Permissions},
        io::{self, ErrorKind::PermissionDenied},
        net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
        os::unix::{fs::PermissionsExt, fs::symlink, net::UnixDatagram},
        path::Path,
        process::{Command, Output},
        thread,
        time::SystemTime,
    };

    /// Prints unexpected results.
    fn check<T>(what: &str, refused: bool, result: io::Result<T>) {
        match result {
            Ok(_) if refused => println!("{what}: allowed"),
            // A refusal must come from the sandbox and nothing else.
            Err(error) if !refused || error.kind() != PermissionDenied => println!("{what}: {error}"),
            _ => {}
        }
    }

    fn refused<T>(what: &str, result: io::Result<T>) {
        check(what, true, result);
    }

    fn allowed<T>(what: &str, result: io::Result<T>) {
        check(what, false, result);
    }

    /// Runs in a child, in the folder made by [`what_is_refused_and_what_is_not`].
    pub(super) fn inside(files: &Path) {
        let read = vec![files.join("models"), files.join("absent")];
        let protection = enter(&Allowed { read, scratch: Some(files.join("scratch")), ..Allowed::default() }).unwrap();
        println!("{}", protection.warning().unwrap_or_else(|| "full".into()));
        calls();
        foreign_files(files);
        own_files(files);
        println!("end");
    }

    fn calls() {
        refused("a UDP socket", UdpSocket::bind("127.0.0.1:0"));
        refused("a TCP connection", TcpStream::connect("127.0.0.1:9"));
        refused("a TCP listener", TcpListener::bind("127.0.0.1:0"));
        refused("a pair of sockets", UnixDatagram::pair());
        refused("a local socket", UnixDatagram::unbound());
        refused("a program", Command::new("/bin/true").status());
        refused("a socket in a thread", thread::spawn(|| UdpSocket::bind("127.0.0.1:0")).join().unwrap());
        allowed("a thread", thread::Builder::new().spawn(|| {}).map(|thread| thread.join().unwrap()));
        allowed("much memory", Ok(std::hint::black_box(vec![1u8; 64 << 20])));
    }

    fn foreign_files(files: &Path) {
        let secret = files.join("secret");
        refused("a foreign file", fs::read(&secret));
        refused("a foreign folder", fs::read_dir(files));
        refused("a foreign file in /proc", fs::read(format!("/proc/self/root{}", secret.display())));
        refused("a foreign file's permissions", fs::set_permissions(&secret, Permissions::from_mode(0o777)));
        refused("the accounts", fs::read("/etc/passwd"));
        refused("another process's environment", fs::read("/proc/1/environ"));
        refused("another process's setting", fs::write("/proc/1/oom_score_adj", "0"));
        refused("a new file", File::create(files.join("new")));
        refused("a new file of the system", File::create("/usr/lib/new"));
    }

    fn own_files(files: &Path) {
        let model = files.join("models/model");
        refused("a new file among the models", File::create(files.join("models/new")));
        refused("writing to the model", OpenOptions::new().append(true).open(&model));
        refused("emptying the model", OpenOptions::new().write(true).truncate(true).open(&model));
        refused("the model's removal", fs::remove_file(&model));
        refused("the model's permissions", fs::set_permissions(&model, Permissions::from_mode(0o777)));
        refused("the model's times", File::open(&model).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)));
        allowed("the model", fs::read(&model));
        allowed("the folder of models", fs::read_dir(files.join("models")));
        allowed("a link to another store", fs::read(files.join("models/small/weights")));
        allowed("the processor", fs::read("/proc/cpuinfo"));
        allowed("the processor's cores", fs::read_dir("/sys/devices/system/cpu"));
        allowed("the memory map", fs::read("/proc/self/maps"));
        allowed("random numbers", File::open("/dev/urandom"));
        allowed("writing to /dev/null", File::create("/dev/null"));
        allowed("the libraries", fs::read_dir("/usr/lib"));
        allowed("temporary files", temporary_files(&files.join("scratch")));
    }

    /// Runs in a child.
    pub(super) fn networked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let protection = enter(&Allowed { network: true, ..Allowed::default() }).unwrap();
        println!("{}", protection.warning().unwrap_or_else(|| "full".into()));
        allowed("a TCP connection", TcpStream::connect(address));
        allowed("a UDP socket", UdpSocket::bind("127.0.0.1:0"));
        allowed("a name", "localhost:9".to_socket_addrs());
        refused("a TCP listener", TcpListener::bind("127.0.0.1:0"));
        refused("a pair of sockets", UnixDatagram::pair());
        refused("a local socket", UnixDatagram::unbound());
        let raw = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::RAW, None);
        refused("a raw socket", raw.map_err(io::Error::from));
        refused("a program", Command::new("/bin/true").status());
        refused("a foreign file", fs::read("/etc/passwd"));
        println!("end");
    }

    pub(super) fn what_needs_the_network_has_that_and_no_more() {
        let output = child("networked", "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "full\nend\n");
    }

    /// Runs in a child. The devices of graphics processors are those of this machine, if it has any.
    pub(super) fn graphical() {
        let devices = fs::read_dir("/dev").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let path = |name: &str| Path::new("/dev").join(name);
        let is_gpu = |name: &String| matches!(&**name, "dri" | "kfd") || name.starts_with("nvidia");
        let gpus: Vec<_> = devices.filter(is_gpu).filter(|name| File::open(path(name)).is_ok()).collect();
        let protection = enter(&Allowed { gpu: true, ..Allowed::default() }).unwrap();
        println!("{}", protection.warning().unwrap_or_else(|| "full".into()));
        gpus.iter().for_each(|name| allowed(name, File::open(path(name))));
        allowed("the list of devices", fs::read_dir("/sys/devices"));
        for other in ["fuse", "kmsg", "mem", "ptmx", "snd", "tty", "video0"] {
            if path(other).exists() {
                refused(other, File::open(path(other)));
            }
        }
        refused("a UDP socket", UdpSocket::bind("127.0.0.1:0"));
        refused("a foreign file", fs::read("/etc/passwd"));
        println!("end");
    }

    pub(super) fn what_needs_a_gpu_has_that_and_no_more() {
        let output = child("graphical", "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "full\nend\n");
    }

    fn temporary_files(scratch: &Path) -> io::Result<()> {
        let folder = scratch.join("folder");
        fs::create_dir(&folder)?;
        fs::write(folder.join("a"), "text")?;
        fs::rename(folder.join("a"), scratch.join("b"))?;
        File::create(scratch.join("b"))?;
        fs::remove_file(scratch.join("b"))?;
        fs::remove_dir(folder)
    }

    pub(super) fn threaded() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = thread::spawn(move || wait.recv());
        println!("{}", enter(&Allowed::default()).unwrap_err());
        drop(done);
        thread.join().unwrap().unwrap_err();
        UdpSocket::bind("127.0.0.1:0").unwrap();
    }

    /// Runs in a child, on a kernel that seems to lack a part, because a filter refuses its system calls.
    pub(super) fn without(part: &OsStr) {
        let (call, errno) = match part.to_str() {
            Some("landlock") => (libc::SYS_landlock_create_ruleset, libc::ENOSYS),
            _ => (libc::SYS_seccomp, libc::EINVAL),
        };
        let answer = SeccompAction::Errno(errno.unsigned_abs());
        let arch = env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new([(call, Vec::new())].into(), SeccompAction::Allow, answer, arch).unwrap();
        apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        let warning = enter(&Allowed::default()).unwrap().warning().unwrap();
        check("files", part != "landlock", fs::read("/etc/passwd"));
        check("network", part == "landlock", UdpSocket::bind("127.0.0.1:0"));
        println!("{warning}");
    }

    fn child(case: &str, on: impl AsRef<OsStr>) -> Output {
        let mut program = Command::new(env::current_exe().unwrap());
        let output = program.env("SANDBOX_CASE", case).env("SANDBOX_ON", on).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    pub(super) fn what_is_refused_and_what_is_not() {
        let files = tempfile::tempdir().unwrap();
        let path = files.path();
        for folder in ["models/small", "store", "scratch"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        for file in ["models/model", "secret", "store/weights"] {
            fs::write(path.join(file), "content").unwrap();
        }
        symlink("../../store/weights", path.join("models/small/weights")).unwrap();
        // Without the sandbox these are possible.
        fs::read(path.join("secret")).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(Command::new("/bin/true").status().unwrap().success());
        let output = child("inside", path);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "full\nend\n");
        assert_eq!(fs::read(path.join("models/model")).unwrap(), b"content");
    }

    pub(super) fn a_process_with_threads_is_not_taken() {
        let output = child("threaded", "");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told, "cannot sandbox: the process has 2 threads already\n");
    }

    pub(super) fn what_a_kernel_lacks_is_told() {
        for part in ["landlock", "seccomp"] {
            let output = child("without", part);
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                told.starts_with(&format!("engines are sandboxed in part only: this kernel has no {part}")),
                "{told}"
            );
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}
