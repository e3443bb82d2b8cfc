//! Reads a reply as one of the choices that were numbered for the person.
//! Takes only a plain number or a title: any other words are an answer of their own.

use holdline_core::message::content::Choice;

/// The place of the choice that `reply` means.
#[must_use]
pub fn match_choice(reply: &str, choices: &[Choice]) -> Option<usize> {
    let plain = plain(reply);
    match number(&plain) {
        Some(number) => number.checked_sub(1).filter(|at| *at < choices.len()),
        None => by_title(&plain, choices),
    }
    .or_else(|| by_title(&plain, choices))
}

/// The reply without what people put around a number, and without what makes a digit an emoji.
fn plain(reply: &str) -> String {
    let shown = |c: &char| !matches!(c, '\u{FE0F}' | '\u{20E3}' | '\u{200B}'..='\u{200F}');
    reply
        .trim()
        .chars()
        .filter(shown)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn number(text: &str) -> Option<usize> {
    let text = text
        .trim_start_matches(['#', '('])
        .trim_end_matches(['.', ')', ':', '!', ',']);
    let digits: Option<String> = text.trim().chars().map(ascii_digit).collect();
    digits
        .filter(|digits| (1..=NUMBER_DIGITS_MAX).contains(&digits.len()))?
        .parse()
        .ok()
}

/// A digit as it is written in the scripts that people answer in.
fn ascii_digit(c: char) -> Option<char> {
    let zero = [
        '0', '\u{0660}', '\u{06F0}', '\u{0966}', '\u{09E6}', '\u{FF10}',
    ];
    let value = zero.into_iter().find_map(|zero| {
        (c as u32)
            .checked_sub(zero as u32)
            .filter(|value| *value < 10)
    })?;
    char::from_digit(value, 10)
}

/// Two choices with one title are told apart by number alone.
fn by_title(text: &str, choices: &[Choice]) -> Option<usize> {
    let wanted = text.to_lowercase();
    let is = |choice: &Choice| choice.title.trim().to_lowercase() == wanted;
    let mut found = choices.iter().enumerate().filter(|(_, choice)| is(choice));
    match (found.next(), found.next()) {
        (Some((at, _)), None) if !wanted.is_empty() => Some(at),
        _ => None,
    }
}

const NUMBER_DIGITS_MAX: usize = 3;
