//! Raw libvirt calls that `virt` 0.5 does not wrap; all of the program's `unsafe` is here.
#![allow(unsafe_code)]

use std::ffi::CStr;
use virt::network::Network;

/// A DHCP lease as libvirt's dnsmasq reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The NIC's MAC address, lower case with colons; empty for some DHCPv6 leases.
    pub mac: String,
    /// The leased address.
    pub address: String,
    /// The name that the client gave.
    pub hostname: Option<String>,
}

/// The present DHCP leases of a network.
///
/// # Errors
/// libvirt's own, e.g. when the network is not active.
pub fn dhcp_leases(network: &Network) -> Result<Vec<Lease>, virt::error::Error> {
    let mut list: *mut virt_sys::virNetworkDHCPLeasePtr = std::ptr::null_mut();
    // SAFETY: the network's pointer lives as long as the borrow; libvirt allocates `list` and says how long it is.
    let count =
        unsafe { virt_sys::virNetworkGetDHCPLeases(network.as_ptr(), std::ptr::null(), &mut list, 0) };
    let Ok(count) = usize::try_from(count) else {
        return Err(virt::error::Error::last_error());
    };
    let mut leases = Vec::with_capacity(count);
    for position in 0..count {
        // SAFETY: `list` has `count` valid entries, each ours to free exactly once.
        unsafe {
            let lease = *list.add(position);
            leases.push(Lease {
                mac: text((*lease).mac).unwrap_or_default(),
                address: text((*lease).ipaddr).unwrap_or_default(),
                hostname: text((*lease).hostname),
            });
            virt_sys::virNetworkDHCPLeaseFree(lease);
        }
    }
    if !list.is_null() {
        // SAFETY: allocated by libvirt with malloc, not used again.
        unsafe { libc::free(list.cast()) };
    }
    Ok(leases)
}

/// # Safety
/// `pointer` is null or a C string that outlives the call.
unsafe fn text(pointer: *const std::ffi::c_char) -> Option<String> {
    // SAFETY: promised by the caller.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Ends this process with SIGKILL, as `kill -9` does.
pub fn kill_self() {
    // SAFETY: takes no memory of ours.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    // The signal is delivered before anything else can be done; never go on should it be late.
    loop {
        std::thread::park();
    }
}

/// Has a program that is started by it end when the thread that starts it ends, however that comes.
pub fn end_with_us(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id();
    // SAFETY: what runs between fork and exec makes system calls only.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // It may have happened before.
            match u32::try_from(libc::getppid()) == Ok(parent) {
                true => Ok(()),
                false => Err(std::io::Error::from_raw_os_error(libc::ESRCH)),
            }
        });
    }
}
