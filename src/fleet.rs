//! One environment on several hypervisors: a deployment on each, of one name, with one secret and one set of counts. What
//! each hypervisor's record says of all of them, so that any of them tells where the others are. Pure data.

mod member;
mod share;

pub use member::{Found, Member, Seat, absent, members, one_environment};
pub use share::{Share, shares};
