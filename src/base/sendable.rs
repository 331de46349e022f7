//! Bytes that the kernel can send without copying them.
//!
//! A body that is sent many thousand times a minute is worth having in pages of its own: `sendfile(2)` hands those pages to the
//! network as they are, where `write(2)` first copies them into fresh ones for each reader. The pages are a file in memory that
//! has no name (`memfd_create(2)`). Where that cannot be had (another system, a sandbox) bytes are sent the ordinary way.

use std::sync::Arc;

use bytes::Bytes;

/// Below the first number of bytes a copy costs less than one more call into the kernel; above the second (what one call moves at
/// a time) the many small pages cost more than they save. Both measured: `tests/load/feeds.sh`.
#[cfg(target_os = "linux")]
const WORTH_IT: std::ops::RangeInclusive<usize> = 4096..=65536;

/// Bytes, perhaps with a copy that the kernel can send.
#[derive(Clone, Debug, Default)]
pub struct Sendable {
    bytes: Bytes,
    #[cfg(target_os = "linux")]
    extent: Option<Arc<linux::Extent>>,
}

impl Sendable {
    /// Bytes that are read once or seldom: no second copy.
    pub const fn plain(bytes: Bytes) -> Self {
        Self {
            bytes,
            #[cfg(target_os = "linux")]
            extent: None,
        }
    }

    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Bytes of memory that they take, both copies together.
    pub fn weight(&self) -> usize {
        let copies = if self.has_pages() { 2 } else { 1 };
        self.bytes.len() * copies
    }

    /// Whether there are pages to send.
    pub const fn has_pages(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            self.extent.is_some()
        }
        #[cfg(not(target_os = "linux"))]
        {
            false
        }
    }
}

/// Where sendable copies are laid. Cheap to clone; the pages go back to the system with the last copy of them.
#[derive(Clone, Debug)]
pub struct Pages {
    #[cfg(target_os = "linux")]
    file: Option<Arc<linux::File>>,
}

#[cfg(not(target_os = "linux"))]
impl Pages {
    /// None: this system has no file without a name.
    pub const fn open() -> Self {
        Self {}
    }

    /// The bytes as they are.
    pub fn lay(&self, bytes: Bytes) -> Sendable {
        Sendable::plain(bytes)
    }
}

#[cfg(target_os = "linux")]
pub use linux::send;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create, sendfile};
    use rustix::net::SendFlags;

    use super::{Pages, Sendable, WORTH_IT};

    /// Places begin on a page, so that a hole that is punched for one takes nothing from its neighbour.
    const PAGE: u64 = 4096;

    /// The file without a name. Places are given out in order and never again (2^63 bytes of addresses), so what the network still
    /// holds of a place that was given back cannot turn into something else.
    #[derive(Debug)]
    pub(super) struct File {
        file: std::fs::File,
        end: AtomicU64,
    }

    /// A place in the file. Its pages go back when it is dropped.
    #[derive(Debug)]
    pub(super) struct Extent {
        file: Arc<File>,
        offset: u64,
        length: u64,
    }

    impl Drop for Extent {
        fn drop(&mut self) {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if let Err(error) = fallocate(&self.file.file, flags, self.offset, self.length) {
                tracing::warn!(%error, "pages of a body that is gone could not be given back");
            }
        }
    }

    impl Pages {
        /// An empty file in memory, or none where the system refuses one.
        pub fn open() -> Self {
            let file = memfd_create("jarshy-bodies", MemfdFlags::CLOEXEC)
                .inspect_err(|error| tracing::debug!(%error, "bodies are sent by copying them"))
                .ok()
                .map(|descriptor| File {
                    file: descriptor.into(),
                    end: AtomicU64::new(0),
                });
            Self {
                file: file.map(Arc::new),
            }
        }

        /// The bytes with a copy to send, if that is worth it.
        pub fn lay(&self, bytes: Bytes) -> Sendable {
            let extent = self
                .file
                .as_ref()
                .filter(|_| WORTH_IT.contains(&bytes.len()))
                .and_then(|file| {
                    let length = (bytes.len() as u64).next_multiple_of(PAGE);
                    let extent = Extent {
                        file: file.clone(),
                        offset: file.end.fetch_add(length, Ordering::Relaxed),
                        length,
                    };
                    let written = file.file.write_all_at(&bytes, extent.offset);
                    written.ok().map(|()| Arc::new(extent))
                });
            Sendable { bytes, extent }
        }
    }

    impl Sendable {
        /// Where in the bytes a slice of memory lies that begins in them: these very bytes, not equal ones.
        fn position(&self, slice: &[u8]) -> Option<usize> {
            let offset = (slice.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
            (offset < self.bytes.len() && slice.len() <= self.bytes.len() - offset)
                .then_some(offset)
        }
    }

    /// Writes slices to a socket that does not block, one after the other, as `writev(2)` does; the one that lies in `body` by its
    /// pages. Counts the bytes, and tells whether they reach the body's end. `None` if no slice lies in it: whoever gets that writes
    /// the ordinary way.
    pub fn send(
        socket: impl AsFd,
        slices: &[IoSlice<'_>],
        body: &Sendable,
    ) -> Option<io::Result<(usize, bool)>> {
        let extent = body.extent.as_ref()?;
        let (at, offset) = slices
            .iter()
            .enumerate()
            .find_map(|(at, slice)| Some((at, body.position(slice)?)))?;
        let mut sent = 0;
        for head in &slices[..at] {
            // More follows at once, and both should travel in the same packet.
            match rustix::net::send(&socket, head, SendFlags::MORE | SendFlags::NOSIGNAL) {
                Ok(count) if count == head.len() => sent += count,
                Ok(count) => return Some(Ok((sent + count, false))),
                Err(_) if sent > 0 => return Some(Ok((sent, false))),
                Err(error) => return Some(Err(error.into())),
            }
        }
        let mut from = extent.offset + offset as u64;
        match sendfile(
            &socket,
            &extent.file.file,
            Some(&mut from),
            slices[at].len(),
        ) {
            Ok(count) => Some(Ok((sent + count, offset + count == body.bytes.len()))),
            Err(_) if sent > 0 => Some(Ok((sent, false))),
            Err(error) => Some(Err(error.into())),
        }
    }
}
