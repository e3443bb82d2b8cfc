//! A private Postfix for one test: STARTTLS with a certificate of its own, AUTH and greylisting by
//! scripted services, relaying to the sandbox's mailboxes. Ends with the test.

use super::services::{AuthService, PolicyService};
use crate::stack::{Stack, free_address, until};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const POSTFIX: &str = "/usr/sbin/postfix";
/// Mailboxes that exist behind the relay.
const KNOWN: [&str; 2] = ["ann@people.test", "slow@people.test"];
const SERVICES: &str = "\
pickup    unix  n  -  n  60   1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
tlsmgr    unix  -  -  n  1000? 1 tlsmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
flush     unix  n  -  n  1000? 0 flush
proxymap  unix  -  -  n  -    -  proxymap
smtp      unix  -  -  n  -    -  smtp
relay     unix  -  -  n  -    -  smtp
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
anvil     unix  -  -  n  -    1  anvil
scache    unix  -  -  n  -    1  scache
postlog   unix-dgram n - n -  1  postlogd
";

/// What a mail client must know before the server runs.
pub(super) struct Certificate {
    folder: TempDir,
    pub(super) address: SocketAddr,
}

impl Certificate {
    pub(super) fn new() -> Self {
        assert!(
            Path::new(POSTFIX).exists(),
            "Postfix is missing: run scripts/test.sh"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate");
        let write = |name, text: String| std::fs::write(folder.path().join(name), text);
        write("certificate.pem", made.cert.pem()).expect("written");
        write("key.pem", made.signing_key.serialize_pem()).expect("written");
        // Its processes run as another user and come through here.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("permissions");
        Self {
            folder,
            address: free_address(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }
}

pub(super) struct Postfix {
    certificate: Certificate,
    pub(super) auth: AuthService,
    pub(super) policy: PolicyService,
}

impl Postfix {
    /// Starts the server in front of the stack's mailboxes.
    pub(super) async fn start(certificate: Certificate, stack: &Stack) -> Self {
        let auth = AuthService::start("shop", "correct horse").await;
        let policy = PolicyService::start().await;
        let postfix = Self {
            certificate,
            auth,
            policy,
        };
        let folder = postfix.folder();
        for name in ["queue", "data"] {
            std::fs::create_dir(folder.join(name)).expect("a folder");
        }
        run(Command::new("chown")
            .arg("postfix")
            .arg(folder.join("data")));
        let main = postfix.main_cf(stack.sandbox.urls().smtp);
        std::fs::write(folder.join("main.cf"), main).expect("main.cf");
        let smtpd = format!("{} inet n - n - - smtpd\n", postfix.certificate.address);
        std::fs::write(folder.join("master.cf"), smtpd + SERVICES).expect("master.cf");
        run(&mut postfix.command("start"));
        until("Postfix greets", || async {
            greets(postfix.certificate.address).await
        })
        .await;
        postfix
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("mail.log")).unwrap_or_default()
    }

    fn folder(&self) -> &Path {
        self.certificate.folder.path()
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(POSTFIX);
        command
            .arg("-c")
            .arg(self.folder())
            .arg(what)
            .stdin(Stdio::null());
        command
    }

    fn main_cf(&self, mailboxes: SocketAddr) -> String {
        let folder = self.folder().display();
        let (auth, policy) = (self.auth.address, self.policy.address);
        let known: String = KNOWN
            .iter()
            .map(|address| format!("{{{address} = known}} "))
            .collect();
        format!(
            "compatibility_level = 3.6\n\
             queue_directory = {folder}/queue\n\
             data_directory = {folder}/data\n\
             maillog_file = {folder}/mail.log\n\
             maillog_file_prefixes = {folder}\n\
             myhostname = mx.test\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             mydestination =\n\
             mynetworks =\n\
             alias_maps =\n\
             alias_database =\n\
             local_recipient_maps =\n\
             smtpd_peername_lookup = no\n\
             smtp_dns_support_level = disabled\n\
             relay_domains = people.test\n\
             relay_recipient_maps = inline:{{ {known} }}\n\
             transport_maps = inline:{{ {{people.test = smtp:[127.0.0.1]:{port}}} }}\n\
             smtpd_tls_security_level = encrypt\n\
             smtpd_tls_cert_file = {folder}/certificate.pem\n\
             smtpd_tls_key_file = {folder}/key.pem\n\
             smtpd_sasl_auth_enable = yes\n\
             smtpd_sasl_type = dovecot\n\
             smtpd_sasl_path = inet:{auth}\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
             smtpd_recipient_restrictions = check_policy_service inet:{policy},\n \
             permit_sasl_authenticated, reject\n",
            port = mailboxes.port(),
        )
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = self
            .command("stop")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if std::thread::panicking() {
            eprintln!("--- mail log ---\n{}", self.log());
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

async fn greets(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let mut start = [0; 4];
    stream.read_exact(&mut start).await.ok()?;
    (&start == b"220 ").then_some(())
}
