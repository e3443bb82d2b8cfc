//! A call understood: version dropped, node and edge found, parameters read, token looked up.
//! Never answers anything itself.

use serde_json::Value;

use super::graph_error::GraphError;
use crate::outage::Subject;
use crate::providers::{ApiRequest, Params};
use crate::text::{canonical, is_user_id};
use crate::world::World;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Number(String),
    Waba(String),
    App,
    Template(u64),
    Media(String),
    Download,
    OAuth,
    Unknown(String),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) now_ms: u64,
    pub(crate) method: http::Method,
    pub(crate) node: Node,
    pub(crate) edge: String,
    pub(crate) params: Params,
    /// Path and query as asked, without the version, for `paging.next`.
    pub(crate) path: String,
    token: Token,
    waba_id: Option<String>,
    message_type: Option<String>,
    category: Option<String>,
    address: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Missing,
    Unknown,
    App,
    Known(usize),
}

impl Call {
    pub(crate) fn of(world: &World, request: &ApiRequest, now_ms: u64) -> Self {
        let params = Params::of(request);
        let mut segments = request
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .peekable();
        if segments.peek().is_some_and(|first| is_version(first)) {
            segments.next();
        }
        let first = segments.next().unwrap_or_default().to_owned();
        let edge = segments.collect::<Vec<_>>().join("/");
        let node = find_node(world, &first, &edge);
        let mut call = Self {
            now_ms,
            method: request.method.clone(),
            node,
            edge,
            token: token_of(world, request, &params),
            params,
            path: request.path.trim_matches('/').to_owned(),
            waba_id: None,
            message_type: None,
            category: None,
            address: None,
        };
        call.describe(world);
        call
    }

    /// Whether this call tries to send a message (and not to mark one as read).
    pub(crate) fn is_send(&self) -> bool {
        let edge = matches!(self.edge.as_str(), "messages" | "marketing_messages");
        edge && self.method == http::Method::POST && !self.params.values.contains_key("status")
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            phone_number_id: self.number_id(),
            waba_id: self.waba_id.as_deref(),
            message_type: self.message_type.as_deref(),
            category: self.category.as_deref(),
            address: self.address.as_deref(),
            token: match self.token {
                Token::Known(place) => Some(place),
                Token::Missing | Token::Unknown | Token::App => None,
            },
        }
    }

    pub(crate) fn number_id(&self) -> Option<&str> {
        match &self.node {
            Node::Number(id) => Some(id),
            Node::Waba(_)
            | Node::App
            | Node::Template(_)
            | Node::Media(_)
            | Node::Download
            | Node::OAuth
            | Node::Unknown(_) => None,
        }
    }

    pub(crate) fn endpoint(&self) -> &'static str {
        const EDGES: &[&str] = &[
            "messages",
            "marketing_messages",
            "media",
            "message_templates",
            "phone_numbers",
            "subscribed_apps",
            "subscriptions",
            "whatsapp_business_profile",
            "message_history",
            "register",
            "deregister",
        ];
        let edge = EDGES.iter().copied().find(|edge| *edge == self.edge);
        match (&self.node, edge) {
            (Node::OAuth, _) => "oauth/access_token",
            (Node::Download, _) => "media download",
            (_, Some(edge)) => edge,
            (Node::Number(_), None) if self.edge.is_empty() => "phone number",
            (Node::Template(_), None) if self.edge.is_empty() => "template",
            (Node::Media(_), None) if self.edge.is_empty() => "media info",
            (_, None) => "other",
        }
    }

    pub(crate) fn refuse_token(&self) -> Option<GraphError> {
        match self.token {
            Token::Known(_) => None,
            Token::App if self.node == Node::App => None,
            Token::Missing => Some(GraphError::no_token()),
            Token::Unknown | Token::App => Some(GraphError::bad_token()),
        }
    }

    pub(crate) fn refuse_json(&self) -> Option<GraphError> {
        self.params.bad_json.then(|| {
            GraphError::invalid("Invalid parameter").details("the body is not a JSON object")
        })
    }

    fn describe(&mut self, world: &World) {
        self.waba_id = match &self.node {
            Node::Number(id) => world.whatsapp.number(id).map(|s| s.number.waba_id.clone()),
            Node::Waba(id) => Some(id.clone()),
            Node::App
            | Node::Template(_)
            | Node::Media(_)
            | Node::Download
            | Node::OAuth
            | Node::Unknown(_) => None,
        };
        if matches!(self.node, Node::Media(_) | Node::Download) || self.edge == "media" {
            self.message_type = Some("media".into());
        }
        if self.is_send() {
            self.describe_send(world);
        }
    }

    fn describe_send(&mut self, world: &World) {
        let kind = self
            .params
            .text("type")
            .unwrap_or("text")
            .to_ascii_lowercase();
        self.address = recipient(world, &self.params).map(|(address, _)| address);
        self.category = self.template_category(world);
        self.message_type = Some(kind);
    }

    fn template_category(&self, world: &World) -> Option<String> {
        let template = self.params.values.get("template")?;
        let name = template.get("name")?.as_str()?;
        let language = template.get("language")?.get("code")?.as_str()?;
        let found = world
            .whatsapp
            .template(self.waba_id.as_deref()?, name, language)?;
        Some(found.category.to_ascii_lowercase())
    }
}

/// Whom a send is for: canonical address, and whether it was addressed by user id.
pub(crate) fn recipient(world: &World, params: &Params) -> Option<(String, bool)> {
    let given = |name: &str| {
        params
            .values
            .get(name)
            .and_then(text_or_number)
            .filter(|text| !text.trim().is_empty())
    };
    if let Some(to) = given("to").filter(|to| !is_user_id(to)) {
        return Some((canonical(&to), false)).filter(|(address, _)| !address.is_empty());
    }
    let user_id = given("recipient").or_else(|| given("to"))?;
    let phone = world.people.phone_of(&user_id).map(str::to_owned);
    Some((phone.unwrap_or_else(|| canonical(&user_id)), true))
}

fn text_or_number(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_u64().map(|n| n.to_string()))
}

fn is_version(segment: &str) -> bool {
    let Some((major, minor)) = segment
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    number(major) && number(minor)
}

fn find_node(world: &World, first: &str, edge: &str) -> Node {
    let state = &world.whatsapp;
    if (first, edge) == ("oauth", "access_token") {
        return Node::OAuth;
    }
    if (first, edge) == ("whatsapp_business", "attachments") {
        return Node::Download;
    }
    if state.number(first).is_some() {
        return Node::Number(first.to_owned());
    }
    if state.wabas.contains_key(first) {
        return Node::Waba(first.to_owned());
    }
    if first == world.config.whatsapp.app_id {
        return Node::App;
    }
    if state.media.get(first).is_some() {
        return Node::Media(first.to_owned());
    }
    let template = first
        .parse()
        .ok()
        .filter(|id| state.templates.iter().any(|t| t.id == *id));
    template.map_or_else(|| Node::Unknown(first.to_owned()), Node::Template)
}

/// The query wins over the header, as clients that send both expect.
fn token_of(world: &World, request: &ApiRequest, params: &Params) -> Token {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let Some(given) = params
        .text("access_token")
        .or(bearer)
        .filter(|token| !token.is_empty())
    else {
        return Token::Missing;
    };
    let config = &world.config.whatsapp;
    let known = config
        .access_tokens
        .iter()
        .position(|token| token.expose() == given);
    if let Some(place) = known {
        return Token::Known(place);
    }
    let is_app =
        given.split_once('|') == Some((config.app_id.as_str(), config.app_secret.expose()));
    if is_app { Token::App } else { Token::Unknown }
}
