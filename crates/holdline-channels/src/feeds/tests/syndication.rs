//! RSS and Atom: golden samples, which entries are open, and what is made of a changed shape.

use super::{NOW, check, check_unknown, good, only};
use crate::feeds::FeedLevel::{Green, High, Low, Medium};
use crate::feeds::reading::{Parsed, Shape};
use crate::feeds::syndication::parse;
use holdline_core::Timestamp;

fn rss(items: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:atom="http://www.w3.org/2005/Atom" version="2.0"><channel>
<title>WhatsApp Business Platform Status</title><link>https://status.example</link>
<atom:link href="https://status.example/feed.rss" rel="self"/>{items}</channel></rss>"#
    )
}

fn read(items: &str) -> Shape<Parsed> {
    parse(rss(items).as_bytes(), NOW)
}

fn item(title: &str, date: &str, text: &str) -> String {
    format!(
        "<item><title>{title}</title><description>{text}</description>\
         <pubDate>{date}</pubDate><guid>https://status.example/{title}</guid></item>"
    )
}

const TODAY: &str = "Tue, 10 Mar 2026 11:00:00 +0000";

#[test]
fn an_empty_feed_is_green() {
    check(read(""), Green, &[]);
    let atom = br#"<feed xmlns="http://www.w3.org/2005/Atom"><title>History</title></feed>"#;
    check(parse(atom, NOW), Green, &[]);
}

#[test]
fn an_open_entry_is_read_whole() {
    let found = only(read(&item(
        "Cloud API &amp; more",
        TODAY,
        "Messages are late.",
    )));
    assert_eq!(
        (found.title.as_str(), found.level),
        ("Cloud API & more", Medium)
    );
    assert_eq!(found.began_at, Some(Timestamp(NOW.0 - 3_600_000)));
    assert_eq!(found.id, "https://status.example/Cloud API & more");
    let named = item("Slow", TODAY, "x").replace("<guid>", "<category>SMS</category><guid>");
    assert_eq!(only(read(&named)).services, ["SMS"]);
}

#[test]
fn words_in_the_text_give_the_level() {
    for (title, level) in [
        ("High disruptions", High),
        ("Major outage of calls", High),
        ("Partial outage", Medium),
        ("Degraded performance", Low),
        ("Something", Medium),
    ] {
        check(read(&item(title, TODAY, "")), level, &[(level, title)]);
    }
}

#[test]
fn history_is_not_open() {
    let over = "&lt;p&gt;&lt;small&gt;Mar 10&lt;/small&gt;&lt;br&gt;\
        &lt;strong&gt;Resolved&lt;/strong&gt; - Fixed.&lt;/p&gt;\
        &lt;p&gt;&lt;strong&gt;Investigating&lt;/strong&gt; - Looking.&lt;/p&gt;";
    let again = "<![CDATA[<p><strong>Investigating</strong> - It came back; the cause of \
        yesterday was resolved.</p><p><strong>Resolved</strong> - Fixed.</p>]]>";
    check(read(&item("a", TODAY, over)), Green, &[]);
    check(read(&item("b", TODAY, again)), Medium, &[(Medium, "b")]);
    check(read(&item("[RESOLVED] c", TODAY, "")), Green, &[]);
    check(read(&item("d", TODAY, "Postmortem of d")), Green, &[]);
    let old = "Sun, 01 Mar 2026 11:00:00 GMT";
    check(read(&item("e", old, "Looking")), Green, &[]);
    check(
        read(&item("f", "some day", "Looking")),
        Medium,
        &[(Medium, "f")],
    );
}

#[test]
fn maintenance_to_come_is_not_open() {
    let later = "Fri, 13 Mar 2026 11:00:00 GMT";
    check(read(&item("Move", later, "We move.")), Green, &[]);
    let told = "&lt;p&gt;&lt;b&gt;Scheduled&lt;/b&gt; - We move on Friday.&lt;/p&gt;";
    check(read(&item("Move", TODAY, told)), Green, &[]);
}

#[test]
fn atom_entries_are_read_with_their_newest_time_and_text() {
    let atom = r#"<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:x</id><title>Status</title>
<entry><id>tag:x,1</id><published>2026-03-01T00:00:00Z</published>
 <updated>2026-03-10T11:00:00Z</updated><title>Calls fail</title>
 <link rel="alternate" href="https://status.example/1"/>
 <content type="xhtml"><div><p><b>Monitoring</b> - Nearly resolved.</p>
 <p><b>Identified</b> - Found.</p></div></content></entry>
<entry><id>tag:x,2</id><updated>2026-03-10T10:00:00Z</updated><title>Over</title>
 <summary type="html">&lt;p&gt;Resolved now&lt;/p&gt;</summary></entry></feed>"#;
    let found = only(parse(atom.as_bytes(), NOW));
    assert_eq!(
        (found.id.as_str(), found.title.as_str()),
        ("tag:x,1", "Calls fail")
    );
    assert_eq!(found.updated_at, Some(Timestamp(NOW.0 - 3_600_000)));
}

#[test]
fn of_entries_with_one_id_only_the_newest_counts() {
    let entry = |date: &str, text: &str| item("Same", date, text);
    let items =
        entry(TODAY, "Has been resolved.") + &entry("Tue, 10 Mar 2026 10:00:00 +0000", "Looking.");
    check(read(&items), Green, &[]);
}

#[test]
fn what_is_not_understood_is_unknown_never_green() {
    let unknown = |body: &str, why: &str| check_unknown(parse(body.as_bytes(), NOW), why);
    unknown("<!doctype html><html><head></head></html>", "is not a feed");
    unknown("", "holds no channel");
    unknown("[]", "holds no channel");
    unknown("<rss version=\"2.0\"></rss>", "holds no channel");
    unknown("<html><channel></channel></html>", "<html> is not a feed");
    unknown("<feed></channel>", "not XML");
    let whole = rss(&item("a", TODAY, "b"));
    let torn = &whole[..whole.len() - 20];
    assert!(parse(torn.as_bytes(), NOW).is_err());
    let deep = "<a>".repeat(100);
    unknown(&format!("<feed>{deep}"), "too deeply");
}

#[test]
fn entities_of_the_document_itself_are_not_expanded() {
    let bomb = format!(
        "<!DOCTYPE rss [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}",
        rss(&item("x &b; &#65;&nbsp;y", TODAY, ""))
            .trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
    );
    let parsed = good(parse(bomb.as_bytes(), NOW));
    assert_eq!(parsed.reading.incidents[0].title, "x A y");
}
