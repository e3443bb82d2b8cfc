//! The limit of open files: each connection takes one, and with none left the server could reach
//! neither providers nor its own database. Raises the limit as far as the system lets it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: the database, media, connections to providers and apps.
const OTHERS: u64 = 1_024;

/// Makes room for so many connections; says so when there is less.
pub(crate) fn make_room(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let wanted = wanted.saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(limit, wanted) else {
        return;
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    if now.is_some_and(|now| now < wanted) {
        tracing::warn!(
            allowed = now,
            wanted,
            "fewer open files are allowed than connections may need: raise the limit \
             (LimitNOFILE, ulimit -n), or lower http.connections_max"
        );
    }
}

/// The limit to be set, where the present one is too low.
fn raised(limit: Rlimit, wanted: u64) -> Option<Rlimit> {
    let current = limit.current.filter(|current| *current < wanted)?;
    let possible = limit.maximum.map_or(wanted, |most| wanted.min(most));
    Some(Rlimit {
        current: Some(current.max(possible)),
        maximum: limit.maximum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(current: Option<u64>, maximum: Option<u64>, expect: Option<u64>) {
        let raised = raised(Rlimit { current, maximum }, 5_000);
        assert_eq!(raised.and_then(|it| it.current), expect);
        assert!(raised.is_none_or(|it| it.maximum == maximum));
    }

    #[test]
    fn the_limit_is_raised_to_what_is_needed_and_never_lowered() {
        check(Some(1_024), Some(500_000), Some(5_000));
        check(Some(1_024), None, Some(5_000));
        check(Some(1_024), Some(4_096), Some(4_096));
        check(Some(6_000), Some(6_000), None);
        check(None, None, None);
    }

    #[test]
    fn this_process_gets_room_for_a_few_more() {
        let before = getrlimit(Resource::Nofile);
        make_room(64);
        let after = getrlimit(Resource::Nofile);
        assert!(
            before
                .current
                .is_none_or(|it| after.current.is_none_or(|now| now >= it))
        );
    }
}
