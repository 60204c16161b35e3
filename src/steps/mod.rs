//! The six steps, six rooms: each reads its kind of resource, says what must change, and changes it.

pub mod disks;
pub mod domains;
pub mod host;
pub mod image;
pub mod networks;
pub mod start;

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Set up libvirt and the pools.
    Host,
    /// Create the networks.
    Networks,
    /// Download the base image.
    Image,
    /// Create the node images.
    Disks,
    /// Define the VMs.
    Domains,
    /// Start them.
    Start,
}

impl Step {
    /// All six.
    pub const ALL: [Step; 6] = [
        Step::Host,
        Step::Networks,
        Step::Image,
        Step::Disks,
        Step::Domains,
        Step::Start,
    ];

    /// The step's number, 1 to 6.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// The name in JSON and messages.
    pub fn name(self) -> &'static str {
        match self {
            Step::Host => "host",
            Step::Networks => "networks",
            Step::Image => "image",
            Step::Disks => "disks",
            Step::Domains => "domains",
            Step::Start => "start",
        }
    }

    /// What the step does, for people.
    pub fn title(self) -> &'static str {
        match self {
            Step::Host => "set up the host",
            Step::Networks => "create the networks",
            Step::Image => "download the base image",
            Step::Disks => "create the node images",
            Step::Domains => "define the VMs",
            Step::Start => "start the VMs",
        }
    }

    /// What the step does when all is there already.
    pub fn change_title(self) -> &'static str {
        match self {
            Step::Host => "set up the host",
            Step::Networks => "change the networks",
            Step::Image => "change the base image",
            Step::Disks => "change the node images",
            Step::Domains => "change the VMs",
            Step::Start => "start the VMs",
        }
    }

    /// What the step does when it takes away.
    pub fn removal_title(self) -> &'static str {
        match self {
            Step::Host => "remove the pools and the record",
            Step::Networks => "remove the networks",
            Step::Image => "remove the base image",
            Step::Disks => "remove the node images",
            Step::Domains => "remove the VMs",
            Step::Start => "stop the VMs",
        }
    }
}
