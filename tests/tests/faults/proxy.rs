//! A line to a server that can be cut at any byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Hands on what both sides say until it is cut.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// How many bytes of each side still pass, of those that are sent (0) and
    /// received (1) through it.
    left: Arc<[AtomicI64; 2]>,
    was_cut: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            left: Arc::new([AtomicI64::new(i64::MAX), AtomicI64::new(i64::MAX)]),
            was_cut: Arc::default(),
        };
        let (left, was_cut) = (proxy.left.clone(), proxy.was_cut.clone());
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
                for (way, (from, to)) in [(near, far), back].into_iter().enumerate() {
                    let (left, was_cut) = (left.clone(), was_cut.clone());
                    std::thread::spawn(move || hand_on(from, to, &left[way], &was_cut));
                }
            }
        });
        proxy
    }

    /// Cuts the line once so many bytes more are sent, or received.
    pub(crate) fn cut_after(&self, sent: i64, received: i64) {
        self.was_cut.store(false, Ordering::SeqCst);
        self.left[0].store(sent, Ordering::SeqCst);
        self.left[1].store(received, Ordering::SeqCst);
    }

    /// Whether a line was cut since then.
    pub(crate) fn mend(&self) -> bool {
        self.left.iter().for_each(|left| left.store(i64::MAX, Ordering::SeqCst));
        self.was_cut.swap(false, Ordering::SeqCst)
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64, was_cut: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let passes = left.fetch_sub(count as i64, Ordering::SeqCst).clamp(0, count as i64) as usize;
        if to.write_all(&bytes[..passes]).is_err() {
            break;
        }
        if passes < count {
            was_cut.store(true, Ordering::SeqCst);
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
