use super::*;
use crate::deployment::{Deployment, Identity, Portgroup, Storage};
use crate::steps::networks::change::tests::{found, network};
use uuid::Uuid;

fn group(name: &str) -> Portgroup {
    Portgroup {
        name: name.into(),
        default: false,
        trunk: false,
        vlans: BTreeMap::new(),
    }
}

/// A model with this network alone.
fn model(network: &Network) -> Deployment {
    let blueprint = Blueprint {
        networks: vec![network.clone()],
        ..serde_json::from_str(EMPTY).unwrap()
    };
    let id = Identity {
        name: "default".into(),
        prefix: None,
        uuid: Uuid::from_u128(2),
        host: "hv".into(),
    };
    let storage = Storage {
        folder: "/images".into(),
        pool: "images".into(),
    };
    blueprint.deployment(&id, &storage)
}

const EMPTY: &str = r#"{"version":1,"uuid":"00000000-0000-0000-0000-000000000002","pool":"images","bridges":[],"networks":[],"nodes":[]}"#;

fn blueprint(network: &Network, before: Option<&Blueprint>) -> Blueprint {
    Blueprint::after(&model(network), before, "images", &BTreeSet::new())
}

/// What a plan sees of a network that is there.
fn seen(blueprint: &Blueprint, wanted: &Network, there: ActualNetwork) -> ActualNetwork {
    let actual = Actual {
        networks: vec![there],
        ..Actual::default()
    };
    blueprint.past_theirs(&model(wanted), &actual)[0].clone()
}

#[test]
fn what_others_gave_a_network_is_looked_past_and_what_irs_gave_it_is_not() {
    let full = network();
    let bare = Network {
        domain: None,
        mtu: None,
        srvs: Vec::new(),
        ipv6: None,
        ..full.clone()
    };
    let mut theirs = found(&full);
    theirs.portgroups.push(group("theirs"));
    let before = blueprint(&bare, None);
    for part in [
        seen(&before, &bare, theirs.clone()),
        *seen(&before, &bare, theirs.clone()).live.unwrap(),
    ] {
        assert_eq!((part.domain, part.mtu, part.addresses.len()), (None, None, 1));
        assert!(part.srvs.is_empty() && part.portgroups.is_empty());
    }
    // The topology says it no more: irs takes away what it gave, also when the run that was to do it was killed.
    let before = blueprint(&full, None);
    let after = blueprint(&bare, Some(&before));
    for known in [before, after.clone(), blueprint(&bare, Some(&after))] {
        let part = seen(&known, &bare, theirs.clone());
        assert_eq!(
            (part.domain.as_deref(), part.srvs.len()),
            (Some("lab.example"), 1)
        );
        assert!(part.portgroups.is_empty());
    }
    assert_eq!(blueprint(&full, Some(&after)).dropped, BTreeMap::new());
    let text = after.to_json().unwrap();
    assert_eq!(Blueprint::parse(&text).unwrap().dropped, after.dropped);
}
