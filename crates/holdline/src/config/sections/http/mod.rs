//! How Holdline is reached, and what it may reach on behalf of apps.

mod console;

pub(crate) use console::Console;

use crate::config::reader::Reader;
use crate::config::section::section;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

section! {
    /// How Holdline is reached.
    Http at "http" many false {
        /// Address for plain HTTP.
        listen: SocketAddr = "127.0.0.1:8080";
        /// How the world reaches this server: used in media links and webhook addresses.
        /// Unset: `http://` and the address above.
        public_url: Option<Url>;
        /// Address for HTTPS. The certificate may name graph.facebook.com, so that clients with a
        /// fixed host name can be moved by DNS alone.
        tls_listen: Option<SocketAddr>;
        /// Certificate chain, PEM. Read again when it changes, without a restart.
        tls_certificate: Option<PathBuf>;
        /// Private key of the certificate, PEM.
        tls_key: Option<PathBuf>;
        /// Largest request body; media uploads have the provider's own limits instead.
        body_max_bytes: usize = 1_048_576, 65_536 to 104_857_600;
        /// Longest time for one request; uploads of media and lists of contacts take as long as
        /// they move.
        request_timeout_ms: u64 = 10_000, 100 to 600_000;
        /// Longest wait for the head of a request, also of the next one on the same connection, and
        /// for a TLS handshake.
        header_timeout_ms: u64 = 10_000, 100 to 120_000;
        /// Largest head of a request.
        head_max_bytes: usize = 65_536, 8_192 to 1_048_576;
        /// Most headers of a request.
        headers_max: usize = 100, 16 to 1_000;
        /// A body that comes more slowly than this on average, after a wait of header_timeout_ms,
        /// is given up. 0 lets it take its time.
        body_min_bytes_per_s: u64 = 1_024, 0 to 1_000_000_000;
        /// A connection on which nothing moves for so long is closed.
        idle_timeout_ms: u64 = 75_000, 1_000 to 3_600_000;
        /// Most connections at a time on each listener; further ones get 503, or by TLS the end.
        connections_max: usize = 4096, 1 to 1_000_000;
        /// Most of them from one address (IPv6: one /64). Behind a proxy all come from one: set it
        /// to connections_max there.
        connections_per_address_max: usize = 1024, 1 to 1_000_000;
        /// Proxies in front of Holdline, by address or network: what they say in X-Forwarded-For of
        /// whom they were called by is believed, for sign-ins to the console and its audit.
        trusted_proxies: Vec<IpNet>;
    }
}

section! {
    /// What Holdline may reach on behalf of apps, and how it presents itself.
    Net at "net" many false {
        /// Let apps name addresses (callbacks, media links) inside private networks.
        allow_private_networks: bool = false;
        /// `User-Agent` of our requests.
        user_agent: String = "Holdline";
        /// Certificate authorities to trust in outgoing connections in place of the system's, PEM.
        ca_certificates: Option<PathBuf>;
    }
}

impl Http {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let keys = ["http.tls_listen", "http.tls_certificate", "http.tls_key"];
        let set = [
            self.tls_listen.is_some(),
            self.tls_certificate.is_some(),
            self.tls_key.is_some(),
        ];
        for (key, _) in keys
            .iter()
            .zip(set)
            .filter(|(_, given)| !given && set.contains(&true))
        {
            let mend = "set http.tls_listen, http.tls_certificate and http.tls_key together";
            reader.fault(
                &[key, keys[0], keys[1], keys[2]],
                "is missing for TLS",
                mend,
            );
        }
        let same = self.listen.port() != 0 && self.tls_listen == Some(self.listen);
        if same {
            let mend = "give plain HTTP and TLS a port each";
            reader.fault(&[keys[0]], "is the address of http.listen too", mend);
        }
    }

    /// The address that others use, without a slash at its end.
    pub(crate) fn public_base(&self, listening: SocketAddr) -> String {
        let given = self
            .public_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').into());
        given.unwrap_or_else(|| format!("http://{listening}"))
    }
}

impl Net {
    pub(crate) fn check(&self, reader: &mut Reader) {
        if !self
            .user_agent
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte))
        {
            let mend = "use plain ASCII text";
            reader.fault(
                &["net.user_agent"],
                "holds characters that a header cannot",
                mend,
            );
        }
    }
}
