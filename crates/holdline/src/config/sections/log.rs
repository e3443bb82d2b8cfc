//! What Holdline writes about itself.

use crate::config::field::choice;
use crate::config::reader::Reader;
use crate::config::section::section;
use tracing_subscriber::EnvFilter;

choice! {
    /// The form of log lines.
    LogFormat {
        /// Text on a terminal, JSON otherwise.
        Auto = "auto",
        Text = "text",
        Json = "json",
    }
    "auto, text or json"
}

section! {
    /// What Holdline writes about itself.
    Log at "log" many false {
        /// error, warn, info, debug or trace; also by module: `info,holdline=debug`.
        /// HOLDLINE_LOG is a short name of the variable.
        level: String = "info";
        /// auto (text on a terminal, JSON otherwise), text or json.
        format: LogFormat = "auto";
    }
}

impl Log {
    pub(crate) fn check(&self, reader: &mut Reader) {
        if EnvFilter::try_new(&self.level).is_err() {
            let mend = "write error, warn, info, debug or trace, or MODULE=LEVEL with commas";
            reader.fault(&["log.level"], "is no log level", mend);
        }
    }
}
