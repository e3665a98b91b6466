#![doc = include_str!("../README.md")]

mod attribute;
mod column;
mod function;
mod hunt;
mod located;
mod shown;
mod threats;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use stormtag::{Live, Site};

use function::{Known, What};
pub use hunt::RetroHunt;

/// Gives a session the functions of this crate, asking `live`. What is published in it is seen by the next batch.
///
/// ```
/// use datafusion::prelude::SessionContext;
/// use stormtag::{Catalog, IntelBuilder, Live};
///
/// let (intel, _) = IntelBuilder::new().feed(Catalog::builtin_indicators()).build();
/// let ctx = SessionContext::new();
/// stormtag_datafusion::register(&ctx, &Live::new(intel));
/// assert!(ctx.state().scalar_functions().contains_key("is_threat"));
/// ```
pub fn register(ctx: &SessionContext, live: &Live) {
    Functions::new(live).register(ctx);
}

/// The functions of this crate, to be set up before they are registered.
///
/// ```
/// use datafusion::prelude::SessionContext;
/// use stormtag::{Intel, Live, Site};
/// use stormtag_datafusion::Functions;
///
/// let ctx = SessionContext::new();
/// Functions::new(&Live::new(Intel::empty())).site(Site::new(["Energy"], ["US"])?).register(&ctx);
/// # Ok::<(), stormtag::UnknownSite>(())
/// ```
#[derive(Clone, Debug)]
pub struct Functions {
    live: Live,
    site: Site,
}

impl Functions {
    /// Asks `live`. Each batch sees the snapshot that is in use when it begins, and no other.
    #[must_use]
    pub fn new(live: &Live) -> Self {
        Self { live: live.clone(), site: Site::default() }
    }

    /// Sets where events come from: `attribute` gives actors who seek out such more weight. Defaults to a site of which nothing is known.
    #[must_use]
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// Each function once: for registries that are not a session's, as those of executors.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ScalarUDF>> {
        let known = Known::new(self.live.clone(), self.site.clone());
        What::ALL.iter().map(|&what| Arc::new(function::function(what, &known))).collect()
    }

    /// Gives a session all of them.
    pub fn register(&self, ctx: &SessionContext) {
        for function in self.all() {
            ctx.register_udf(ScalarUDF::clone(&function));
        }
    }
}
