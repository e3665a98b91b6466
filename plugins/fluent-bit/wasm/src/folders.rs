//! Where a `stormtag.toml` may be. There are no arguments and no environment in the WASI of Fluent Bit, only its `accessible_paths`.

use std::path::PathBuf;

/// The folders that the module may read, in the order in which Fluent Bit names them.
#[cfg(target_os = "wasi")]
pub(crate) fn accessible() -> Vec<PathBuf> {
    use std::ffi::OsString;
    use std::os::wasi::ffi::OsStringExt;

    /// As WASI 0.1 lays it out: the kind, which is 0 for a folder, and how long its name is.
    #[repr(C)]
    struct Prestat {
        kind: u8,
        length: usize,
    }
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        fn fd_prestat_get(folder: u32, into: *mut Prestat) -> u16;
        fn fd_prestat_dir_name(folder: u32, name: *mut u8, length: usize) -> u16;
    }
    // Behind input, output and errors; a number that is no folder ends them.
    let named = |folder| {
        let mut prestat = Prestat { kind: 0, length: 0 };
        // SAFETY: it can be written.
        let status = unsafe { fd_prestat_get(folder, &raw mut prestat) };
        if status != 0 || prestat.kind != 0 || prestat.length > 65536 {
            return None;
        }
        let mut name = vec![0; prestat.length];
        // SAFETY: so many bytes can be written.
        let status = unsafe { fd_prestat_dir_name(folder, name.as_mut_ptr(), name.len()) };
        while name.pop_if(|last| *last == 0).is_some() {} // some runtimes count it
        (status == 0).then(|| PathBuf::from(OsString::from_vec(name)))
    };
    (3..1024).map_while(named).collect()
}

/// The working directory: what Fluent Bit has if nothing is said.
#[cfg(not(target_os = "wasi"))]
pub(crate) fn accessible() -> Vec<PathBuf> {
    vec![PathBuf::from(".")]
}
