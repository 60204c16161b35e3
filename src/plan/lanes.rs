//! What of a plan may go side by side.

use super::{Action, Kind, Plan, Verb, Work};
use crate::steps::Step;

/// Two rows of stretches, each row in its order, that do not wait for one another.
#[derive(Debug, Default)]
pub struct Lanes<'a> {
    /// The row that is always there.
    pub main: Vec<&'a [Action]>,
    /// What goes beside it.
    pub beside: Vec<&'a [Action]>,
}

impl Lanes<'_> {
    /// Whether all of it takes away.
    pub fn removes(&self) -> bool {
        let mut stretches = self.main.iter().chain(&self.beside);
        stretches.all(|stretch| stretch.iter().all(removes))
    }
}

impl Plan {
    /// The plan in parts that are done one after the other.
    ///
    /// libvirt takes its time for a network, and most of it is waiting: networks are made beside the image, the disks
    /// and the definitions, which need none before their start, and removed beside the disks of domains that are gone.
    pub fn lanes(&self) -> Vec<Lanes<'_>> {
        let mut parts = Vec::new();
        let mut stretches = self.stretches().peekable();
        while let Some(stretch) = stretches.next() {
            let mut lanes = Lanes {
                main: vec![stretch],
                ..Lanes::default()
            };
            while let Some(next) = stretches.next_if(|next| goes_beside(stretch, next)) {
                lanes.beside.push(next);
            }
            parts.push(lanes);
        }
        parts
    }
}

fn removes(action: &Action) -> bool {
    action.verb == Verb::Remove
}

fn goes_beside(stretch: &[Action], next: &[Action]) -> bool {
    let (Some(first), Some(other)) = (stretch.first(), next.first()) else {
        return false;
    };
    match (first.step, other.step) {
        (Step::Disks, Step::Networks) => removes(first) && removes(other),
        (Step::Networks, Step::Image | Step::Disks | Step::Domains) => {
            // A change of the host's own interfaces may cut the connection for a moment: not under a transfer.
            let libvirts = stretch.iter().all(|action| action.kind == Kind::Network);
            // A running domain's NIC is plugged into a network that is there.
            let plugs = next.iter().any(needs_networks);
            libvirts && !plugs && !removes(first) && !removes(other)
        }
        _ => false,
    }
}

fn needs_networks(action: &Action) -> bool {
    use crate::steps::domains::Work as Of;
    matches!(
        action.work,
        Work::Domains(Of::Plug { .. } | Of::Replug { .. } | Of::Vlans { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    fn action(step: Step, verb: Verb, kind: Kind) -> Action {
        let work = Work::Networks(steps::networks::Work::Autostart(String::new()));
        Action::new(step, verb, kind, "x", "hv1", "a test", work)
    }

    fn shown(plan: &Plan) -> Vec<(Vec<usize>, Vec<usize>)> {
        let steps = |row: &[&[Action]]| row.iter().map(|stretch| stretch[0].step.number()).collect();
        plan.lanes()
            .iter()
            .map(|lanes| (steps(&lanes.main), steps(&lanes.beside)))
            .collect()
    }

    #[test]
    fn networks_are_made_beside_images_disks_and_definitions() {
        let kinds = [
            Kind::File,
            Kind::Network,
            Kind::Image,
            Kind::Volume,
            Kind::Domain,
            Kind::Domain,
        ];
        let all = Step::ALL.into_iter().zip(kinds);
        let plan = Plan::new(all.map(|(step, kind)| action(step, Verb::Create, kind)).collect());
        assert_eq!(
            shown(&plan),
            [(vec![1], vec![]), (vec![2], vec![3, 4, 5]), (vec![6], vec![])]
        );
    }

    #[test]
    fn a_nic_is_plugged_in_when_its_network_is_there() {
        let unplug = steps::domains::Work::Unplug {
            name: "x".into(),
            mac: "52:54:00:00:00:01".parse().unwrap(),
        };
        let nic = crate::deployment::Nic {
            network: "wire".into(),
            portgroup: None,
            interface: None,
            mac: "52:54:00:00:00:02".parse().unwrap(),
            ips: Vec::new(),
            reserved: Vec::new(),
            dhcp4: false,
            bridge: None,
            lan: false,
            told: Vec::new(),
            gateways: Vec::new(),
            search: None,
            mtu: None,
            model: "virtio".into(),
        };
        let plug = steps::domains::Work::Plug {
            name: "x".into(),
            nic: Box::new(nic),
        };
        let work = |work: steps::domains::Work| {
            Action::new(
                Step::Domains,
                Verb::Update,
                Kind::Domain,
                "x",
                "hv1",
                "a test",
                work,
            )
        };
        let plan = Plan::new(vec![
            action(Step::Networks, Verb::Create, Kind::Network),
            action(Step::Disks, Verb::Create, Kind::Volume),
            work(plug),
            action(Step::Networks, Verb::Remove, Kind::Network),
            work(unplug),
        ]);
        assert_eq!(
            shown(&plan),
            [
                (vec![5], vec![]),
                (vec![2], vec![]),
                (vec![2], vec![4]),
                (vec![5], vec![])
            ]
        );
    }

    #[test]
    fn a_change_of_the_hosts_interfaces_has_the_road_for_itself() {
        let plan = Plan::new(vec![
            action(Step::Networks, Verb::Update, Kind::Host),
            action(Step::Networks, Verb::Create, Kind::Network),
            action(Step::Image, Verb::Create, Kind::Image),
        ]);
        assert_eq!(shown(&plan), [(vec![2], vec![]), (vec![3], vec![])]);
    }

    #[test]
    fn networks_go_beside_the_disks_and_after_the_domains() {
        let steps = [Step::Host, Step::Networks, Step::Disks, Step::Domains];
        let plan = Plan::new(
            steps
                .map(|step| action(step, Verb::Remove, Kind::Network))
                .to_vec(),
        );
        assert_eq!(
            shown(&plan),
            [(vec![5], vec![]), (vec![4], vec![2]), (vec![1], vec![])]
        );
    }
}
