//! An environment that is not where one looked for it.

use crate::error::{Exit, Fault};
use crate::yaml::nearest;
use std::collections::BTreeSet;

/// Says that there is no environment of that name on those hypervisors, and which ones there are.
pub fn nowhere(name: &str, hosts: &[&str], there: &BTreeSet<&str>) -> Fault {
    let message = format!("there is no environment '{name}' on '{}'", hosts.join("' and '"));
    Fault::new(Exit::Usage, message).hint(which(name, there))
}

/// Which environments there are instead.
pub fn which(name: &str, there: &BTreeSet<&str>) -> String {
    if there.is_empty() {
        return "irs has made none there: 'irs virsh --topology-nodes TYPE:COUNT' makes one".to_owned();
    }
    let names: Vec<&str> = there.iter().copied().collect();
    let guess = nearest(name, there.iter().copied()).map(|guess| format!("did you mean '{guess}'? "));
    let guess = guess.unwrap_or_default();
    format!("{guess}there are: {}; --prefix names one", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_guessed() {
        let there = BTreeSet::from(["foo", "foo-bar"]);
        let said = |name: &str, there| nowhere(name, &["hv1", "hv2"], there);
        let near = said("fo", &there);
        assert_eq!(
            near.to_string(),
            "there is no environment 'fo' on 'hv1' and 'hv2'"
        );
        assert_eq!(
            near.hint.as_deref(),
            Some("did you mean 'foo'? there are: foo, foo-bar; --prefix names one")
        );
        assert_eq!(which("x", &there), "there are: foo, foo-bar; --prefix names one");
        assert!(which("default", &BTreeSet::new()).starts_with("irs has made none there"));
    }
}
