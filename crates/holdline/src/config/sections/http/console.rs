//! The console: pages for people, at `/console/`.

use crate::config::reader::Reader;
use crate::config::section::section;
use url::Url;

section! {
    /// The console: pages for people, at `/console/`.
    Console at "console" many false {
        /// Serve it.
        enabled: bool = true;
        /// A session ends so long after the sign-in.
        session_max_h: u64 = 12, 1 to 720;
        /// And so long after it was last used.
        session_idle_min: u64 = 60, 5 to 43_200;
        /// Control of a sandbox that stands for the providers: the console shows a panel to break
        /// and mend them. Only an address of this machine.
        sandbox_url: Option<Url>;
    }
}

impl Console {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let Some(url) = &self.sandbox_url else { return };
        let local = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if !local || url.scheme() != "http" {
            let mend = "give the control address that `holdline sandbox` prints";
            reader.fault(
                &["console.sandbox_url"],
                "is no http address of this machine",
                mend,
            );
        }
    }

    pub(crate) const fn session_max_ms(&self) -> u64 {
        self.session_max_h * 3_600_000
    }

    pub(crate) const fn session_idle_ms(&self) -> u64 {
        self.session_idle_min * 60_000
    }
}
