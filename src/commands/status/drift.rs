//! What of an environment is not as irs made it: what the next run would do, by the blueprint; of an environment that an
//! older irs made, what its marks tell.

mod marks;

use crate::actual::Actual;
use crate::blueprint::Blueprint;
use crate::converge::{Found, Goal, only_network, only_node};
use crate::deployment::{Deployment, Identity, Slot, Storage};
use crate::plan::{Kind, Plan, Verb};
use crate::ready::hint_for_fallen;
use crate::remote::Host;
use crate::secret::Secret;
use crate::steps::disks::outside;
use crate::steps::domains::read::ActualDomain;
use crate::steps::domains::state::State;
use crate::steps::host::RECORD;
use crate::steps::host::record::Record;
use crate::xml::edit::child;
use crate::yaml::Problem;
use anyhow::Result;
use roxmltree::Document;
use serde::Serialize;
use std::collections::BTreeMap;

/// Something that is not as irs made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What it is.
    pub kind: Kind,
    /// The resource.
    pub name: String,
    /// What is wrong with it, in words that follow its name.
    pub what: String,
    /// What the next run makes of it; none when that is not known.
    pub next: Option<Next>,
    /// The way out of what is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a run makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// It makes it again.
    Create,
    /// It repairs it.
    Update,
    /// It takes it away.
    Remove,
    /// It changes nothing, and says so.
    Refuse,
}

impl Drift {
    fn known(kind: Kind, name: &str, what: impl Into<String>) -> Drift {
        Drift {
            kind,
            name: name.to_owned(),
            what: what.into(),
            next: None,
            hint: None,
        }
    }

    fn refused(kind: Kind, name: &str, problem: Problem) -> Drift {
        Drift {
            next: Some(Next::Refuse),
            hint: problem.hint,
            ..Drift::known(kind, name, problem.message)
        }
    }
}

/// All that is otherwise.
///
/// # Errors
/// When disks outside of the pool cannot be looked at.
pub fn drift(host: &Host, storage: &Storage, actual: &Actual, id: &Identity) -> Result<Vec<Drift>> {
    let Some(blueprint) = &actual.facts.blueprint else {
        return Ok(marks::drift(actual, id));
    };
    if let Some(fault) = &actual.facts.record_fault {
        let problem = Problem {
            place: None,
            message: fault.clone(),
            hint: Some("remove that file: the next run writes it anew from the marks".into()),
        };
        return Ok(vec![Drift::refused(Kind::File, RECORD, problem)]);
    }
    let mut deployment = blueprint.deployment(id, storage);
    let mut volumes = actual.volumes(&id.name);
    let mut damaged = actual.facts.damaged.clone();
    let mut found = Vec::new();
    match outside::look(host, &mut deployment, actual) {
        Ok(outside) => {
            volumes.extend(outside.sizes);
            damaged.extend(outside.damaged);
        }
        Err(error) => found.push(Drift::known(Kind::Host, &id.host, format!("{error:#}"))),
    }
    found.extend(
        actual
            .facts
            .lost_bases
            .iter()
            .map(|lost| match lost.problem(&deployment) {
                Some(problem) => Drift::refused(Kind::Image, &lost.path, problem),
                None => Drift {
                    next: Some(Next::Create),
                    ..Drift::known(Kind::Image, &lost.path, lost.what(&deployment))
                },
            }),
    );
    found.extend(of_blueprint(blueprint, deployment, (&volumes, &damaged), actual)?);
    let nodes = || {
        actual
            .domains_of(id.uuid)
            .filter(|domain| blueprint.node(&domain.name).is_some())
    };
    found.extend(nodes().filter(|domain| domain.state == State::Broken).map(fallen));
    // Nodes that an older irs made are in no blueprint.
    let unknown = actual
        .domains_of(id.uuid)
        .filter(|domain| blueprint.node(&domain.name).is_none());
    found.extend(unknown.flat_map(|domain| marks::of_domain(domain, actual)));
    Ok(found)
}

/// A node whose emulator gave up: no run resumes it, as its machine may be in any state.
fn fallen(domain: &ActualDomain) -> Drift {
    Drift {
        hint: Some(hint_for_fallen(domain.virt_type, &domain.name)),
        ..Drift::known(Kind::Domain, &domain.name, format!("is {}", domain.state.name()))
    }
}

/// What a run with this blueprint would change or refuse. Pure.
fn of_blueprint(
    blueprint: &Blueprint,
    mut deployment: Deployment,
    (volumes, damaged): (&BTreeMap<String, u64>, &BTreeMap<String, String>),
    actual: &Actual,
) -> Result<Vec<Drift>> {
    let id = deployment.id.clone();
    for node in &mut deployment.nodes {
        // Passwords are written down nowhere: the one that is there is taken for the right one, where there is to be one.
        let domain = actual.domains.iter().find(|domain| domain.name == node.name);
        let there = domain.and_then(|domain| password(domain.definition.reveal()));
        node.vnc.password = match blueprint.has_password(&node.name) {
            Some(true) => there.or_else(|| Some(Secret::new("lost"))),
            Some(false) => None,
            None => there,
        };
    }
    let lost = || {
        let slot = Slot {
            net: String::new(),
            data_net: String::new(),
        };
        Record::new(&id.name, blueprint.uuid, slot, String::new())
    };
    let record = actual.facts.record.clone().map_or_else(lost, Ok)?;
    let goal = Goal {
        deployment: &deployment,
        record: &record,
        blueprint: None,
        actual,
        volumes,
        damaged,
    };
    if let Ok(plan) = goal.plan(Vec::new(), Vec::new()) {
        return Ok(of_plan(plan));
    }
    // Something is refused: each resource by itself says which.
    let mut all = of_part(Kind::Host, &id.host, goal.of_host());
    for network in &deployment.networks {
        let part = goal.of_networks(&only_network(&deployment, network));
        all.extend(of_part(Kind::Network, &network.name, part));
    }
    all.extend(of_part(Kind::Network, &id.name, Ok(goal.stale())));
    for node in &deployment.nodes {
        let part = goal.of_nodes(&only_node(&deployment, node));
        all.extend(of_part(Kind::Domain, &node.name, part));
    }
    Ok(all)
}

fn of_part(kind: Kind, name: &str, found: Found) -> Vec<Drift> {
    match found {
        Ok(actions) => of_plan(Plan::new(actions)),
        Err(problems) => {
            let problems = problems.0.into_iter();
            problems
                .map(|problem| Drift::refused(kind, name, problem))
                .collect()
        }
    }
}

fn of_plan(plan: Plan) -> Vec<Drift> {
    let actions = plan.actions.into_iter();
    let drift = actions.map(|action| Drift {
        next: Some(match action.verb {
            Verb::Create => Next::Create,
            Verb::Update | Verb::Restart => Next::Update,
            Verb::Remove => Next::Remove,
        }),
        ..Drift::known(action.kind, &action.name, action.reason)
    });
    drift.collect()
}

/// The password of a domain's screen.
fn password(definition: &str) -> Option<Secret> {
    let document = Document::parse(definition).ok()?;
    let graphics = child(child(document.root_element(), "devices")?, "graphics")?;
    graphics.attribute("passwd").map(Secret::new)
}
