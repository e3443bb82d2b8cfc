//! Reads RSS 2.0 and Atom. These have no severity and most list history, so an entry is open
//! until its newest text says that it is over, and no longer than a week. Resolves no entity but
//! the five of XML, and follows no link.

use holdline_core::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::reading::{FeedIncident, FeedLevel, Gather, Parsed, Shape, clip};
use super::times;
use super::words::{Meaning, level_inside, meaning, says_over};

/// Longest time that an entry counts as open, in milliseconds.
const OPEN_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// How far a publisher's clock may be ahead, in milliseconds.
const CLOCK_AHEAD_MS_MAX: u64 = 3_600_000;
/// Text kept of one element, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
const DEPTH_MAX: usize = 64;

#[derive(Debug, Default)]
struct Entry {
    id: String,
    link: String,
    title: String,
    text: String,
    services: Vec<String>,
    began_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

/// What is being read: the names of the open elements and the text of the innermost.
#[derive(Debug, Default)]
struct Walk {
    path: Vec<String>,
    text: String,
    entry: Option<Entry>,
    entries: Vec<Entry>,
    whole: bool,
}

/// The state that a feed tells.
pub(crate) fn parse(body: &[u8], now: Timestamp) -> Shape<Parsed> {
    let text = String::from_utf8_lossy(body);
    let entries = entries(text.trim_start_matches('\u{feff}').trim_start())?;
    let mut gather = Gather::new();
    for entry in newest_each(entries) {
        add(entry, now, &mut gather);
    }
    Ok(gather.done())
}

fn entries(text: &str) -> Shape<Vec<Entry>> {
    let mut reader = Reader::from_str(text);
    let mut walk = Walk::default();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("not XML: {error}"))?;
        match event {
            Event::Start(start) => walk.open(start.local_name().as_ref())?,
            Event::Empty(empty) => {
                let name = empty.local_name();
                walk.open(name.as_ref())?;
                let href = empty.try_get_attribute("href").ok().flatten();
                if let (Some(href), "link") = (href, name.as_ref()) {
                    walk.push(&href.value);
                }
                walk.close();
            }
            Event::End(_) => walk.close(),
            Event::Text(text) => walk.push(&text),
            Event::CData(data) => walk.push(&data),
            Event::GeneralRef(entity) => walk.push(&resolved(&entity)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if walk.whole && walk.path.is_empty() {
        Ok(walk.entries)
    } else {
        Err("the feed ends in the middle or holds no channel".into())
    }
}

impl Walk {
    fn open(&mut self, name: &str) -> Shape<()> {
        if self.path.len() >= DEPTH_MAX {
            return Err("the feed is nested too deeply".into());
        }
        let root_fits = matches!(name, "rss" | "feed" | "RDF");
        if self.path.is_empty() && (self.whole || !root_fits) {
            return Err(format!("<{}> is not a feed", clip(name, 40)));
        }
        // Atom is whole with its root; RSS needs a channel.
        self.whole |= name == "feed" && self.path.is_empty();
        self.whole |= name == "channel" && self.path.len() == 1;
        self.path.push(name.to_owned());
        if matches!(name, "item" | "entry") && self.entry.is_none() {
            self.entry = Some(Entry::default());
        }
        // An element inside a text, as in XHTML content, does not end the text.
        if !self.inside_text() {
            self.text.clear();
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        let room = TEXT_BYTES_MAX.saturating_sub(self.text.len());
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|place| text.is_char_boundary(*place));
        self.text.push_str(&text[..end.unwrap_or(0)]);
    }

    fn close(&mut self) {
        if self.inside_text() {
            // Keeps the paragraphs of XHTML apart.
            self.push("</p>");
        }
        let Some(name) = self.path.pop() else {
            return;
        };
        if matches!(name.as_str(), "item" | "entry") && !self.inside_entry() {
            self.entries.extend(self.entry.take());
            return;
        }
        let direct = self.path.last().is_some_and(|parent| is_entry(parent));
        if let Some(entry) = self.entry.as_mut().filter(|_| direct) {
            entry.take_field(&name, std::mem::take(&mut self.text));
        }
    }

    fn inside_entry(&self) -> bool {
        self.path.iter().any(|name| is_entry(name))
    }

    /// Whether an element above the innermost is one whose whole content is text.
    fn inside_text(&self) -> bool {
        let above = self.path.split_last().map_or(&[][..], |(_, above)| above);
        let entry_at = above.iter().position(|name| is_entry(name));
        entry_at
            .and_then(|place| above.get(place + 1))
            .is_some_and(|name| is_text(name))
    }
}

impl Entry {
    fn take_field(&mut self, name: &str, text: String) {
        match name {
            "title" => self.title = plain(&text),
            "guid" | "id" => self.id = clip(&text, 200),
            "link" if self.link.is_empty() => self.link = clip(&text, 200),
            "category" => self.services.push(plain(&text)),
            "pubDate" | "published" | "date" => {
                self.began_at = times::instant(&text).or(self.began_at);
            }
            "updated" => self.updated_at = times::instant(&text),
            // The longest of summary and content says most.
            _ if is_text(name) && text.len() > self.text.len() => self.text = text,
            _ => {}
        }
    }

    fn newest_at(&self) -> Option<Timestamp> {
        self.updated_at.max(self.began_at)
    }
}

fn is_entry(name: &str) -> bool {
    matches!(name, "item" | "entry")
}

fn is_text(name: &str) -> bool {
    matches!(name, "description" | "summary" | "content" | "encoded")
}

/// Of entries with the same id the newest; without times the first, as feeds list new ones first.
fn newest_each(entries: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for mut entry in entries {
        if entry.id.is_empty() {
            entry.id = [&entry.link, &entry.title]
                .into_iter()
                .find(|text| !text.is_empty())
                .map_or_else(|| clip(&entry.text, 120), |text| clip(text, 120));
        }
        match places.get(&entry.id) {
            None => {
                places.insert(entry.id.clone(), kept.len());
                kept.push(entry);
            }
            Some(place) => {
                let known: &mut Entry = &mut kept[*place];
                if entry.newest_at() > known.newest_at() {
                    *known = entry;
                }
            }
        }
    }
    kept
}

fn add(entry: Entry, now: Timestamp, gather: &mut Gather) {
    let newest_at = entry.newest_at();
    let too_old = newest_at.is_some_and(|at| now.since_ms(at) > OPEN_MS_MAX);
    let to_come = newest_at.is_some_and(|at| at.since_ms(now) > CLOCK_AHEAD_MS_MAX);
    let newest = first_block(&entry.text);
    if too_old || to_come || is_over(&entry.title, newest) {
        return;
    }
    let words = format!("{} {}", entry.title, plain(newest));
    let title = [entry.title, plain(newest)]
        .into_iter()
        .find(|text| !text.is_empty());
    gather.add(FeedIncident {
        id: entry.id,
        title: title.unwrap_or_else(|| "entry without a title".into()),
        level: level_inside(&words).unwrap_or(FeedLevel::Medium),
        services: entry
            .services
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect(),
        began_at: entry.began_at.or(entry.updated_at),
        updated_at: newest_at,
        resolved: false,
    });
}

/// Whether the newest text says that it is over or has not begun. A status in bold, as status
/// pages write it before each update, decides alone.
fn is_over(title: &str, newest: &str) -> bool {
    if let Some(status) = bold(newest) {
        match meaning(&status) {
            Meaning::Over | Meaning::Scheduled => return true,
            Meaning::Level(_) => return false,
            Meaning::Unknown => {}
        }
    }
    says_over(title) || says_over(&plain(newest))
}

/// The text up to the end of the first paragraph that is not empty.
fn first_block(text: &str) -> &str {
    let mut from = 0;
    while let Some(found) = text[from..].find("</p>") {
        let end = from + found;
        if !plain(&text[from..end]).is_empty() {
            return &text[from..end];
        }
        from = end + "</p>".len();
    }
    text
}

fn bold(text: &str) -> Option<String> {
    let tags = [("<strong>", "</strong>"), ("<b>", "</b>")];
    tags.iter().find_map(|(begin, end)| {
        let (_, rest) = text.split_once(begin)?;
        Some(plain(rest.split_once(end)?.0))
    })
}

/// Text without tags.
fn plain(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        kept.push_str(before);
        kept.push(' ');
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    clip(&kept.replace("&nbsp;", " ").replace("&amp;", "&"), 2_000)
}

fn resolved(entity: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return c.to_string();
    }
    match entity.as_ref() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => " ",
    }
    .into()
}
