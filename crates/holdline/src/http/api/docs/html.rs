//! The API as one page of HTML, made from its OpenAPI document: no script, no outside file,
//! readable on a phone, in light and dark, and by a screen reader.

use super::super::problem::Kind;
use super::schema::{Field, array, fields, target, text, words};
use crate::render::standard::EVENT_TYPES;
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const BASE: &str = "/api/v1";

/// One operation of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    value: &'a Value,
}

pub(super) fn page(document: &Value) -> String {
    let mut page = Page(String::new());
    let info = &document["info"];
    let title = text(info, "title");
    page.raw(&format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} API</title><style>{STYLE}</style></head><body>\
         <header><h1>{title} API</h1>"
    ));
    page.paragraph(text(info, "description"));
    page.introduction();
    page.contents(document);
    page.raw("<main>");
    for tag in array(document, "tags") {
        page.tag(document, tag);
    }
    page.events();
    page.problems();
    page.schemas(document);
    page.raw("</main></body></html>\n");
    page.0
}

struct Page(String);

impl Page {
    fn introduction(&mut self) {
        self.raw(&format!(
            "<p>Every call carries <code>Authorization: Bearer &lt;token&gt;</code>; \
             <code>holdline token create</code> makes tokens. Bodies are JSON, times RFC 3339 \
             in UTC. The same as <a href=\"{BASE}/openapi.json\">OpenAPI 3.1</a>.</p></header>"
        ));
    }

    fn contents(&mut self, document: &Value) {
        self.raw("<nav aria-label=\"Operations\"><h2>Operations</h2><ul>");
        for operation in operations(document) {
            let summary = text(operation.value, "summary");
            self.raw(&format!("<li><a href=\"#{}\">", operation.anchor()));
            self.words(summary.trim_end_matches('.'));
            self.raw("</a></li>");
        }
        self.raw(
            "<li><a href=\"#events\">Events</a></li><li><a href=\"#problems\">Errors</a></li>\
             <li><a href=\"#types\">Types</a></li></ul></nav>",
        );
    }

    fn tag(&mut self, document: &Value, tag: &Value) {
        let name = text(tag, "name");
        self.raw("<section><h2>");
        self.words(name);
        self.raw("</h2>");
        self.paragraph(text(tag, "description"));
        let is_its = |operation: &Operation<'_>| {
            array(operation.value, "tags").any(|tag| tag.as_str() == Some(name))
        };
        for operation in operations(document).filter(is_its) {
            self.operation(&operation);
        }
        self.raw("</section>");
    }

    fn operation(&mut self, operation: &Operation<'_>) {
        self.raw(&format!("<article><h3 id=\"{}\">", operation.anchor()));
        self.words(text(operation.value, "summary").trim_end_matches('.'));
        let (method, path) = (operation.method.to_uppercase(), operation.path);
        self.raw(&format!(
            "</h3><p><code><span class=\"method\">{method}</span> {BASE}{path}</code></p>"
        ));
        for paragraph in text(operation.value, "description").split("\n\n") {
            self.paragraph(paragraph);
        }
        self.parameters(operation.value);
        self.request(&operation.value["requestBody"]);
        self.responses(&operation.value["responses"]);
        self.raw("</article>");
    }

    fn parameters(&mut self, operation: &Value) {
        let rows: Vec<Field<'_>> = array(operation, "parameters")
            .map(|parameter| Field {
                name: text(parameter, "name"),
                type_words: words(&parameter["schema"]),
                link: target(&parameter["schema"]),
                required: parameter["required"] == true,
                description: text(parameter, "description"),
            })
            .collect();
        if !rows.is_empty() {
            self.raw("<h4>Parameters</h4>");
            self.rows(&rows);
        }
    }

    fn request(&mut self, body: &Value) {
        let Some(content) = body.get("content").and_then(Value::as_object) else {
            return;
        };
        for (media_type, content) in content {
            self.raw("<h4>Body</h4><p>");
            self.type_of(&content["schema"]);
            self.raw(&format!(" as <code>{media_type}</code></p>"));
        }
    }

    fn responses(&mut self, responses: &Value) {
        self.raw("<h4>Answers</h4><ul>");
        for (status, response) in responses.as_object().into_iter().flatten() {
            self.raw(&format!("<li><code>{status}</code> "));
            self.words(text(response, "description"));
            let content = response
                .get("content")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            for (_, content) in content {
                self.raw(": ");
                self.type_of(&content["schema"]);
            }
            self.raw("</li>");
        }
        self.raw("</ul>");
    }

    fn events(&mut self) {
        self.raw("<section><h2 id=\"events\">Events</h2>");
        self.paragraph(
            "Events are posted in the Standard Webhooks form: the headers webhook-id, \
             webhook-timestamp and webhook-signature, and a JSON body with type, timestamp and \
             data. The same webhook-id may come more than once: drop what you have.",
        );
        self.raw("<ul>");
        for name in EVENT_TYPES {
            self.raw(&format!("<li><code>{name}</code></li>"));
        }
        self.raw("</ul></section>");
    }

    fn problems(&mut self) {
        self.raw("<section><h2 id=\"problems\">Errors</h2>");
        self.paragraph(
            "Errors come as application/problem+json (RFC 9457). `errors` lists every faulty field \
             with a JSON Pointer, what is wrong and how to mend it.",
        );
        for kind in Kind::all() {
            let (slug, status) = (kind.slug(), kind.status().as_u16());
            self.raw(&format!("<h3 id=\"problem-{slug}\">{status} "));
            self.words(kind.title());
            self.raw("</h3>");
            self.paragraph(kind.mend());
        }
        self.raw("</section>");
    }

    fn schemas(&mut self, document: &Value) {
        self.raw("<section><h2 id=\"types\">Types</h2>");
        let all = document
            .pointer("/components/schemas")
            .and_then(Value::as_object);
        for (name, schema) in all.into_iter().flatten() {
            self.raw(&format!("<h3 id=\"type-{name}\">{name}</h3>"));
            self.paragraph(text(schema, "description"));
            let rows = fields(document, schema);
            if rows.is_empty() {
                self.raw("<p><code>");
                self.words(&words(schema));
                self.raw("</code></p>");
            } else {
                self.rows(&rows);
            }
        }
        self.raw("</section>");
    }

    fn rows(&mut self, rows: &[Field<'_>]) {
        self.raw("<table><thead><tr><th>Name<th>Type<th>Meaning</thead><tbody>");
        for row in rows {
            self.raw("<tr><td><code>");
            self.words(row.name);
            self.raw("</code>");
            if row.required {
                self.raw(" <span class=\"required\">required</span>");
            }
            self.raw("<td>");
            self.linked(&row.type_words, row.link);
            self.raw("<td>");
            self.words(row.description);
            self.raw("</tr>");
        }
        self.raw("</tbody></table>");
    }

    fn type_of(&mut self, schema: &Value) {
        self.linked(&words(schema), target(schema));
    }

    fn linked(&mut self, shown: &str, link: Option<&str>) {
        if let Some(name) = link {
            self.raw(&format!("<a href=\"#type-{name}\">"));
        }
        self.words(shown);
        if link.is_some() {
            self.raw("</a>");
        }
    }

    fn paragraph(&mut self, words: &str) {
        if !words.trim().is_empty() {
            self.raw("<p>");
            self.words(words);
            self.raw("</p>");
        }
    }

    /// Text, escaped; what stands between backticks is code.
    fn words(&mut self, words: &str) {
        for (ix, part) in words.split('`').enumerate() {
            let part = part
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let _ = match ix % 2 {
                0 => write!(self.0, "{part}"),
                _ => write!(self.0, "<code>{part}</code>"),
            };
        }
    }

    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let path = self.path.trim_matches('/').replace(['/', '{', '}'], "-");
        format!("{}-{path}", self.method)
    }
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            item.get(method).map(|value| Operation {
                method,
                path,
                value,
            })
        })
    })
}
