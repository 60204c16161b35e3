//! First contact by a password: the user's key is authorised, on the hypervisor and on the nodes.

use crate::plan::Action;
use crate::remote::Host;
use crate::ssh::own_key::{self, OwnKey};
use crate::steps::host::access::contact;
use crate::ui::Ui;
use anyhow::Result;

/// The key of a user who came by a password; none for whoever came by a key.
///
/// # Errors
/// When the key that was named cannot be read, or there is no place for a new one.
pub(super) fn key(host: &Host) -> Result<Option<OwnKey>> {
    match host.destination().filter(|_| host.logged_in_by_password()) {
        Some(destination) => own_key::of(destination).map(Some),
        None => Ok(None),
    }
}

/// What there is to do for the next time.
///
/// # Errors
/// The key's, the hypervisor's.
pub(super) fn actions(host: &Host, ui: &Ui) -> Result<Option<Action>> {
    let (Some(key), Some(destination)) = (key(host)?, host.destination()) else {
        return Ok(None);
    };
    let there = contact::read(host, &destination.user)?;
    if let Some(warning) = contact::warning(&there, &destination.user, host.name()) {
        ui.warn(&warning);
    }
    Ok(contact::converge(&there, &key, &destination.user, host.name()))
}
