//! Which field of a database's record says what, in the dialects of MaxMind, DB-IP and IPinfo.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Anonymity, Asn, Place};

/// The fields understood, for people.
pub(super) const UNDERSTOOD: &str = "autonomous_system_number, autonomous_system_organization, isp, organization, \
    continent, country, subdivisions, city, location, postal, is_anonymous and its kin (MaxMind, DB-IP); asn, as_name, \
    as_domain, name, domain, continent_code, country_code, region, region_code, city, postal_code, lat, lng, timezone, \
    vpn, proxy, tor, hosting (IPinfo)";

/// What one record says.
#[derive(Default)]
pub(super) struct Record<'de> {
    pub(super) asn: Asn<'de>,
    /// With the region's code as the record has it.
    pub(super) place: Place<'de>,
    pub(super) anonymity: Anonymity,
    /// A country that is a code in some databases and a name in others.
    country: Option<&'de str>,
    /// Who holds the network, where nobody is said to hold the number.
    holder: Option<&'de str>,
    /// Whether a field was understood.
    pub(super) understood: bool,
    /// The names of the record's own fields.
    pub(super) names: Vec<&'de str>,
}

impl<'de> Record<'de> {
    fn texts(&mut self) -> [&mut Option<&'de str>; 14] {
        let Self { asn, place, country, holder, .. } = self;
        [
            &mut asn.organization,
            &mut asn.isp,
            &mut asn.domain,
            &mut place.continent_code,
            &mut place.continent_name,
            &mut place.country_iso_code,
            &mut place.country_name,
            &mut place.region_iso_code,
            &mut place.region_name,
            &mut place.city_name,
            &mut place.postal_code,
            &mut place.time_zone,
            country,
            holder,
        ]
    }

    /// Bytes of the names read.
    pub(super) fn size(&mut self) -> usize {
        let fields: usize = self.names.iter().map(|name| name.len()).sum();
        fields + self.texts().into_iter().map(|text| text.map_or(0, str::len)).sum::<usize>()
    }

    /// Leaves out names longer than this many bytes; says how many there were.
    pub(super) fn leave_out(&mut self, longest: usize) -> u64 {
        let long = self.texts().into_iter().filter(|text| text.is_some_and(|text| text.len() > longest));
        long.map(|text| *text = None).count() as u64
    }

    /// Settles what needs more than one field. The region's code comes back, with its country: "US-CA".
    pub(super) fn settle(&mut self) -> Option<String> {
        self.asn.organization = self.asn.organization.or(self.holder);
        if let Some(country) = self.country {
            let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
            let field = if is_code { &mut self.place.country_iso_code } else { &mut self.place.country_name };
            *field = field.or(Some(country));
        }
        if self.place.latitude.is_none() || self.place.longitude.is_none() {
            (self.place.latitude, self.place.longitude) = (None, None); // half a point is no point
        }
        let region = self.place.region_iso_code.take()?;
        let country = self.place.country_iso_code?;
        let prefixed = region.strip_prefix(country).is_some_and(|rest| rest.starts_with('-'));
        Some(if prefixed { region.to_owned() } else { format!("{country}-{region}") })
    }
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Self::default();
        Reader { at: At::Record, record: &mut record }.deserialize(deserializer)?;
        Ok(record)
    }
}

/// Where in a record the reader is.
#[derive(Clone, Copy)]
enum At {
    Record,
    /// A nested record of the same fields: MaxMind's `traits`, IPinfo's `geo`.
    Part,
    As,
    Continent,
    Country,
    Subdivisions,
    Subdivision,
    City,
    Location,
    Postal,
    Names(Field),
    Field(Field),
    Flag(Anonymity),
    Elsewhere,
}

#[derive(Clone, Copy)]
enum Field {
    Number,
    Organization,
    Holder,
    Isp,
    Domain,
    ContinentCode,
    ContinentName,
    CountryCode,
    CountryName,
    CountryCodeOrName,
    RegionCode,
    RegionName,
    CityName,
    PostalCode,
    Latitude,
    Longitude,
    TimeZone,
}

impl At {
    fn child(self, key: &str) -> Self {
        use Field as F;
        match (self, key) {
            (Self::Record | Self::Part, _) => match key {
                "autonomous_system_number" | "as_number" | "asn" => Self::Field(F::Number),
                "autonomous_system_organization" | "as_name" | "as_organization" | "name" => {
                    Self::Field(F::Organization)
                }
                "organization" => Self::Field(F::Holder),
                "isp" => Self::Field(F::Isp),
                "domain" | "as_domain" => Self::Field(F::Domain),
                "as" => Self::As,
                "continent" => Self::Continent,
                "continent_code" => Self::Field(F::ContinentCode),
                "continent_name" => Self::Field(F::ContinentName),
                "country" => Self::Country,
                "country_code" => Self::Field(F::CountryCode),
                "country_name" => Self::Field(F::CountryName),
                "subdivisions" => Self::Subdivisions,
                "region" | "region_name" => Self::Field(F::RegionName),
                "region_code" => Self::Field(F::RegionCode),
                "city" => Self::City,
                "location" => Self::Location,
                "postal" => Self::Postal,
                "postal_code" => Self::Field(F::PostalCode),
                "lat" | "latitude" => Self::Field(F::Latitude),
                "lng" | "lon" | "longitude" => Self::Field(F::Longitude),
                "timezone" | "time_zone" => Self::Field(F::TimeZone),
                "traits" | "geo" => Self::Part,
                "is_anonymous" => Self::Flag(Anonymity::ANONYMOUS),
                "is_anonymous_vpn" | "is_vpn" | "vpn" => Self::Flag(Anonymity::VPN),
                "is_hosting_provider" | "is_hosting" | "hosting" => Self::Flag(Anonymity::HOSTING),
                "is_public_proxy" | "is_proxy" | "proxy" => Self::Flag(Anonymity::PUBLIC_PROXY),
                "is_residential_proxy" => Self::Flag(Anonymity::RESIDENTIAL_PROXY),
                "is_tor_exit_node" | "is_tor" | "tor" => Self::Flag(Anonymity::TOR_EXIT),
                _ => Self::Elsewhere,
            },
            (Self::As, "asn") => Self::Field(F::Number),
            (Self::As, "name") => Self::Field(F::Organization),
            (Self::As, "domain") => Self::Field(F::Domain),
            (Self::Continent, "code") => Self::Field(F::ContinentCode),
            (Self::Continent, "names") => Self::Names(F::ContinentName),
            (Self::Country, "iso_code") => Self::Field(F::CountryCode),
            (Self::Country, "names") => Self::Names(F::CountryName),
            (Self::Subdivision, "iso_code") => Self::Field(F::RegionCode),
            (Self::Subdivision, "names") => Self::Names(F::RegionName),
            (Self::City, "names") => Self::Names(F::CityName),
            (Self::Location, "latitude") => Self::Field(F::Latitude),
            (Self::Location, "longitude") => Self::Field(F::Longitude),
            (Self::Location, "time_zone") => Self::Field(F::TimeZone),
            (Self::Postal, "code") => Self::Field(F::PostalCode),
            (Self::Names(name), "en") => Self::Field(name),
            _ => Self::Elsewhere,
        }
    }

    /// The field meant where there is a plain value instead of a map.
    fn plain(self) -> Self {
        match self {
            Self::Continent => Self::Field(Field::ContinentName),
            Self::Country => Self::Field(Field::CountryCodeOrName),
            Self::City => Self::Field(Field::CityName),
            Self::Postal => Self::Field(Field::PostalCode),
            other => other,
        }
    }
}

struct Reader<'r, 'de> {
    at: At,
    record: &'r mut Record<'de>,
}

impl<'de> Reader<'_, 'de> {
    fn text(self, text: &'de str) {
        let At::Field(field) = self.at.plain() else {
            if let At::Flag(flag) = self.at {
                self.flag(flag, text == "true" || text == "1");
            }
            return;
        };
        self.record.understood = true;
        if text.is_empty() {
            return;
        }
        let Record { asn, place, country, holder, .. } = self.record;
        let slot = match field {
            Field::Organization => &mut asn.organization,
            Field::Holder => holder,
            Field::Isp => &mut asn.isp,
            Field::Domain => &mut asn.domain,
            Field::ContinentCode => &mut place.continent_code,
            Field::ContinentName => &mut place.continent_name,
            Field::CountryCode => &mut place.country_iso_code,
            Field::CountryName => &mut place.country_name,
            Field::CountryCodeOrName => country,
            Field::RegionCode => &mut place.region_iso_code,
            Field::RegionName => &mut place.region_name,
            Field::CityName => &mut place.city_name,
            Field::PostalCode => &mut place.postal_code,
            Field::TimeZone => &mut place.time_zone,
            Field::Number => {
                let digits = text.strip_prefix("AS").or(text.strip_prefix("as")).unwrap_or(text);
                asn.number = digits.parse().unwrap_or(asn.number);
                return;
            }
            Field::Latitude | Field::Longitude => {
                if let Ok(degrees) = text.parse() {
                    self.number(degrees);
                }
                return;
            }
        };
        *slot = Some(text);
    }

    fn number(self, number: f64) {
        let place = &mut self.record.place;
        match self.at {
            At::Field(Field::Latitude) if number.abs() <= 90.0 => place.latitude = Some(number),
            At::Field(Field::Longitude) if number.abs() <= 180.0 => place.longitude = Some(number),
            _ => {}
        }
        self.record.understood |= matches!(self.at, At::Field(Field::Latitude | Field::Longitude));
    }

    fn flag(self, flag: Anonymity, set: bool) {
        self.record.understood = true;
        if set {
            self.record.anonymity = self.record.anonymity.and(flag);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.at {
            At::Elsewhere => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&'de str>()? {
            if matches!(self.at, At::Record) {
                self.record.names.push(key);
            }
            map.next_value_seed(Reader { at: self.at.child(key), record: &mut *self.record })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        // Of nested subdivisions the first is the largest.
        let first = if matches!(self.at, At::Subdivisions) { At::Subdivision } else { At::Elsewhere };
        if sequence.next_element_seed(Reader { at: first, record: &mut *self.record })?.is_some() {
            while sequence.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, set: bool) -> Result<(), E> {
        if let At::Flag(flag) = self.at {
            self.flag(flag, set);
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        match self.at {
            At::Field(Field::Number) => {
                self.record.understood = true;
                self.record.asn.number = u32::try_from(number).unwrap_or(self.record.asn.number);
            }
            At::Flag(flag) => self.flag(flag, number != 0),
            _ => self.number(number as f64),
        }
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.number(number as f64);
        Ok(())
    }

    fn visit_u128<E>(self, _: u128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.number(number);
        Ok(())
    }
}
