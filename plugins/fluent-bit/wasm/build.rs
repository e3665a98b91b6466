//! What WebAssembly exports beside the filter: the runtime in Fluent Bit puts records where `malloc` of the module says. Without it, they would have
//! to fit into `wasm_heap_size`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo:rustc-link-arg=--export=malloc");
        println!("cargo:rustc-link-arg=--export=free");
    }
}
