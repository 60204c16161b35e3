//! What files may say and irs cannot do yet: refused where neglect would give a wrong environment.

use crate::yaml::{Place, Problems};

use super::Topology;
use super::network::Forward;

impl Topology {
    /// The things in this topology that are read and not made yet; only networks that are there and
    /// node types that are asked for count. Empty when all can be made.
    pub fn unsupported(&self) -> Problems {
        let mut problems = Problems::default();
        for network in &self.networks {
            let name = &network.name;
            if network.forward == Forward::Bridge && network.virtualport_place.is_some() {
                let place = network.forward_place.as_ref().unwrap_or(&network.place);
                refuse(
                    &mut problems,
                    place,
                    &format!("'forward: bridge' of network '{name}'"),
                );
            }
            if let Some(place) = &network.virtualport_place {
                refuse(
                    &mut problems,
                    place,
                    &format!("'virtualport_type' of network '{name}'"),
                );
            }
            if let (Some(place), false) = (&network.portgroups_place, network.portgroups.is_empty()) {
                refuse(&mut problems, place, &format!("'portgroups' of network '{name}'"));
            }
        }
        problems.sort();
        problems
    }
}

fn refuse(problems: &mut Problems, place: &Place, what: &str) {
    problems
        .push(place.clone(), format!("{what} is not supported yet"))
        .hint("leave it out, or use another node type or network file");
}
