#![doc = include_str!("../README.md")]

mod attribute;
mod enrich_threats;
mod find_threats;
mod locate;
mod merge;
mod value;
mod workers;

use stormtag::{Live, Worker};
use vrl::compiler::Function;

pub use attribute::Attribute;
pub use enrich_threats::EnrichThreats;
pub use find_threats::FindThreats;
pub use locate::Locate;
pub use workers::Workers;

/// The functions of this crate, asking `live`, with the built-in field maps; and, with the feature `stdlib`, all of VRL's own.
///
/// Each thread that runs a program makes itself one worker for all of them. What is published in `live` is seen by the next call.
///
/// ```
/// use stormtag::{Catalog, IntelBuilder, Live};
///
/// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
/// let live = Live::new(intel);
/// let program = vrl::compiler::compile(r#". = enrich_threats(., "ecs")"#, &stormtag_vrl::all(&live));
/// assert!(program.is_ok());
/// ```
#[must_use]
pub fn all(live: &Live) -> Vec<Box<dyn Function>> {
    let live = live.clone();
    all_with(move || live.worker())
}

/// As [`all`], with workers set up as `make` does: field maps, site, clock. It is called once for each thread that runs a program.
///
/// ```
/// use stormtag::{FieldMap, Intel, Live};
///
/// let live = Live::new(Intel::empty());
/// let functions = stormtag_vrl::all_with(move || {
///     let mut worker = live.worker();
///     worker.set_fields(FieldMap::named("zeek").unwrap_or_else(FieldMap::builtin));
///     worker
/// });
/// assert!(functions.iter().any(|function| function.identifier() == "find_threats"));
/// ```
#[must_use]
pub fn all_with(make: impl Fn() -> Worker + Send + Sync + 'static) -> Vec<Box<dyn Function>> {
    let functions = own(&Workers::new(make));
    #[cfg(feature = "stdlib")]
    let functions = functions.into_iter().chain(vrl::stdlib::all()).collect();
    functions
}

/// The functions of this crate alone, for whoever has a list of functions to add them to.
#[must_use]
pub fn own(workers: &Workers) -> Vec<Box<dyn Function>> {
    vec![
        Box::new(FindThreats::new(workers)),
        Box::new(EnrichThreats::new(workers)),
        Box::new(Locate::new(workers)),
        Box::new(Attribute::new(workers)),
    ]
}

/// Where the functions stand in documentation made of them: beside Vector's own.
const CATEGORY: &str = "Enrichment";
