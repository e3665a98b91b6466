//! The reference workload: a folder that `make-workload` makes.

use std::path::Path;
use std::sync::Arc;

use stormtag::{Columns, Defaults, Feed, FieldMap, Geo, Intel, IntelBuilder, Kind, Record, Report};

/// Where its events have what.
pub(crate) fn fields() -> FieldMap {
    let fields = "ts time\nsrc_ip ip source\ndst_ip ip destination\nhost domain\nurl url\nsha256 sha256\n";
    FieldMap::parse("reference", fields).unwrap()
}

/// Its indicators and databases.
pub(crate) fn load(folder: &Path) -> (Intel, Report) {
    let geo = Geo::open([folder.join("asn.mmdb"), folder.join("city.mmdb")]).unwrap();
    let mut builder = IntelBuilder::new();
    builder.geo(Arc::new(geo));
    for (name, value, kind) in [
        ("ip", "indicator", Kind::Ip),
        ("cidr", "cidr", Kind::Ip),
        ("domain", "indicator", Kind::Domain),
        ("sha256", "indicator", Kind::Sha256),
    ] {
        let columns = Columns {
            value: Some(value.into()),
            campaign: Some("campaign".into()),
            severity: Some("severity".into()),
            ..Columns::default()
        };
        let defaults = Defaults { kind: Some(kind), ..Defaults::from(Record::new(name)) };
        builder.feed(Feed::open_table(folder.join(format!("ioc_{name}.csv")), &columns, &defaults).unwrap());
    }
    builder.build()
}
