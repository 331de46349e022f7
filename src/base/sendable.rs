//! Bytes that the kernel can send without copying them.
//!
//! A body that is sent many thousand times a minute is worth having in pages of its own: `sendfile(2)` hands those pages to the
//! network as they are, where `write(2)` first copies them into fresh ones for each reader. The pages are a file in memory that
//! has no name (`memfd_create(2)`), one for each body: what the network still holds of it when the file is closed stays as it is.
//! Where that cannot be had (another system, a sandbox) bytes are sent the ordinary way.

use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;

/// Below the first number of bytes a copy costs less than one more call into the kernel; above the second (what one call moves at
/// a time) the many small pages cost more than they save. Both measured: `tests/load/feeds.sh`.
const WORTH_IT: std::ops::RangeInclusive<usize> = 4096..=65536;

/// Bytes, perhaps with a copy that the kernel can send.
#[derive(Clone, Debug, Default)]
pub struct Sendable {
    bytes: Bytes,
    file: Option<Arc<std::fs::File>>,
}

impl Sendable {
    /// Bytes that are read once or seldom: no second copy.
    pub const fn plain(bytes: Bytes) -> Self {
        Self { bytes, file: None }
    }

    /// The same bytes with a copy to send, if that is worth it and can be had.
    #[must_use]
    pub fn with_pages(self) -> Self {
        let file = Some(&self.bytes).filter(|bytes| WORTH_IT.contains(&bytes.len()));
        let file = file.and_then(|bytes| system::lay(bytes).ok()).map(Arc::new);
        Self { file, ..self }
    }

    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether there are pages to send.
    pub const fn has_pages(&self) -> bool {
        self.file.is_some()
    }

    /// Where in the bytes a slice of memory lies that begins in them: these very bytes, not equal ones.
    fn position(&self, slice: &[u8]) -> Option<usize> {
        let offset = (slice.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (offset < self.bytes.len() && slice.len() <= self.bytes.len() - offset).then_some(offset)
    }
}

/// Writes slices to a socket that does not block, one after the other, as `writev(2)` does; the one that lies in `body` by its
/// pages. Short counts are ordinary. `None` if no slice lies in it, or the system refuses: whoever gets that writes the ordinary way.
pub fn send(
    socket: &impl system::Socket,
    slices: &[IoSlice<'_>],
    body: &Sendable,
) -> Option<io::Result<usize>> {
    let file = body.file.as_ref()?;
    let (at, offset) = slices
        .iter()
        .enumerate()
        .find_map(|(at, slice)| Some((at, body.position(slice)?)))?;
    let mut sent = 0;
    for head in &slices[..at] {
        match system::send_before(socket, head) {
            Ok(count) if count == head.len() => sent += count,
            Ok(count) => return Some(Ok(sent + count)),
            Err(_) if sent > 0 => return Some(Ok(sent)),
            Err(error) => return Some(Err(error)),
        }
    }
    match system::send_file(socket, file, offset, slices[at].len()) {
        Ok(count) => Some(Ok(sent + count)),
        Err(_) if sent > 0 => Some(Ok(sent)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Err(error)),
        // Whatever it is, a copy may do; and if the reader is gone, that will say so.
        Err(_) => None,
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    use rustix::fs::{MemfdFlags, memfd_create, sendfile};
    use rustix::net::SendFlags;

    pub use std::os::fd::AsFd as Socket;

    pub(super) fn lay(bytes: &[u8]) -> io::Result<File> {
        let file = File::from(memfd_create("jarshy-body", MemfdFlags::CLOEXEC)?);
        file.write_all_at(bytes, 0)?;
        Ok(file)
    }

    /// More follows at once, and both should travel in the same packet.
    pub(super) fn send_before(socket: &impl AsFd, head: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        Ok(rustix::net::send(socket, head, flags)?)
    }

    pub(super) fn send_file(
        socket: &impl AsFd,
        file: &File,
        offset: usize,
        length: usize,
    ) -> io::Result<usize> {
        let mut offset = offset as u64;
        Ok(sendfile(socket, file, Some(&mut offset), length)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;

    /// Any.
    pub trait Socket {}
    impl<T> Socket for T {}

    fn nothing<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn lay(_: &[u8]) -> io::Result<File> {
        nothing()
    }

    pub(super) fn send_before(_: &impl Socket, _: &[u8]) -> io::Result<usize> {
        nothing()
    }

    pub(super) fn send_file(_: &impl Socket, _: &File, _: usize, _: usize) -> io::Result<usize> {
        nothing()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn body(length: usize) -> Sendable {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        Sendable::plain(bytes.into()).with_pages()
    }

    #[test]
    fn pages_are_laid_where_they_are_worth_it() {
        for (length, has_pages) in [
            (0, false),
            (4095, false),
            (4096, true),
            (65536, true),
            (65537, false),
        ] {
            let body = body(length);
            assert_eq!((body.has_pages(), body.bytes().len()), (has_pages, length));
        }
    }

    #[test]
    fn heads_and_bodies_arrive_in_order_however_short_the_counts_are() {
        let (mut reader, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let body = body(60_000);
        let whole: Vec<u8> = [&head[..], body.bytes()].concat();
        let (mut sent, mut got, mut rounds) = (0, Vec::new(), 0);
        while got.len() < 20 * whole.len() {
            let at = sent % whole.len();
            let slices: Vec<IoSlice<'_>> = if at < head.len() {
                vec![IoSlice::new(&head[at..]), IoSlice::new(body.bytes())]
            } else {
                vec![IoSlice::new(&body.bytes()[at - head.len()..])]
            };
            match send(&socket, &slices, &body).expect("one of them lies in it") {
                Ok(count) if sent + count <= 20 * whole.len() => sent += count,
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    let mut buffer = [0; 7_001];
                    let count = reader.read(&mut buffer).unwrap();
                    got.extend_from_slice(&buffer[..count]);
                    rounds += 1;
                }
            }
            if sent == 20 * whole.len() {
                drop(socket);
                reader.read_to_end(&mut got).unwrap();
                break;
            }
        }
        assert!(got == whole.repeat(20), "{} of {}", got.len(), sent);
        assert!(rounds > 20, "the socket was never full");
    }

    #[test]
    fn what_lies_elsewhere_goes_the_ordinary_way() {
        let (_reader, socket) = UnixStream::pair().unwrap();
        let body = body(5_000);
        let equal = body.bytes().to_vec();
        let foreign = [IoSlice::new(&equal)];
        assert!(send(&socket, &foreign, &body).is_none());
        let own = [IoSlice::new(body.bytes())];
        assert!(send(&socket, &own, &Sendable::plain(body.bytes().clone())).is_none());
    }
}
