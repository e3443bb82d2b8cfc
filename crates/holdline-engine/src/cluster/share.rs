//! Which leases a node takes and gives back, from what it sees of the others. Pure: two nodes that
//! see the same agree, and where they race the store lets one of them win.

use crate::ports::cluster::{ClusterView, Lease, LeaseRecord, PARTITIONS, Partition, Partitions};

/// What one beat is to ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) take: Vec<Lease>,
    /// To be drained first, then given back.
    pub(crate) give: Partitions,
    /// Nodes that live, this one too.
    pub(crate) nodes: usize,
}

/// Partitions are shared evenly: nobody holds more than the even share, rounded up, and whoever has
/// fewer takes what is free. Other leases stay where they are: a detector knows what it has seen.
pub(crate) fn plan(view: &ClusterView, me: &str, others_wanted: &[Lease]) -> Plan {
    let lives = |node: &str| {
        view.nodes
            .iter()
            .any(|it| it.node == node && it.until > view.now)
    };
    let others = view
        .nodes
        .iter()
        .filter(|it| it.node != me && it.until > view.now);
    let nodes = others.count() + 1;
    let share = usize::from(PARTITIONS).div_ceil(nodes);
    let mine: Vec<Partition> = partitions(view, |it| it.node == me).collect();
    let is_free = |it: &LeaseRecord| it.node.is_empty() || it.until <= view.now || !lives(&it.node);
    let held = |lease: &Lease| {
        let record = view.leases.iter().find(|it| it.lease == *lease);
        record.is_some_and(|it| it.node == me || !is_free(it))
    };
    let free = Partition::all()
        .map(Lease::Partition)
        .filter(|it| !held(it));
    let mut take: Vec<Lease> = free.take(share.saturating_sub(mine.len())).collect();
    take.extend(others_wanted.iter().filter(|it| !held(it)));
    Plan {
        take,
        give: mine.into_iter().skip(share).collect(),
        nodes,
    }
}

fn partitions(
    view: &ClusterView,
    of: impl Fn(&LeaseRecord) -> bool,
) -> impl Iterator<Item = Partition> {
    let held = view.leases.iter().filter(move |it| of(it));
    held.filter_map(|it| match it.lease {
        Lease::Partition(partition) => Some(partition),
        Lease::Health(_) | Lease::Upkeep => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::cluster::NodeRecord;
    use holdline_core::Timestamp;

    const NOW: Timestamp = Timestamp(1_000);

    /// Nodes with the partitions each holds; one whose name ends in `!` is dead.
    fn view(nodes: &[(&str, std::ops::Range<u8>)]) -> ClusterView {
        let until = |node: &str| NOW.plus_ms(if node.ends_with('!') { 0 } else { 5_000 });
        let leases = nodes.iter().flat_map(|(node, range)| {
            range
                .clone()
                .filter_map(Partition::new)
                .map(|partition| LeaseRecord {
                    lease: Lease::Partition(partition),
                    node: (*node).to_owned(),
                    epoch: 1,
                    until: until(node),
                })
        });
        let records = nodes.iter().map(|(node, _)| NodeRecord {
            node: (*node).to_owned(),
            url: String::new(),
            until: until(node),
        });
        ClusterView {
            now: NOW,
            nodes: records.collect(),
            leases: leases.collect(),
        }
    }

    fn check(nodes: &[(&str, std::ops::Range<u8>)], takes: usize, gives: usize) {
        let plan = plan(&view(nodes), "a", &[]);
        assert_eq!(
            (plan.take.len(), plan.give.len()),
            (takes, gives),
            "{nodes:?}"
        );
    }

    #[test]
    fn partitions_are_shared_evenly() {
        check(&[], 64, 0);
        check(&[("a", 0..64)], 0, 0);
        check(&[("a", 0..64), ("b", 0..0)], 0, 32);
        check(&[("a", 0..0), ("b", 0..64)], 0, 0);
        check(&[("a", 0..0), ("b", 0..32)], 32, 0);
        check(&[("a", 0..22), ("b", 22..44), ("c", 44..64)], 0, 0);
        check(&[("a", 0..22), ("b", 22..44), ("c!", 44..64)], 10, 0);
        check(&[("a", 0..64), ("b", 0..0), ("c", 0..0)], 0, 42);
    }

    #[test]
    fn other_leases_are_taken_when_free_and_never_given() {
        let mut seen = view(&[("a", 0..64), ("b", 0..0)]);
        let wanted = [Lease::Upkeep];
        assert_eq!(plan(&seen, "a", &wanted).take, wanted);
        seen.leases.push(LeaseRecord {
            lease: Lease::Upkeep,
            node: String::from("b"),
            epoch: 3,
            until: NOW.plus_ms(1),
        });
        assert_eq!(plan(&seen, "a", &wanted).take, []);
        assert_eq!(plan(&seen, "a", &wanted).nodes, 2);
        seen.now = NOW.plus_ms(1);
        assert_eq!(plan(&seen, "a", &wanted).take, wanted);
    }
}
