//! Two sockets of this machine, joined.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

/// Carries bytes both ways until one side ends; then both are closed.
pub fn join(tcp: &TcpStream, unix: &UnixStream) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*tcp, &mut &*unix);
            let _ = unix.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut &*unix, &mut &*tcp);
        let _ = tcp.shutdown(Shutdown::Both);
    });
}
