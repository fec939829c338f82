//! A TUN of Linux's own.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{self, Opcode, Updater};

/// Opens the TUN interface `name`, which is made if need be: packets without a header before them, one queue. Needs
/// `CAP_NET_ADMIN`. Addresses, routes and "up" are the caller's to set.
///
/// # Errors
/// When there is no `/dev/net/tun`, the right is missing, or the name is too long (15 bytes).
pub fn open_tun(name: &str) -> io::Result<OwnedFd> {
    const TUNSETIFF: Opcode = 0x4004_54ca;
    const IFF_TUN: u16 = 0x0001;
    const IFF_NO_PI: u16 = 0x1000;

    let mut request = InterfaceRequest { name: [0; 16], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 15 || bytes.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has 1 to 15 bytes"));
    }
    request.name[..bytes.len()].copy_from_slice(bytes);

    let fd =
        rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    // SAFETY: TUNSETIFF (`linux/if_tun.h`) reads and writes one `struct ifreq`, which `InterfaceRequest` is laid out
    // as and is as long as.
    unsafe { ioctl::ioctl(&fd, Updater::<TUNSETIFF, _>::new(&mut request)) }?;
    Ok(fd)
}

/// `struct ifreq` of Linux (`net/if.h`), as TUNSETIFF uses it.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}
