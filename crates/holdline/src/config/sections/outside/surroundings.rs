//! By what we tell that our own network is at fault.

use super::super::{Email, Sms, Whatsapp};
use super::{is_local, is_local_host};
use crate::config::reader::Reader;
use crate::config::section::section;
use std::net::SocketAddr;
use url::Url;

/// Of different operators, so that one of them failing says nothing of us.
const CONTROL_HOSTS: [&str; 2] = ["https://one.one.one.one/", "https://www.wikipedia.org/"];
const RESOLVERS: [&str; 2] = ["1.1.1.1:53", "9.9.9.9:53"];
/// Most of each.
const PEERS_MAX: usize = 8;
/// Where the real Cloud API is.
const META: &str = "graph.facebook.com";

section! {
    /// By what Holdline tells its own network's faults from the provider's: when these hosts, which
    /// have nothing to do with any provider, are silent as well, no provider is blamed.
    Surroundings at "surroundings" many false {
        /// URLs of control hosts; any HTTP answer will do. Unset: https://one.one.one.one/ and
        /// https://www.wikipedia.org/, but none where the provider's own address is an IP address
        /// or this machine. An empty list: no control hosts.
        control_hosts: Option<Vec<String>>;
        /// Name servers asked for the provider's name beside the system's. Unset: 1.1.1.1:53 and
        /// 9.9.9.9:53, but none where the provider's own address is an IP address.
        resolvers: Option<Vec<String>>;
        /// Longest wait for each of them.
        timeout_ms: u32 = 3_000, 100 to 30_000;
        /// How often the control hosts are looked at while all is well, so that their later
        /// silence means something.
        look_every_s: u64 = 60, 1 to 86_400;
        /// Follow Meta's own status page, as the feed `metastatus`, where WhatsApp is reached at
        /// graph.facebook.com.
        metastatus: bool = true;
    }
}

impl Surroundings {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let hosts = self.control_hosts.iter().flatten();
        for host in hosts.filter(|host| web_url(host).is_none()) {
            let what = format!("names `{host}`, no web address");
            let mend = "write URLs such as https://www.example.org/";
            reader.fault(&["surroundings.control_hosts"], what, mend);
        }
        let resolvers = self.resolvers.iter().flatten();
        for at in resolvers.filter(|at| at.parse::<SocketAddr>().is_err()) {
            let what = format!("names `{at}`, no address with a port");
            let mend = "write addresses such as 192.0.2.53:53";
            reader.fault(&["surroundings.resolvers"], what, mend);
        }
        for (key, list) in [
            ("surroundings.control_hosts", &self.control_hosts),
            ("surroundings.resolvers", &self.resolvers),
        ] {
            if list.as_ref().is_some_and(|list| list.len() > PEERS_MAX) {
                let mend = format!("name at most {PEERS_MAX}");
                reader.fault(&[key], "names too many", &mend);
            }
        }
    }

    /// The control hosts in force; `remote`: a provider is out on the internet.
    pub(crate) fn controls(&self, remote: bool) -> Vec<Url> {
        let named = in_force(self.control_hosts.as_deref(), &CONTROL_HOSTS, remote);
        named.iter().filter_map(|host| web_url(host)).collect()
    }

    /// The name servers in force.
    pub(crate) fn resolvers(&self, remote: bool) -> Vec<SocketAddr> {
        let named = in_force(self.resolvers.as_deref(), &RESOLVERS, remote);
        named.iter().filter_map(|at| at.parse().ok()).collect()
    }
}

/// Whether the provider that matters most is out on the internet: only then do we ask others there.
pub(crate) fn is_remote(whatsapp: Option<&Whatsapp>, sms: &Sms, email: &Email) -> bool {
    if let Some(whatsapp) = whatsapp {
        return !is_local(&whatsapp.base_url);
    }
    let by_mail = email.host.as_deref().filter(|_| email.enabled);
    (sms.enabled && !is_local(&sms.base_url)) || by_mail.is_some_and(|host| !is_local_host(host))
}

/// It is Meta itself, not a stand-in for it.
pub(crate) fn is_meta(whatsapp: &Whatsapp) -> bool {
    whatsapp.base_url.host_str() == Some(META)
}

fn in_force(set: Option<&[String]>, usual: &[&str], remote: bool) -> Vec<String> {
    let usual = || usual.iter().map(|&it| it.to_owned()).collect();
    match set {
        Some(set) => set.to_vec(),
        None if remote => usual(),
        None => Vec::new(),
    }
}

fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}
