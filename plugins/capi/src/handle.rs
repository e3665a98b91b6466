//! Handles: pointers that are given out, and never followed when they come back.
//!
//! A handle is an address within a table that is never freed. What comes back is compared with the bounds of the table, and gives
//! the number of a slot; so any pointer whatever is told apart from a handle without being read. Where in its slot it points is the
//! slot's generation: a handle that was closed is known as such until its slot has been used sixteen times more, and slots are
//! used again in turn.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use crate::status::{Fault, Status};

/// Handles of one kind.
pub(crate) struct Table<T: 'static> {
    /// What the handles are called in messages.
    name: &'static str,
    chunks: [OnceLock<Box<[Slot<T>]>>; CHUNKS],
    /// Numbers of slots that are not in use, the longest unused first.
    free: Mutex<VecDeque<usize>>,
}

/// Each chunk is twice the one before.
const CHUNKS: usize = 16;

/// Slots of the first chunk.
const FIRST: usize = 256;

/// Bytes of a slot.
const SLOT: usize = size_of::<Slot<()>>();

/// Handles are as aligned as a C programmer expects of a pointer.
const STEP: usize = 8;

/// The generations of a slot.
const GENERATIONS: usize = SLOT / STEP;

/// Its size is what is made of it: a range of addresses.
#[repr(align(128))]
struct Slot<T>(Mutex<Entry<T>>);

struct Entry<T> {
    generation: u8,
    value: Option<Box<T>>,
}

/// What a handle stands for, locked.
pub(crate) struct Held<'t, T>(MutexGuard<'t, Entry<T>>);

impl<T> Held<'_, T> {
    #[inline]
    pub(crate) fn get(&mut self) -> Result<&mut T, Fault> {
        // Checked when it was locked.
        self.0.value.as_deref_mut().ok_or_else(|| Fault::new(Status::Closed, "the handle was closed"))
    }
}

impl<T> Table<T> {
    pub(crate) const fn new(name: &'static str) -> Self {
        const { assert!(size_of::<Slot<T>>() == SLOT) };
        Self { name, chunks: [const { OnceLock::new() }; CHUNKS], free: Mutex::new(VecDeque::new()) }
    }

    /// Takes care of a value; gives its handle.
    pub(crate) fn open<H>(&self, value: T) -> Result<*mut H, Fault> {
        let number = {
            let mut free = lock(&self.free);
            if free.is_empty() {
                self.grow(&mut free);
            }
            free.pop_front()
        };
        let slot = number.and_then(|number| Some((self.slot(number)?, number)));
        let Some((slot, _)) = slot else {
            return Err(Fault::new(Status::Invalid, format!("more {}s are open than there can be", self.name)));
        };
        let mut entry = lock(&slot.0);
        entry.value = Some(Box::new(value));
        let generation = usize::from(entry.generation);
        Ok(std::ptr::from_ref(slot).cast::<u8>().wrapping_add(generation * STEP).cast_mut().cast())
    }

    /// What the handle stands for, if nobody else uses it at the moment.
    #[inline]
    pub(crate) fn hold<H>(&self, handle: *mut H) -> Result<Held<'_, T>, Fault> {
        let (slot, _, generation) = self.find(handle)?;
        let entry = match slot.0.try_lock() {
            Ok(entry) => entry,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(self.busy()),
        };
        self.check(entry, generation)
    }

    /// What the handle stands for, when nobody else uses it any more.
    pub(crate) fn wait<H>(&self, handle: *mut H) -> Result<Held<'_, T>, Fault> {
        let (slot, _, generation) = self.find(handle)?;
        self.check(lock(&slot.0), generation)
    }

    /// Takes the value back. The handle is none from now on.
    pub(crate) fn close<H>(&self, handle: *mut H, held: Held<'_, T>) -> Result<Box<T>, Fault> {
        let (_, number, _) = self.find(handle)?;
        let mut entry = held.0;
        let value = entry.value.take().ok_or_else(|| self.closed())?;
        entry.generation = (entry.generation + 1) % GENERATIONS as u8;
        drop(entry);
        lock(&self.free).push_back(number);
        Ok(value)
    }

    #[inline]
    fn check<'t>(&self, entry: MutexGuard<'t, Entry<T>>, generation: usize) -> Result<Held<'t, T>, Fault> {
        if entry.value.is_none() || usize::from(entry.generation) != generation {
            return Err(self.closed());
        }
        Ok(Held(entry))
    }

    /// The slot, its number and the generation that an address stands for.
    #[inline]
    fn find<H>(&self, handle: *mut H) -> Result<(&Slot<T>, usize, usize), Fault> {
        if handle.is_null() {
            return Err(Fault::null(self.name));
        }
        let mut before = 0;
        for chunk in &self.chunks {
            let Some(slots) = chunk.get() else { break };
            let offset = handle.addr().wrapping_sub(slots.as_ptr().addr());
            if let Some(slot) = slots.get(offset / SLOT) {
                if offset % STEP != 0 {
                    break;
                }
                return Ok((slot, before + offset / SLOT, offset % SLOT / STEP));
            }
            before += slots.len();
        }
        Err(self.closed())
    }

    fn slot(&self, mut number: usize) -> Option<&Slot<T>> {
        for chunk in &self.chunks {
            let slots = chunk.get()?;
            match slots.get(number) {
                Some(slot) => return Some(slot),
                None => number -= slots.len(),
            }
        }
        None
    }

    fn grow(&self, free: &mut VecDeque<usize>) {
        let mut first = 0;
        for (chunk, number) in self.chunks.iter().zip(0..) {
            let slots = FIRST << number;
            if chunk.get().is_none() {
                let slot = || Slot(Mutex::new(Entry { generation: 0, value: None }));
                if chunk.set(std::iter::repeat_with(slot).take(slots).collect()).is_ok() {
                    free.extend(first..first + slots);
                }
                return;
            }
            first += slots;
        }
    }

    #[cold]
    fn closed(&self) -> Fault {
        Fault::new(Status::Closed, format!("this is no {}, or it was closed", self.name))
    }

    #[cold]
    fn busy(&self) -> Fault {
        let name = self.name;
        Fault::new(Status::Busy, format!("the {name} is in use by another thread; open one for each thread"))
    }
}

/// A panic in the middle of something is told when it happens; the value is replaced then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<T>(result: Result<T, Fault>) -> String {
        result.err().map_or(String::new(), |fault| format!("{fault:?}"))
    }

    #[test]
    fn what_is_no_handle_is_told_apart() {
        static TABLE: Table<u32> = Table::new("thing");
        let open = TABLE.open::<u8>(7).unwrap();
        assert_eq!(*TABLE.hold(open).unwrap().get().unwrap(), 7);
        for address in [open.wrapping_add(8), open.wrapping_add(1), open.wrapping_add(128), open.wrapping_sub(8)] {
            assert!(status(TABLE.hold(address)).contains("no thing"));
        }
        for address in [1, 8, usize::MAX, usize::MAX / 2] {
            assert!(status(TABLE.hold(std::ptr::without_provenance_mut::<u8>(address))).contains("no thing"));
        }
        assert!(status(TABLE.hold(std::ptr::null_mut::<u8>())).contains("NULL"));
    }

    #[test]
    fn a_closed_handle_stays_closed() {
        static TABLE: Table<u32> = Table::new("thing");
        let first = TABLE.open::<u8>(0).unwrap();
        TABLE.close(first, TABLE.hold(first).unwrap()).unwrap();
        // Four thousand others: each slot is used sixteen times before an address comes again.
        for number in 1..FIRST as u32 * 15 {
            let other = TABLE.open::<u8>(number).unwrap();
            assert_ne!(other, first);
            assert!(status(TABLE.hold(first)).contains("closed"));
            assert_eq!(*TABLE.hold(other).unwrap().get().unwrap(), number);
            TABLE.close(other, TABLE.hold(other).unwrap()).unwrap();
        }
    }

    #[test]
    fn as_many_as_are_asked_for() {
        static TABLE: Table<usize> = Table::new("thing");
        let handles: Vec<*mut u8> = (0..FIRST * 5).map(|number| TABLE.open(number).unwrap()).collect();
        for (&handle, number) in handles.iter().zip(0..) {
            assert_eq!(*TABLE.wait(handle).unwrap().get().unwrap(), number);
        }
    }

    #[test]
    fn one_at_a_time() {
        static TABLE: Table<u32> = Table::new("thing");
        let open = TABLE.open::<u8>(7).unwrap();
        let held = TABLE.hold(open).unwrap();
        let address = open.addr();
        let other = std::thread::spawn(move || status(TABLE.hold(std::ptr::without_provenance_mut::<u8>(address))));
        assert!(other.join().unwrap().contains("another thread"));
        drop(held);
        assert_eq!(status(TABLE.hold(open)), "");
    }
}
