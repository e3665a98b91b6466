//! The name by which programs find the shared library: that of its ABI, not of the file that cargo writes. Once loaded it stays: its threads
//! and what threads keep of it must not outlive it, should a host close the library before them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libstormtag.so.1");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
