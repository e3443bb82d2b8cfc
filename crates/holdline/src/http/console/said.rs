//! What became of what somebody asked for, said once on the page that follows. It comes by a cookie
//! of that browser: a link that somebody was sent puts no words into our mouth.

use super::layout;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::{COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

const NAME: &str = "holdline_said";
const DONE: &str = "done.";
const REFUSED: &str = "refused.";
const CHARS_MAX: usize = 600;
/// The page that follows comes at once, or not at all.
const MAX_AGE_S: u32 = 60;

/// To be shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    done: bool,
    words: String,
}

/// On to a page, which says that it was done.
pub(super) fn done(page: &str, words: &str) -> Response {
    go(page, DONE, words)
}

/// On to a page, which says why it was not.
pub(super) fn refused(page: &str, words: &str) -> Response {
    go(page, REFUSED, words)
}

fn go(page: &str, what: &str, words: &str) -> Response {
    let words: String = words.chars().take(CHARS_MAX).collect();
    let words: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
    let page = HeaderValue::from_str(page).unwrap_or(HeaderValue::from_static("/console/"));
    let cookie = cookie(&format!("{what}{words}"), MAX_AGE_S);
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, page), (SET_COOKIE, cookie)],
    )
        .into_response()
}

/// So that it is not shown again.
pub(super) fn forget() -> HeaderValue {
    cookie("", 0)
}

fn cookie(value: &str, max_age_s: u32) -> HeaderValue {
    let text =
        format!("{NAME}={value}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={max_age_s}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl Said {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let value = cookie_of(headers, NAME)?;
        let (done, words) = match (value.strip_prefix(DONE), value.strip_prefix(REFUSED)) {
            (Some(words), _) => (true, words),
            (None, Some(words)) => (false, words),
            (None, None) => return None,
        };
        let read = url::form_urlencoded::parse(words.as_bytes()).next();
        let (words, _) = read?;
        Some(Self {
            done,
            words: words.into_owned(),
        })
    }

    pub(super) fn shown(&self) -> Markup {
        html! {
            @if self.done { p.done role="status" { (self.words) } }
            @else { (layout::fault(&self.words)) }
        }
    }
}

/// The value of a cookie.
pub(super) fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter();
    let all = all.filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|it| it.split(';'));
    pairs.find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_said() {
        for words in [
            "Not done: 5 % of “a=b; c” & <more>",
            "1+1",
            "é\r\nSet-Cookie: x",
        ] {
            let answer = refused("/console/outages", words);
            let set = answer.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
            let pair = set.split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, HeaderValue::from_static("a=b; c=d"));
            headers.append(COOKIE, HeaderValue::from_str(pair).unwrap());
            let said = Said::read(&headers).unwrap();
            assert_eq!((said.done, said.words.as_str()), (false, words));
        }
    }

    #[test]
    fn nothing_is_said_when_nothing_was() {
        let mut headers = HeaderMap::new();
        assert_eq!(Said::read(&headers), None);
        for pair in ["holdline_said=", "holdline_said=other.words", "said=done.x"] {
            headers.insert(COOKIE, HeaderValue::from_static(pair));
            assert_eq!(Said::read(&headers), None, "{pair}");
        }
    }
}
