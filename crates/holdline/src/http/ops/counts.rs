//! The engine's counters as an exposition in the OpenMetrics text form, the last part of
//! `/metrics`. Labels come from closed lists.

use holdline_engine::Counts;

pub(super) const PREFIX: &str = "holdline_engine_";
/// The last line of an exposition.
const END: &str = "# EOF\n";

/// Two expositions as one: only the last ends the file.
pub(super) fn joined(first: &str, last: &str) -> String {
    format!("{}{last}", first.strip_suffix(END).unwrap_or(first))
}

/// What the engine counted since it started.
pub(super) fn text(counts: &Counts) -> String {
    let mut text = String::new();
    let attempts = counts.attempts.iter().map(|((channel, outcome), count)| {
        (
            format!("channel=\"{channel}\",outcome=\"{outcome}\""),
            *count,
        )
    });
    family(
        &mut text,
        "attempts",
        "Tries by channel and outcome",
        attempts,
    );
    let inbound = counts
        .inbound
        .iter()
        .map(|((channel, what), count)| (format!("channel=\"{channel}\",what=\"{what}\""), *count));
    family(
        &mut text,
        "inbound",
        "What providers told us, by channel",
        inbound,
    );
    let verdicts = counts.verdicts.iter();
    let verdicts = verdicts.map(|(to, count)| (format!("to=\"{to}\""), *count));
    family(
        &mut text,
        "verdicts",
        "Changes of health of scopes, by what they came to",
        verdicts,
    );
    let hooks = counts
        .hooks
        .iter()
        .map(|(result, count)| (format!("result=\"{result}\""), *count));
    family(
        &mut text,
        "posts",
        "Posts of events to apps, by result",
        hooks,
    );
    let totals = [
        ("accepted", "Messages accepted durably", counts.accepted),
        (
            "failovers",
            "Messages moved to another channel",
            counts.failovers,
        ),
        (
            "duplicates",
            "Messages that a person got twice",
            counts.duplicates,
        ),
    ];
    for (name, help, count) in totals {
        family(
            &mut text,
            name,
            help,
            std::iter::once((String::new(), count)),
        );
    }
    text + END
}

fn family(text: &mut String, name: &str, help: &str, rows: impl Iterator<Item = (String, u64)>) {
    text.push_str(&format!(
        "# HELP {PREFIX}{name} {help}.\n# TYPE {PREFIX}{name} counter\n"
    ));
    for (labels, count) in rows {
        let labels = if labels.is_empty() {
            labels
        } else {
            format!("{{{labels}}}")
        };
        text.push_str(&format!("{PREFIX}{name}_total{labels} {count}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::ChannelKind;

    #[test]
    fn counts_are_written_as_one_exposition_with_the_rest() {
        let mut counts = Counts {
            accepted: 7,
            ..Counts::default()
        };
        counts.attempts.insert((ChannelKind::SMS, "accepted"), 3);
        let text = joined("# TYPE a counter\na_total 1\n# EOF\n", &text(&counts));
        assert!(text.starts_with("# TYPE a counter\na_total 1\n# HELP holdline_engine_attempts "));
        let row = "\nholdline_engine_attempts_total{channel=\"sms\",outcome=\"accepted\"} 3\n";
        assert!(text.contains(row));
        assert!(text.contains("\nholdline_engine_accepted_total 7\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }
}
