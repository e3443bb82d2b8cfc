//! A whole installation for one test: the real binary with its own store and ports, the sandbox's
//! providers over real sockets, and an app that receives webhooks. Ends with the test.

use crate::receiver::Receiver;
use holdline_sim::Sandbox;
use holdline_sim::config::{SandboxConfig, Secret, WhatsappConfig};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PHONE_ID: &str = "106540352242922";
pub(crate) const WABA_ID: &str = "102290129340398";
pub(crate) const APP_ID: &str = "670843887433847";
pub(crate) const APP_SECRET: &str = "app-secret";
pub(crate) const VERIFY_TOKEN: &str = "verify-token";
/// Another number, in installations that have two.
pub(crate) const SECOND_PHONE_ID: &str = "106540352242933";
/// Longest wait for anything in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// What differs from the ordinary installation.
pub(crate) struct Options {
    /// Lines for the configuration: whole sections, after the ordinary ones.
    pub(crate) sections: String,
    /// Lines for sections that exist already, by name.
    pub(crate) lines: Vec<(&'static str, String)>,
    pub(crate) sandbox: SandboxConfig,
    /// Environment of the server.
    pub(crate) env: Vec<(String, String)>,
    /// The app has a webhook address.
    pub(crate) webhooks: bool,
}

impl Default for Options {
    fn default() -> Self {
        let whatsapp = WhatsappConfig {
            throughput_per_s: 0,
            access_tokens: vec![Secret::new("sandbox-token")],
            ..WhatsappConfig::default()
        };
        Self {
            sections: String::new(),
            lines: Vec::new(),
            sandbox: SandboxConfig {
                whatsapp,
                ..SandboxConfig::default()
            },
            env: Vec::new(),
            webhooks: true,
        }
    }
}

impl Options {
    /// Adds a line to a section: `with("failover", "tries_max = 2")`.
    pub(crate) fn with(mut self, section: &'static str, line: &str) -> Self {
        self.lines.push((section, line.to_owned()));
        self
    }

    /// Adds a second number, of this account.
    pub(crate) fn with_second_sender(mut self, waba: &str) -> Self {
        let _ = writeln!(
            self.sections,
            "[[whatsapp.sender]]\nphone_number_id = \"{SECOND_PHONE_ID}\"\n\
             waba_id = \"{waba}\"\ndisplay_phone_number = \"15550783882\""
        );
        self
    }
}

pub(crate) struct Stack {
    pub(crate) url: String,
    /// `https://…`, where a TLS listener is configured.
    pub(crate) tls_url: Option<String>,
    pub(crate) token: String,
    pub(crate) phone_id: &'static str,
    pub(crate) waba_id: &'static str,
    pub(crate) app_id: &'static str,
    pub(crate) app_secret: &'static str,
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
    /// The app's webhook address, with everything it received.
    pub(crate) receiver: Receiver,
    pub(crate) folder: TempDir,
    address: SocketAddr,
    env: Vec<(String, String)>,
    server: Option<Child>,
    /// Servers beside it, which share its database.
    beside: BTreeMap<SocketAddr, Child>,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::start(APP_SECRET).await;
        let sandbox = Sandbox::start(options.sandbox.clone())
            .await
            .expect("the sandbox starts");
        let address = free_address();
        let text = config_text(&folder, address, &sandbox, &receiver, &options);
        std::fs::write(folder.path().join("holdline.toml"), text).expect("the configuration");
        let env = environment(&options);
        let mut stack = Self {
            url: format!("http://{address}"),
            tls_url: None,
            token: String::new(),
            phone_id: PHONE_ID,
            waba_id: WABA_ID,
            app_id: APP_ID,
            app_secret: APP_SECRET,
            sandbox,
            http: reqwest::Client::new(),
            receiver,
            folder,
            address,
            env,
            server: None,
            beside: BTreeMap::new(),
        };
        stack.serve().await;
        stack.token = stack.new_token("test", &[]);
        stack.webhooks_to(&stack.url);
        stack
    }

    /// The base of the addresses to which the providers post.
    pub(crate) fn webhooks_to(&self, base: &str) {
        self.sandbox
            .set_whatsapp_webhook(Some(format!("{base}/hooks/whatsapp")));
        self.sandbox
            .set_sms_inbound(Some(format!("{base}/hooks/sms")));
    }

    /// Starts the server (again) and waits until it is ready.
    pub(crate) async fn serve(&mut self) {
        let mut command = self.command(&["--json", "serve"]);
        command.envs([spool_of(self.address)]).stderr(self.log());
        self.server = Some(self.launch(command).await);
    }

    /// Starts another server of the same configuration, or the first one again as such.
    pub(crate) async fn serve_beside(&mut self, address: SocketAddr) {
        let mut command = self.command(&["--json", "serve"]);
        command
            .env("HOLDLINE_HTTP_LISTEN", address.to_string())
            .envs([spool_of(address)])
            .stderr(self.log());
        let server = self.launch(command).await;
        self.beside.insert(address, server);
    }

    /// kill -9 of the server at this address.
    pub(crate) fn kill_at(&mut self, address: SocketAddr) {
        match self.beside.remove(&address) {
            Some(server) => end(server),
            None => self.kill(),
        }
    }

    /// As [`serve`](Self::serve), with a limit on the size of every file it writes, as a full disk
    /// sets one. Its log comes by a pipe, which has no limit.
    pub(crate) async fn serve_limited(&mut self, file_kib_max: u32) {
        let limit = format!(
            "trap '' XFSZ; ulimit -S -f {}; exec \"$@\"",
            file_kib_max * 2
        );
        let server = [env!("CARGO_BIN_EXE_holdline"), "--json", "serve"];
        let mut command = self.command_of("/bin/sh", &["-c", &limit, "sh"]);
        command.args(server).stderr(Stdio::piped());
        self.server = Some(self.launch(command).await);
        let mut pipe = self
            .server
            .as_mut()
            .and_then(|it| it.stderr.take())
            .expect("its log");
        let mut log = self.log();
        std::thread::spawn(move || std::io::copy(&mut pipe, &mut log));
    }

    /// From now on there is room again, for the server that runs.
    pub(crate) fn lift_limit(&self) {
        let pid = self.server.as_ref().expect("a server").id().to_string();
        let mut prlimit = Command::new("prlimit");
        let done = prlimit.args(["--fsize=unlimited:", "--pid", &pid]).status();
        assert!(done.expect("prlimit").success());
    }

    /// Waits until it listens.
    async fn launch(&mut self, mut command: Command) -> Child {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdout = child.stdout.take().expect("its output");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(PATIENCE, line)
            .await
            .expect("in time")
            .expect("a thread");
        let line = line.expect("a line");
        if !line.contains("\"url\"") {
            end(child);
            panic!("the server said {line:?}:\n{}", self.log_text());
        }
        let said: Value = serde_json::from_str(&line).expect("JSON in one line");
        self.tls_url = said["tls_url"].as_str().map(str::to_owned);
        child
    }

    /// The log of the server so far.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// kill -9: nothing is said good-bye to.
    pub(crate) fn kill(&mut self) {
        self.server.take().into_iter().for_each(end);
    }

    /// A polite stop; gives the exit code and how long it took.
    pub(crate) async fn stop(&mut self) -> (Option<i32>, Duration) {
        let mut child = self.server.take().expect("a server");
        let begin = Instant::now();
        let pid = child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill");
        let status = tokio::task::spawn_blocking(move || child.wait())
            .await
            .expect("a thread");
        (status.expect("ended").code(), begin.elapsed())
    }

    /// Changes the environment of everything that is started from here on.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// A command line of the binary in this installation.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_holdline"), args)
    }

    fn command_of(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .args(args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("HOLDLINE_URL", &self.url);
        if !self.token.is_empty() {
            command.env("HOLDLINE_TOKEN", &self.token);
        }
        command
    }

    pub(crate) fn new_token(&self, name: &str, senders: &[&str]) -> String {
        let mut args = vec!["token", "create", "--name", name, "--app", APP_ID];
        senders
            .iter()
            .for_each(|sender| args.extend(["--sender", sender]));
        let output = self.command(&args).output().expect("token create");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "token create: {said}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// Posts a message as an app does; the message object without `messaging_product`.
    pub(crate) async fn post(&self, message: Value) -> reqwest::Response {
        let mut message = message;
        message["messaging_product"] = json!("whatsapp");
        self.http
            .post(format!("{}/v23.0/{PHONE_ID}/messages", self.url))
            .bearer_auth(&self.token)
            .json(&message)
            .send()
            .await
            .expect("an answer")
    }

    /// Sends a text and gives the id that the app was given.
    pub(crate) async fn send_text(&self, to: &str, text: &str) -> String {
        self.send(json!({"to": to, "type": "text", "text": {"body": text}}))
            .await
    }

    pub(crate) async fn send(&self, message: Value) -> String {
        let response = self.post(message).await;
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(status, 200, "{body}");
        body["messages"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// GET of our own API.
    pub(crate) async fn api(&self, path: &str) -> Value {
        let url = format!("{}/api/v1{path}", self.url);
        let response = self
            .http
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("answer");
        response.json().await.expect("JSON")
    }

    /// One message of our own API, by the id an app knows it by.
    pub(crate) async fn message(&self, wamid: &str) -> Value {
        self.api(&format!("/messages/{wamid}")).await
    }

    /// The state of the route of a channel: `up`, `down`, ...
    pub(crate) async fn health(&self, channel: &str) -> String {
        let routes = self.api("/routes").await;
        let found = routes["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| r["channel"] == channel);
        found.map_or_else(
            || format!("no {channel} in {routes}"),
            |route| route["health"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// What reached this person, as (channel, text), in order.
    pub(crate) fn received(&self, address: &str) -> Vec<(String, String)> {
        let rows = self.sandbox.ledger(0, 200_000);
        rows.into_iter()
            .filter(|row| digits(&row.address) == digits(address) || row.address == address)
            .map(|row| (format!("{:?}", row.channel).to_lowercase(), row.text))
            .collect()
    }

    pub(crate) fn outage(&self, profile: &str) {
        let order = holdline_sim::OutageOrder::new(profile);
        self.sandbox.start_outage(order).expect("a known profile");
    }

    pub(crate) fn mend(&self) {
        self.sandbox.stop_all_outages();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn log(&self) -> std::fs::File {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .expect("a log file")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let beside = std::mem::take(&mut self.beside);
        let servers = self.server.take().into_iter().chain(beside.into_values());
        servers.for_each(end);
        if std::thread::panicking() {
            eprintln!("--- server log ---\n{}", self.log_text());
        }
    }
}

/// kill -9.
fn end(mut server: Child) {
    let _ = server.kill();
    let _ = server.wait();
}

/// Waits until the condition gives something, or panics with `what`.
pub(crate) async fn until<T, F>(what: &str, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(
            Instant::now() < limit,
            "waited {PATIENCE:?} in vain: {what}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The same for a plain condition.
pub(crate) async fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || {
        let met = condition();
        async move { met.then_some(()) }
    })
    .await;
}

pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// An address for a server that keeps it over restarts: free now, and below the range from which
/// the system takes ports for everybody else.
pub(crate) fn free_address() -> SocketAddr {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    (0..1_000)
        .map(|_| 15_000 + RandomState::new().build_hasher().finish() % 16_000)
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .expect("a free port")
}

/// Each server has a spool of its own, which it finds again when it is started again.
fn spool_of(address: SocketAddr) -> (&'static str, String) {
    let folder = format!("data/spool-{}", address.port());
    ("HOLDLINE_STORAGE_SPOOL_DIR", folder)
}

fn environment(options: &Options) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = [
        ("HOLDLINE_WHATSAPP_APP_SECRET", APP_SECRET),
        ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", VERIFY_TOKEN),
        ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "sandbox-token"),
        ("HOLDLINE_SMS_AUTH_TOKEN", "sandbox-auth-token"),
        ("HOLDLINE_APP_0_SECRET", APP_SECRET),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    env.extend(options.env.clone());
    env
}

/// The section with this line in place of one that sets the same key.
fn with_line(lines: &str, line: &str) -> String {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let others = lines.lines().filter(|other| key(other) != key(line));
    let others: Vec<&str> = others.collect();
    format!("{}\n{line}", others.join("\n"))
}

fn config_text(
    folder: &TempDir,
    address: SocketAddr,
    sandbox: &Sandbox,
    receiver: &Receiver,
    options: &Options,
) -> String {
    let urls = sandbox.urls();
    let path: PathBuf = folder.path().join("data");
    let path = path.display();
    let callback = format!("callback_url = \"{}\"", receiver.url());
    let sections: [(&str, String); 9] = [
        (
            "storage",
            format!("url = \"sqlite:{path}/holdline.db\"\nmedia_dir = \"{path}/media\""),
        ),
        ("http", format!("listen = \"{address}\"")),
        ("net", "allow_private_networks = true".into()),
        (
            "whatsapp",
            format!("base_url = \"{}\"\ntimeout_ms = 2000", urls.whatsapp),
        ),
        (
            "[whatsapp.sender]",
            format!(
                "phone_number_id = \"{PHONE_ID}\"\nwaba_id = \"{WABA_ID}\"\n\
                 display_phone_number = \"15550783881\"\nverified_name = \"Shop\""
            ),
        ),
        (
            "sms",
            format!(
                "enabled = true\nbase_url = \"{}\"\n\
                 account_sid = \"AC0123456789abcdef0123456789abcdef\"\n\
                 from = \"+15005550006\"\nrate_per_s = 1000",
                urls.sms
            ),
        ),
        (
            "email",
            format!(
                "enabled = true\nhost = \"{}\"\nport = {}\ntls = \"none\"\n\
                 from = \"Shop <shop@example.com>\"\nrate_per_s = 1000",
                urls.smtp.ip(),
                urls.smtp.port()
            ),
        ),
        (
            "[app]",
            format!(
                "id = \"{APP_ID}\"\n{}",
                if options.webhooks { &callback } else { "" }
            ),
        ),
        ("failover", String::new()),
    ];
    let mut sections: Vec<(&str, String)> = sections.into();
    for (name, line) in &options.lines {
        match sections.iter_mut().find(|(known, _)| known == name) {
            Some((_, lines)) => *lines = with_line(lines, line),
            None => sections.push((name, line.clone())),
        }
    }
    let mut text = String::new();
    for (name, lines) in &sections {
        let _ = writeln!(text, "[{name}]\n{lines}");
    }
    text + &options.sections
}
