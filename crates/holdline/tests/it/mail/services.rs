//! The two services that a Postfix asks: who may sign in (in the protocol of Dovecot), and whether
//! a recipient is taken now (policy delegation). Each answers as scripted and counts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

type Reading = Lines<BufReader<OwnedReadHalf>>;

/// Knows one name and its password.
pub(super) struct AuthService {
    pub(super) address: SocketAddr,
    signed_in: Arc<AtomicU32>,
    refused: Arc<AtomicU32>,
}

impl AuthService {
    pub(super) async fn start(name: &str, password: &str) -> Self {
        let expected = format!("\0{name}\0{password}").into_bytes();
        let (signed_in, refused) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counts = (Arc::clone(&signed_in), Arc::clone(&refused));
        let address = listen(move |lines, out| {
            let (expected, counts) = (expected.clone(), counts.clone());
            async move {
                authenticate(lines, out, &expected, &counts)
                    .await
                    .unwrap_or_default()
            }
        })
        .await;
        Self {
            address,
            signed_in,
            refused,
        }
    }

    pub(super) fn signed_in(&self) -> u32 {
        self.signed_in.load(Ordering::SeqCst)
    }

    pub(super) fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }
}

async fn authenticate(
    mut lines: Reading,
    mut out: OwnedWriteHalf,
    expected: &[u8],
    (signed_in, refused): &(Arc<AtomicU32>, Arc<AtomicU32>),
) -> std::io::Result<()> {
    let hello = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n\
                 COOKIE\t00112233445566778899aabbccddeeff\nDONE\n";
    out.write_all(hello.as_bytes()).await?;
    while let Some(line) = lines.next_line().await? {
        let fields: Vec<_> = line.split('\t').collect();
        if fields.first() != Some(&"AUTH") {
            continue;
        }
        let given = fields.iter().find_map(|field| field.strip_prefix("resp="));
        let given = given
            .and_then(|text| STANDARD.decode(text).ok())
            .unwrap_or_default();
        let id = fields.get(1).copied().unwrap_or_default();
        let (count, answer) = if fields.get(2) == Some(&"PLAIN") && given == expected {
            (signed_in, format!("OK\t{id}\tuser=shop\n"))
        } else {
            (refused, format!("FAIL\t{id}\tuser=shop\n"))
        };
        count.fetch_add(1, Ordering::SeqCst);
        out.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Answers for each recipient with what was scripted for it, then takes it.
pub(super) struct PolicyService {
    pub(super) address: SocketAddr,
    script: Script,
}

type Script = Arc<Mutex<BTreeMap<String, Vec<&'static str>>>>;

impl PolicyService {
    pub(super) async fn start() -> Self {
        let script = Script::default();
        let answers = Arc::clone(&script);
        let address = listen(move |lines, out| {
            let answers = Arc::clone(&answers);
            async move { decide(lines, out, &answers).await.unwrap_or_default() }
        })
        .await;
        Self { address, script }
    }

    /// What this recipient's next mails are answered with, one each.
    pub(super) fn answer_with(&self, recipient: &str, actions: &[&'static str]) {
        let actions = actions.iter().rev().copied().collect();
        self.script
            .lock()
            .expect("no panic")
            .insert(recipient.to_owned(), actions);
    }

    pub(super) fn left(&self, recipient: &str) -> usize {
        self.script
            .lock()
            .expect("no panic")
            .get(recipient)
            .map_or(0, Vec::len)
    }
}

async fn decide(
    mut lines: Reading,
    mut out: OwnedWriteHalf,
    script: &Script,
) -> std::io::Result<()> {
    let mut recipient = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(given) = line.strip_prefix("recipient=") {
            recipient = given.to_owned();
        }
        if line.is_empty() {
            let next = script
                .lock()
                .expect("no panic")
                .get_mut(&recipient)
                .and_then(Vec::pop);
            let answer = format!("action={}\n\n", next.unwrap_or("dunno"));
            out.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}

/// Serves every connection on a free port, each in a task of its own.
async fn listen<F>(serve: impl Fn(Reading, OwnedWriteHalf) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_one(stream, &serve));
        }
    });
    address
}

fn serve_one<F>(stream: TcpStream, serve: &impl Fn(Reading, OwnedWriteHalf) -> F) -> F {
    let (read, write) = stream.into_split();
    serve(BufReader::new(read).lines(), write)
}
