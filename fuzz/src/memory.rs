//! How much memory an input costs.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What may be taken whatever the input, in bytes: read buffers, and tables that begin with some room.
const BASE: usize = 4 << 20;

/// Calls `of`, and holds it to so many bytes of memory a byte of input.
pub(crate) fn bounded<T>(bytes: usize, a_byte: usize, of: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let made = of();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let most = BASE + a_byte * bytes;
    assert!(taken <= most, "{bytes} bytes of input took {taken} bytes of memory; at most {most} were expected");
    made
}
