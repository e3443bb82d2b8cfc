//! Writes business cards: as vCard 3.0, and as lines of text where no file can go along.
//! Escapes every value; never adds what the card does not say.

use holdline_core::message::content::{Card, Labelled, PostalAddress};

/// The card as a vCard 3.0, with folded lines.
#[must_use]
pub fn vcard(card: &Card) -> String {
    let name = &card.name;
    let parts = [
        &name.last,
        &name.first,
        &name.middle,
        &name.prefix,
        &name.suffix,
    ];
    let mut lines = vec!["BEGIN:VCARD".to_owned(), "VERSION:3.0".to_owned()];
    lines.push(format!("N:{}", joined(&parts)));
    lines.push(format!("FN:{}", escape(&card.formatted_name)));
    if card.company.is_some() || card.department.is_some() {
        lines.push(format!(
            "ORG:{}",
            joined(&[&card.company, &card.department])
        ));
    }
    lines.extend(
        card.title
            .iter()
            .map(|title| format!("TITLE:{}", escape(title))),
    );
    lines.extend(card.phones.iter().map(|phone| labelled("TEL", phone)));
    lines.extend(card.emails.iter().map(|email| labelled("EMAIL", email)));
    lines.extend(card.urls.iter().map(|url| labelled("URL", url)));
    lines.extend(card.addresses.iter().map(address));
    lines.extend(
        card.birthday
            .iter()
            .map(|day| format!("BDAY:{}", escape(day))),
    );
    lines.push("END:VCARD".to_owned());
    lines.iter().map(|line| fold(line)).collect()
}

pub(super) fn as_text(card: &Card) -> String {
    let mut lines = vec![card.formatted_name.clone()];
    let work = [&card.title, &card.department, &card.company];
    let work: Vec<&str> = work.into_iter().flatten().map(String::as_str).collect();
    if !work.is_empty() {
        lines.push(work.join(", "));
    }
    let values = card.phones.iter().chain(&card.emails).chain(&card.urls);
    lines.extend(values.map(|entry| entry.value.clone()));
    lines.extend(card.addresses.iter().map(|address| {
        let PostalAddress {
            street,
            city,
            state,
            zip,
            country,
            label: _,
        } = address;
        let parts = [street, zip, city, state, country];
        parts
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }));
    lines.join("\n")
}

/// A name for the file, of letters and digits alone.
pub(super) fn filename(card: &Card) -> String {
    let name: String = card
        .formatted_name
        .chars()
        .take(FILENAME_CHARS_MAX)
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect();
    format!("{name}.vcf")
}

fn labelled(property: &str, entry: &Labelled) -> String {
    let label = entry
        .label
        .iter()
        .filter(|label| label.bytes().all(|b| b.is_ascii_alphanumeric()));
    let label: String = label
        .map(|label| format!(";TYPE={}", label.to_uppercase()))
        .collect();
    format!("{property}{label}:{}", escape(&entry.value))
}

fn address(address: &PostalAddress) -> String {
    let PostalAddress {
        street,
        city,
        state,
        zip,
        country,
        label,
    } = address;
    let parts = joined(&[&None, &None, street, city, state, zip, country]);
    let entry = Labelled {
        value: String::new(),
        label: label.clone(),
    };
    format!("{}{parts}", labelled("ADR", &entry))
}

fn joined(parts: &[&Option<String>]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| escape(part.as_deref().unwrap_or_default()))
        .collect();
    parts.join(";")
}

fn escape(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace(',', "\\,")
        .replace(';', "\\;");
    text.replace("\r\n", "\\n").replace(['\n', '\r'], "\\n")
}

/// Lines end in CR LF and are at most 75 bytes long; longer ones go on after a space.
fn fold(line: &str) -> String {
    let mut folded = String::new();
    let mut bytes = 0;
    for c in line.chars() {
        if bytes + c.len_utf8() > LINE_BYTES_MAX {
            folded.push_str("\r\n ");
            bytes = 1;
        }
        folded.push(c);
        bytes += c.len_utf8();
    }
    folded + "\r\n"
}

const LINE_BYTES_MAX: usize = 75;
const FILENAME_CHARS_MAX: usize = 60;
