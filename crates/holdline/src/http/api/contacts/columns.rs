//! The columns of a contact list, and one line read by them. Pure; the faults it names never
//! repeat what stood in the line.

use super::address::{KINDS, normal};
use crate::http::api::check::propose;
use crate::http::api::problem::FieldFault;
use csv::ByteRecord;
use holdline_core::ChannelKind;
use holdline_core::contact::Consent;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest line, in bytes: a longer one lacks a closing quote.
const LINE_BYTES_MAX: usize = 16 * 1024;
const TEXT_CHARS_MAX: usize = 200;

/// Every column there may be.
pub(super) const NAMES: [&str; 12] = [
    "name",
    "external_id",
    "whatsapp",
    "sms",
    "email",
    "wa_user",
    "consent",
    "verified",
    "whatsapp_consent",
    "sms_consent",
    "email_consent",
    "wa_user_consent",
];

/// So begins the name of a column that is passed over.
pub(super) const REMARK: &str = "#";

/// A person as a line gives them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) addresses: Vec<RowAddress>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RowAddress {
    pub(crate) channel: ChannelKind,
    pub(crate) value: String,
    pub(crate) consent: Option<Consent>,
    pub(crate) verified: Option<bool>,
}

/// What is wrong in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LineFault {
    /// Line of the file, from 1; the header is line 1.
    pub(crate) line: u64,
    /// The column, where one is at fault.
    pub(crate) column: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) fix: String,
}

impl LineFault {
    pub(super) fn new(line: u64, column: Option<&str>, message: &str, fix: &str) -> Self {
        let column = column.map(str::to_owned);
        Self {
            line,
            column,
            message: message.to_owned(),
            fix: fix.to_owned(),
        }
    }
}

/// Which column stands where.
pub(super) struct Columns {
    names: Vec<&'static str>,
    country: Option<String>,
}

impl Columns {
    /// Reads the header. `country` is that of numbers without a country code.
    pub(super) fn read(
        header: &ByteRecord,
        country: Option<String>,
    ) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let mut names = Vec::with_capacity(header.len());
        for (ix, given) in header.iter().enumerate() {
            let given = String::from_utf8_lossy(given).trim().to_ascii_lowercase();
            let field = format!("column {}", ix + 1);
            if given.starts_with(REMARK) {
                names.push(REMARK);
                continue;
            }
            match NAMES.into_iter().find(|name| *name == given) {
                None => {
                    let fix = propose(&given, NAMES.into_iter());
                    faults.push(FieldFault::new(field, "its name is not known", fix));
                }
                Some(name) if names.contains(&name) => {
                    faults.push(FieldFault::new(
                        field,
                        "stands twice",
                        "keep one of the two",
                    ));
                }
                Some(name) => names.push(name),
            }
        }
        let kinds = KINDS.iter().map(ChannelKind::as_str);
        if faults.is_empty() && !kinds.clone().any(|kind| names.contains(&kind)) {
            let fix = format!(
                "give at least one of: {}",
                kinds.collect::<Vec<_>>().join(", ")
            );
            faults.push(FieldFault::new("header", "names no kind of address", fix));
        }
        if faults.is_empty() {
            Ok(Self { names, country })
        } else {
            Err(faults)
        }
    }

    /// Reads a line; every fault in it is named.
    pub(super) fn row(&self, line: u64, record: &ByteRecord) -> Result<Row, Vec<LineFault>> {
        let cells = self.cells(line, record).map_err(|fault| vec![fault])?;
        let mut reader = RowReader {
            columns: self,
            line,
            cells,
            faults: Vec::new(),
        };
        let row = reader.read();
        if reader.faults.is_empty() {
            Ok(row)
        } else {
            Err(reader.faults)
        }
    }

    fn cells<'a>(
        &self,
        line: u64,
        record: &'a ByteRecord,
    ) -> Result<Vec<(&'static str, &'a str)>, LineFault> {
        let fault = |message, fix| Err(LineFault::new(line, None, message, fix));
        if record.as_slice().len() > LINE_BYTES_MAX {
            return fault(
                "is too long",
                "look for a quotation mark that is never closed",
            );
        }
        if record.len() > self.names.len() {
            return fault(
                "has more cells than the header",
                "quote cells that hold the separator",
            );
        }
        let mut cells = Vec::with_capacity(record.len());
        let told = self.names.iter().zip(record);
        for (name, cell) in told.filter(|(name, _)| **name != REMARK) {
            match std::str::from_utf8(cell) {
                Ok(text) => cells.push((*name, text.trim())),
                Err(_) => {
                    let fix = "save the file as UTF-8";
                    return Err(LineFault::new(line, Some(name), "is not UTF-8", fix));
                }
            }
        }
        Ok(cells)
    }
}

struct RowReader<'a> {
    columns: &'a Columns,
    line: u64,
    cells: Vec<(&'static str, &'a str)>,
    faults: Vec<LineFault>,
}

impl<'a> RowReader<'a> {
    fn read(&mut self) -> Row {
        let row = Row {
            line: self.line,
            name: self.text("name"),
            external_id: self.text("external_id"),
            addresses: self.addresses(),
        };
        if row.addresses.is_empty() && row.external_id.is_none() && self.faults.is_empty() {
            self.fault(
                None,
                "has neither an address nor an external id",
                "add one, or delete it",
            );
        }
        row
    }

    fn addresses(&mut self) -> Vec<RowAddress> {
        let verified = self.yes_or_no("verified");
        let consent = self.consent("consent");
        let mut addresses = Vec::new();
        for channel in KINDS {
            let own = NAMES
                .into_iter()
                .find(|name| name.strip_suffix("_consent") == Some(channel.as_str()));
            let own = own.and_then(|column| self.consent(column));
            let Some(text) = self.cell(channel.as_str()) else {
                continue;
            };
            match normal(channel, text, self.columns.country.as_deref()) {
                Ok(value) => {
                    let consent = own.or(consent);
                    addresses.push(RowAddress {
                        channel,
                        value,
                        consent,
                        verified,
                    });
                }
                Err(why) => self.fault(Some(channel.as_str()), &why.message, &why.fix),
            }
        }
        addresses
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let text = self.cell(name)?;
        if text.chars().count() > TEXT_CHARS_MAX {
            self.fault(Some(name), "is too long", "give at most 200 characters");
        }
        Some(text.to_owned())
    }

    fn consent(&mut self, name: &'static str) -> Option<Consent> {
        let text = self.cell(name)?.to_ascii_lowercase();
        let consent = match text.as_str() {
            "yes" | "true" | "1" => Some(Consent::Given),
            "no" | "false" | "0" => Some(Consent::Withdrawn),
            word => Consent::parse(word),
        };
        if consent.is_none() {
            self.fault(
                Some(name),
                "is no consent",
                "give one of: given, withdrawn, unknown",
            );
        }
        consent
    }

    fn yes_or_no(&mut self, name: &'static str) -> Option<bool> {
        match self.cell(name)?.to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" => Some(true),
            "no" | "false" | "0" => Some(false),
            _ => {
                self.fault(Some(name), "is neither yes nor no", "give yes or no");
                None
            }
        }
    }

    /// A cell that is not empty.
    fn cell(&self, name: &str) -> Option<&'a str> {
        let found = self.cells.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text).filter(|text| !text.is_empty())
    }

    fn fault(&mut self, column: Option<&str>, message: &str, fix: &str) {
        self.faults
            .push(LineFault::new(self.line, column, message, fix));
    }
}
