//! Which of a distribution's repositories a package should be in.

use super::distribution::Line;

/// What to do so that a package is found; where it should be.
pub fn channel(line: Line, id: &str, package: &str) -> String {
    match line {
        Line::El(7) if id == "rhel" => {
            "register the host and enable the RHEL server channel: subscription-manager repos --enable=rhel-7-server-rpms \
             --enable=rhel-7-server-optional-rpms"
                .to_owned()
        }
        Line::El(major) if id == "rhel" => format!(
            "register the host and enable its channels: subscription-manager repos \
             --enable=rhel-{major}-for-$(arch)-baseos-rpms --enable=rhel-{major}-for-$(arch)-appstream-rpms"
        ),
        Line::El(7) => "enable the repositories 'base' and 'updates' in /etc/yum.repos.d".to_owned(),
        Line::El(_) => "enable the repositories 'baseos' and 'appstream' in /etc/yum.repos.d (dnf config-manager --set-enabled)"
            .to_owned(),
        Line::Fedora(_) => "enable the repositories 'fedora' and 'updates' in /etc/yum.repos.d".to_owned(),
        Line::Ubuntu(_) => {
            "enable the components main and universe of the Ubuntu archive: add-apt-repository universe".to_owned()
        }
        Line::Debian(_) => {
            "name the Debian archive with its component main in /etc/apt/sources.list, then apt-get update".to_owned()
        }
        Line::Suse(_) if id.starts_with("sle") && package.starts_with("guestfs") => {
            "enable the Server Applications module: SUSEConnect -p sle-module-server-applications/VERSION/ARCH".to_owned()
        }
        Line::Suse(_) => "enable the main (OSS) and update repositories: zypper repos, zypper modifyrepo --enable".to_owned(),
        Line::Other => "configure the distribution's own repositories".to_owned(),
    }
}
